#!/bin/sh
# Builds one fuzz target with coverage instrumentation and runs it.
# Usage: tests/fuzz/run.sh TARGET SECONDS [libFuzzer options]
#
# New inputs go to target/fuzz/TARGET, not into the repository. A find is
# written to target/fuzz/artifacts; shrink it with -minimize_crash=1 and put
# it into corpus/TARGET under a telling name: the ordinary tests replay those.
#
# No address sanitizer: the code under test has no unsafe block, and without
# it everything here works on the stable compiler and runs faster.
set -eu
target=${1:?usage: run.sh TARGET SECONDS}
seconds=${2:?usage: run.sh TARGET SECONDS}
shift 2
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../../target/fuzz
work=$out/$target
host=$(rustc -vV | sed -n 's/^host: //p')
mkdir -p "$work" "$out/artifacts"

# Instrument the target and its dependencies, but not build scripts: cargo
# keeps the two apart when a --target is given.
RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module \
-Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares" \
CARGO_TARGET_DIR=$out/build \
cargo build --release --target "$host" \
    --manifest-path "$here/Cargo.toml" --bin "$target"

dict=$here/$target.dict
if [ -f "$dict" ]; then set -- "-dict=$dict" "$@"; fi
exec "$out/build/$host/release/$target" "$work" "$here/corpus/$target" \
    -max_total_time="$seconds" -artifact_prefix="$out/artifacts/$target-" \
    -timeout=10 -rss_limit_mb=2048 "$@"
