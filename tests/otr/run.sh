#!/bin/sh
# Our OTR engine against those of others, message by message, in both roles and versions: Debian's
# libotr and Go library, and the libraries for Python and JavaScript, pinned.
# Usage: tests/otr/run.sh [ROUNDS [NAME…]]      names: libotr go potr npm; all if none is given
set -eu
rounds=${1:-10}
[ $# -eq 0 ] || shift
wanted=${*:-libotr go potr npm}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${CARGO_TARGET_DIR:-$root/target}/otr
venv=$root/tests/.venv/otr
mkdir -p "$out"

# The name of the Go library in this Debian, which says its path as well; none is no error.
go_package() {
    for owner in coyim twstrike; do
        name=golang-github-$owner-otr3-dev
        if LC_ALL=C apt-cache policy "$name" 2>/dev/null | grep -q 'Candidate: [^(]'; then
            echo "$name github.com/$owner/otr3"
            return
        fi
    done
}

make_libotr() {
    sh "$here/../need-packages.sh" gcc libc6-dev libgcrypt20-dev libotr5-dev pkg-config
    # shellcheck disable=SC2046 # a list of words
    gcc -std=c11 -O1 -Wall -Wextra -Werror -o "$out/libotr-peer" "$here/peer.c" \
        $(pkg-config --cflags --libs libotr)
    set_peer "libotr=$out/libotr-peer"
}

make_go() {
    sh "$here/../need-packages.sh" --lists
    found=$(go_package)
    if [ -z "$found" ]; then
        echo "test-otr: this Debian has no OTR library for Go; going on without it"
        return
    fi
    sh "$here/../need-packages.sh" golang-go "${found% *}"
    mkdir -p "$out/go"
    sed "s#\"OTR3\"#\"${found#* }\"#" "$here/go/peer.go" >"$out/go/peer.go"
    GOPATH=/usr/share/gocode GO111MODULE=off GOFLAGS='' GOCACHE="$out/go/cache" \
        go build -o "$out/go-peer" "$out/go/peer.go"
    set_peer "go=$out/go-peer"
}

# A Python environment of its own; a finished one holds a copy of the list it was made from.
make_venv() {
    cmp -s "$here/requirements.txt" "$venv/installed.txt" && return
    sh "$here/../need-packages.sh" python3 python3-venv
    echo "test-otr: installing Python packages into $(basename "$venv")"
    rm -rf "$venv"
    /usr/bin/python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
        --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/installed.txt"
}

make_potr() {
    make_venv
    set_peer "potr=$venv/bin/python $here/peer.py"
}

# The programs node and npm come as packages of Python's.
make_npm() {
    make_venv
    if ! cmp -s "$here/npm/package-lock.json" "$here/npm/node_modules/installed.json"; then
        echo "test-otr: installing npm packages into tests/otr/npm"
        rm -rf "$here/npm/node_modules"
        (cd "$here/npm" && PATH="$venv/bin:$PATH" "$venv/bin/npm" ci --omit=optional \
            --silent --no-audit --no-fund)
        cp "$here/npm/package-lock.json" "$here/npm/node_modules/installed.json"
    fi
    set_peer "npm=$venv/bin/node $here/npm/peer.js"
}

peers=$out/peers
: >"$peers"
set_peer() { printf '%s\n' "$1" >>"$peers"; }

for name in $wanted; do "make_$name"; done

cd "$root"
set --
while IFS= read -r peer; do set -- "$@" "$peer"; done <"$peers"
exec cargo run --locked --quiet --package snug-tests --bin snug-otr-interop -- \
    crates/otr/tests/vectors/keys "$rounds" docs/otr-interop.md "$@"
