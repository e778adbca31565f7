#!/bin/sh
# run.sh ARGS…    boots the card that `./just image` made in a virtual machine, and uses it from a
# network of its own, which exists for as long as the tests run. ARGS go to pytest. Needs root.
set -eu

HERE=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

sh "$HERE/../need-packages.sh" dnsmasq-base iproute2 util-linux
cd "$HERE"
exec unshare --net sh -c 'ip link set lo up && exec ../.venv/bin/python -m pytest "$@"' run "$@"
