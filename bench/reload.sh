#!/usr/bin/env bash
# Hot reload at length, with the release build: 100 replacements under load for each kind of guest, 20 with failures, 20
# with guests that take 2 s to listen, 200 more for what is left behind, and the time from a rename to the first answer.
#
#   bench/reload.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --profile dist
export TEST_BINARY=$PWD/target/dist/wasmrun TEST_ROUNDS=${1:-100}
# One after the other, so that the figures are theirs alone.
cargo test --workspace --test it watch:: -- --nocapture --test-threads=1
