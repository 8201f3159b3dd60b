"""How much shuzi loses when MNIST's test digits lie elsewhere in a larger picture and are larger or smaller.

usage: shifted.py MNIST_FOLDER

Each of the 10,000 digits is written as a picture: as it is, shifted by up to 8 pixels in a frame of 44x44, and then scaled by 0.5 to 1
and by 1 to 3. Prints how many `shuzi recognize --single` reads right.
"""

import gzip
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import numpy
from PIL import Image

folder = pathlib.Path(sys.argv[1])
shuzi = os.environ.get("SHUZI", "target/release/shuzi")
chance = random.Random(1)


def bytes_of(name):
    path = folder / name
    return path.read_bytes() if path.exists() else gzip.decompress(path.with_name(name + ".gz").read_bytes())


images = numpy.frombuffer(bytes_of("t10k-images-idx3-ubyte"), numpy.uint8, offset=16).reshape(-1, 28, 28)
labels = numpy.frombuffer(bytes_of("t10k-labels-idx1-ubyte"), numpy.uint8, offset=8)


def shifted(image):
    left, top = chance.randint(0, 16), chance.randint(0, 16)
    frame = numpy.zeros((44, 44), numpy.uint8)
    frame[top : top + 28, left : left + 28] = image
    return frame


def scaled(least, most):
    def change(image):
        side = round(44 * chance.uniform(least, most))
        return Image.fromarray(shifted(image)).resize((side, side), Image.LANCZOS)

    return change


print("| | read right |\n|---|---|")
for name, change in (
    ("as they are", lambda image: image),
    ("shifted", shifted),
    ("shifted, scaled 0.5 to 1", scaled(0.5, 1)),
    ("shifted, scaled 1 to 3", scaled(1, 3)),
):
    with tempfile.TemporaryDirectory() as pictures:
        for index, image in enumerate(images):
            Image.fromarray(numpy.asarray(change(image))).save(f"{pictures}/{index:05}.png", compress_level=1)
        command = [shuzi, "recognize", "--json", "--quiet", "--single", pictures]
        output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        texts = [json.loads(line)["text"] for line in output.splitlines()]
        assert len(texts) == len(labels)
        right = sum(text == str(label) for text, label in zip(texts, labels))
    print(f"| {name} | {100 * right / len(labels):.2f} % |", flush=True)
