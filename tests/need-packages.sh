#!/bin/sh
# need-packages.sh PACKAGE…    installs those of the Debian packages that are missing.
# need-packages.sh --lists     makes sure that apt knows what there is.
# need-packages.sh --refresh   asks Debian what there is now.
# Says what it will install before it asks for sudo. Starts no service of theirs.
set -eu

LISTS_FRESH_DAYS=7
APT_WAIT_SECONDS=300 # another apt may be at work

fail() {
    printf '\nneed-packages: %s\n' "$1" >&2
    exit 1
}

is_installed() {
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        fail "this needs root. Run as root once: $*"
    fi
}

# RUNLEVEL=1: a package's maintainer script then starts no service.
apt() {
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get -qq -o DPkg::Lock::Timeout="$APT_WAIT_SECONDS" -o Dpkg::Use-Pty=0 "$@"
}

lists_are_fresh() {
    [ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -mtime "-$LISTS_FRESH_DAYS" 2>/dev/null)" ]
}

refresh() {
    echo "need-packages: reading Debian's list of packages"
    apt update || fail "apt-get update failed. Is the network up, and are Debian's sources set?"
}

command -v apt-get >/dev/null 2>&1 || fail "this is not a Debian system; install by hand: $*"

if [ "$1" = --lists ]; then
    lists_are_fresh || refresh
    exit 0
fi

if [ "$1" = --refresh ]; then
    refresh
    exit 0
fi

missing=
for package; do
    is_installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "need-packages: these Debian packages will be installed:$missing"
lists_are_fresh || refresh
# The list may be older than what the mirror still has, so one refresh and one more try.
# shellcheck disable=SC2086 # a list of words
apt install --no-install-recommends $missing >/dev/null ||
    { refresh && apt install --no-install-recommends $missing >/dev/null; } ||
    fail "the packages could not be installed. Try by hand: apt-get install$missing"
