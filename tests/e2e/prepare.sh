#!/bin/sh
# Installs what the end-to-end tests drive: real clients and a browser from Debian, Python
# packages pinned in requirements.txt into tests/.venv. Quick when everything is there.
set -eu

HERE=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
VENV=$HERE/../.venv
WANTED=$HERE/requirements.txt

sh "$HERE/../need-packages.sh" \
    adwaita-icon-theme chromium dbus fonts-dejavu-core libnss3-tools libotr5 openbox openssl pidgin pidgin-otr \
    procps profanity python3 python3-venv scrot tmux util-linux xdotool xvfb

# A finished install leaves a copy of the list it was made from.
if ! cmp -s "$WANTED" "$VENV/installed.txt"; then
    echo "prepare: installing Python packages into tests/.venv"
    rm -rf "$VENV"
    /usr/bin/python3 -m venv "$VENV"
    "$VENV/bin/pip" install --quiet --disable-pip-version-check --requirement "$WANTED"
    cp "$WANTED" "$VENV/installed.txt"
fi
