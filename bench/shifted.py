"""How much shuzi loses when MNIST's test digits lie elsewhere in a larger picture and are larger or smaller.

usage: shifted.py MNIST_FOLDER

Each of the 10,000 digits is written as a picture: as it is, shifted by up to 8 pixels in a frame of 44x44, and then scaled by 0.5 to 1
and by 1 to 3. Prints how many `shuzi recognize` reads right as lines, and as one digit (`--single`).
"""

import random
import sys
import tempfile

import numpy
from PIL import Image
from pictures import mnist, texts

chance = random.Random(1)
images, labels = mnist(sys.argv[1], "t10k")


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


print("| | as lines | as one digit |\n|---|---|---|")
for name, change in (
    ("as they are", lambda image: image),
    ("shifted", shifted),
    ("shifted, scaled 0.5 to 1", scaled(0.5, 1)),
    ("shifted, scaled 1 to 3", scaled(1, 3)),
):
    with tempfile.TemporaryDirectory() as pictures:
        for index, image in enumerate(images):
            Image.fromarray(numpy.asarray(change(image))).save(f"{pictures}/{index:05}.png", compress_level=1)
        cells = [name]
        for options in ([], ["--single"]):
            read = texts(pictures, *options)
            assert len(read) == len(labels)
            right = sum(text == str(label) for text, label in zip(read, labels))
            cells.append(f"{100 * right / len(labels):.2f} %")
    print(f"| {' | '.join(cells)} |", flush=True)
