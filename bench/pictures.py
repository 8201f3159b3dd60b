"""What the scripts share that have shuzi read pictures: MNIST's images, what is read in a folder, and how far it is from the truth."""

import gzip
import json
import os
import pathlib
import subprocess

import numpy


def mnist(folder, part):
    """Images `[count, 28, 28]` and labels of `train` or `t10k`, packed or not."""

    def numbers(name, offset):
        path = pathlib.Path(folder, name)
        data = path.read_bytes() if path.exists() else gzip.decompress(path.with_name(name + ".gz").read_bytes())
        return numpy.frombuffer(data, numpy.uint8, offset=offset)

    return numbers(f"{part}-images-idx3-ubyte", 16).reshape(-1, 28, 28), numbers(f"{part}-labels-idx1-ubyte", 8)


def texts(folder, *options):
    """What `shuzi recognize` reads in the pictures of a folder, in the order of their names; lines of writing follow each other."""
    command = [os.environ.get("SHUZI", "target/release/shuzi"), "recognize", "--json", "--quiet", *options, folder]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [json.loads(line)["text"].replace("\n", "") for line in output.splitlines()]


def distance(a, b):
    """Insertions, deletions and replacements from one string to the other."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        row, above = [i + 1], row
        for j, y in enumerate(b):
            row.append(min(above[j] + (x != y), above[j + 1] + 1, row[j] + 1))
    return row[-1]
