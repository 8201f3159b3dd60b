#!/usr/bin/env bash
# shuzi beside other systems, on this machine: one command, one table. See README.md.
#   bench/run.sh [ROUNDS]        MNIST from $SHUZI_DATA or ./mnist_data
set -euo pipefail
cd "$(dirname "$0")/.."
work=target/bench
mkdir -p "$work"

cargo build --release --quiet
cargo build --release --quiet --example recognition
cargo build --release --quiet --locked --manifest-path bench/peers/candle/Cargo.toml --target-dir "$work/candle"
[ -x "$work/venv/bin/python" ] || python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --requirement bench/requirements.txt
exec "$work/venv/bin/python" bench/run.py "$work" "${SHUZI_DATA:-mnist_data}" "${1:-5}"
