#!/usr/bin/env bash
# shuzi beside other readers, on a folder of pictures that a labels.csv describes: one command, one table. See README.md.
#   bench/photos.sh FOLDER        MNIST, for the network that is trained here, from $SHUZI_DATA or ./mnist_data
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: bench/photos.sh FOLDER" >&2 && exit 2; }
folder=$(realpath "$1")
cd "$(dirname "$0")/.."
work=target/bench
mkdir -p "$work"

cargo build --release --quiet
[ -x "$work/venv/bin/python" ] || python3 -m venv "$work/venv"
install() { "$work/venv/bin/pip" install --quiet --disable-pip-version-check --constraint bench/requirements.txt "$@"; }
install numpy pillow
install torch || echo "PyTorch cannot be installed here: its columns stay empty" >&2
command -v tesseract >/dev/null ||
    echo "no tesseract here (Debian: apt-get install tesseract-ocr): its column stays empty" >&2
exec "$work/venv/bin/python" bench/photos.py "$folder" --peers
