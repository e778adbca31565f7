#!/bin/sh
# Our OTR engine against Debian's libotr, message by message, in both roles and versions.
# Usage: tests/otr/run.sh [ROUNDS]
set -eu
rounds=${1:-10}
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
sh "$here/../need-packages.sh" gcc libc6-dev libgcrypt20-dev libotr5-dev pkg-config
out=${CARGO_TARGET_DIR:-$root/target}/otr
mkdir -p "$out"
# shellcheck disable=SC2046 # a list of words
gcc -std=c11 -O1 -Wall -Wextra -Werror -o "$out/peer" "$here/peer.c" $(pkg-config --cflags --libs libotr)
cd "$root"
cargo run --locked --quiet --package snug-tests --bin snug-otr-interop -- \
    "$out/peer" crates/otr/tests/vectors/keys "$rounds"
