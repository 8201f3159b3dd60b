#!/usr/bin/env bash
# shuzi beside other systems, on this machine: one command, a few tables. See README.md.
#   bench/run.sh [classic|conv] [ROUNDS]        both parts unless one is named; MNIST from $SHUZI_DATA or ./mnist_data
set -euo pipefail
cd "$(dirname "$0")/.."
work=target/bench
mkdir -p "$work"
part=all
case "${1:-}" in classic | conv) part=$1 && shift ;; esac

cargo build --release --quiet
cargo build --release --quiet --example recognition
[ "$part" = conv ] ||
    cargo build --release --quiet --locked --manifest-path bench/peers/candle/Cargo.toml --target-dir "$work/candle"
[ -x "$work/venv/bin/python" ] || python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --requirement bench/requirements.txt
exec "$work/venv/bin/python" bench/run.py "$work" "${SHUZI_DATA:-mnist_data}" "$part" "${1:-5}"
