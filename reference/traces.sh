#!/usr/bin/env bash
# Makes the traces that shuzi's tests compare with (SHUZI_GOLDEN), from MNIST.
#   reference/traces.sh MNIST_FOLDER OUT
# Both big versions of NumPy save the trained network, since their pickles name different modules.
set -euo pipefail
data=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
cd "$(dirname "$0")/.."
for version in 2 1; do
    [ -x "target/numpy$version/bin/pip" ] || python3 -m venv "target/numpy$version"
    "target/numpy$version/bin/pip" install --quiet --disable-pip-version-check \
        --requirement ".ci/requirements-numpy$version.txt"
    python="target/numpy$version/bin/python"
    [ "$version" = 1 ] || "$python" reference/trace.py write --data "$data" --out "$out/classic-seed0.npz"
    "$python" reference/trace.py check "$out/classic-seed0.npz" --data "$data"
    "$python" reference/trace.py save "$out/classic-seed0.npz" --out "$out/mlp-32-16-1epoch-numpy$version"
done
