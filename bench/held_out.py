"""Parts MNIST's training set, so that recipes are chosen without a look at the test set.

usage: held_out.py MNIST_FOLDER OUT

Writes the four files of a data set into OUT: of MNIST's 60,000 training images, in an order that is always the same, the first
10,000 as a test set, the others to train on. `shuzi train --data OUT` and `shuzi evaluate MODEL --data OUT` take them for MNIST's.
"""

import gzip
import pathlib
import random
import struct
import sys

mnist, out = map(pathlib.Path, sys.argv[1:])
out.mkdir(parents=True, exist_ok=True)


def file(name):
    packed = mnist / f"{name}.gz"
    return gzip.decompress(packed.read_bytes()) if packed.exists() else (mnist / name).read_bytes()


images, labels = file("train-images-idx3-ubyte")[16:], file("train-labels-idx1-ubyte")[8:]
order = list(range(60_000))
random.Random(20261128).shuffle(order)
for part, indices in ("t10k", order[:10_000]), ("train", order[10_000:]):
    chosen = b"".join(images[784 * index :][:784] for index in indices)
    (out / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 0x803, len(indices), 28, 28) + chosen)
    (out / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, len(indices)) + bytes(labels[index] for index in indices))
