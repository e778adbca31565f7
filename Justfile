# Recipes for people who build Snug. `./just` brings what they need; see CONTRIBUTING.md.

set shell := ["bash", "-euo", "pipefail", "-c"]

programs := "-p snug-server -p snug-cli -p snug-admin"

# List the recipes
[private]
default:
    @{{ just_executable() }} --justfile '{{ justfile() }}' --list --unsorted

# Build and start snugd and the panel on this machine; data in FOLDER
run FOLDER="data":
    cargo build --release --locked --quiet {{ programs }}
    @sh systemd/run-desk.sh target/release '{{ FOLDER }}'

# Everything: Rust tests, other people's OTR, end-to-end tests with real clients, the card's recipe
test: test-rust (test-otr "2" "libotr" "go" "potr") test-e2e _clients-of-debian-12 test-image

# Formatting, lints and Rust tests: what a change has to pass before it is shown
check: lint
    cargo test --locked --workspace --quiet

# Formatting, and clippy with every warning an error
lint:
    cargo fmt --check --all
    cargo clippy --locked --workspace --all-targets -- -D warnings

# Unit, property, table and tidy tests; then the power cuts, which need strace, and the cut sockets
test-rust *ARGS: _packages && cuts
    cargo test --locked --workspace {{ ARGS }}
    cargo test --locked --workspace --test power_cut -- --ignored

# Cut sockets 1,000 times under traffic; SNUG_SEED repeats a run that failed
cuts:
    cargo test --locked --package snug-server --test scripts -- --ignored --nocapture thousand_cuts

# End-to-end tests with Profanity, Pidgin, slixmpp and Chromium; ARGS go to pytest
test-e2e *ARGS: _packages
    sh tests/e2e/prepare.sh
    # Also brings the programs, built as the Rust tests have them already.
    cargo test --locked --workspace --no-run --quiet
    cd tests/e2e && ../.venv/bin/python -m pytest --ignore=test_clients.py {{ ARGS }}

# The card's recipe and the Debian package; the card itself is `just image` and `just boot-test`
test-image *ARGS: _packages
    @sh tests/need-packages.sh mmdebstrap
    sh tests/e2e/prepare.sh
    cargo build --locked --quiet {{ programs }} -p snug-first-boot
    cd tests/image && ../.venv/bin/python -m pytest {{ ARGS }}

# Make the SD card for BOARD (any, zero2w, 3, 4, 5); VARIABLE=VALUE as in image/recipe.toml
image *BOARD:
    @sh tests/need-packages.sh mmdebstrap uidmap util-linux
    @python3 image/builder {{ BOARD }}

# Boot the card that `just image` made in a virtual machine, and use it; needs root
boot-test *ARGS:
    sh tests/e2e/prepare.sh
    sh tests/boot/run.sh {{ ARGS }}

# The matrix of ten real clients, which writes docs/clients.md; on Debian 12, whose clients it drives
test-clients *ARGS: _packages
    sh tests/e2e/prepare.sh clients
    cargo test --locked --workspace --no-run --quiet
    cd tests/e2e && ../.venv/bin/python -m pytest test_clients.py {{ ARGS }}

# Other releases of Debian have other versions of the ten clients, and not all of them.
_clients-of-debian-12:
    #!/bin/sh
    set -eu
    . /etc/os-release
    if [ "$ID $VERSION_ID" = "debian 12" ]; then
        again="'{{ just_executable() }}' --justfile '{{ justfile() }}' test-clients"
        # Ten programs that are not ours share one small machine: what fails has to fail twice.
        eval "$again" && exit
        echo "THE MATRIX FAILED ONCE, see above. It is run once more, whole."
        eval "exec $again"
    fi
    echo "NOT RUN here: the matrix of ten real clients (./just test-clients). It drives those of"
    echo "Debian 12, and this is ${PRETTY_NAME:-something else}; see docs/clients.md."

# Our OTR engine against those of others (libotr, Go, Python, JavaScript): ROUNDS times every
# exchange, in both roles; behind it the names of some of them
test-otr ROUNDS="10" *NAMES:
    sh tests/otr/run.sh '{{ ROUNDS }}' {{ NAMES }}

# What the OTR engine costs: key exchanges and messages, in processor time
figures-otr:
    cargo run --release --locked --package snug-tests --bin snug-otr-figures

# The rules of the tree: layers, headers, sizes, lists, units, documents
tidy: _packages
    cargo test --locked --package snug-tests --test tidy

# Measure snugd against Debian's Prosody on this machine (--help tells the scenarios)
bench *ARGS:
    @sh tests/need-packages.sh prosody
    cargo build --release --locked {{ programs }}
    cargo run --release --locked --package snug-tests --bin snug-bench -- {{ ARGS }}

# Fuzz TARGET for SECONDS, starting from its corpus
fuzz TARGET SECONDS="60":
    sh tests/fuzz/run.sh '{{ TARGET }}' '{{ SECONDS }}'

# Write anew the pages of docs that are made from lists in the code
docs-generate:
    SNUG_WRITE_DOCS=1 cargo test --locked --quiet --package snug-cli manual
    SNUG_WRITE_DOCS=1 cargo test --locked --quiet --package snug-firewall the_page
    SNUG_WRITE_DOCS=1 cargo test --locked --quiet --package snug-server --test protocols

# The code's own documentation, private parts included
docs:
    RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps --document-private-items

# What the Rust tests need besides a compiler: systemd-analyze judges the units, strace records
# what the store writes
_packages:
    @sh tests/need-packages.sh openssl strace systemd
