"""Pictures as the peers get them: upright, on white where they are transparent, dark ink on light paper."""

import numpy as np
from PIL import Image, ImageOps

LARGEST = 1600
SMALLEST, ENLARGED = 64, 96  # a side below the first is enlarged to the second at least


def in_colour(path):
    """The picture, inverted where its edge is dark."""
    picture = ImageOps.exif_transpose(Image.open(path)).convert("RGBA")
    picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    grey = np.asarray(picture.convert("L"))
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return picture if np.median(edge) > 127 else ImageOps.invert(picture)


def in_grey(path):
    """The same as an array."""
    return np.asarray(in_colour(path).convert("L"))


def on_a_page(path):
    """The same in colour, neither huge nor tiny, and with a margin of paper: else engines find no text in it."""
    picture = in_colour(path)
    picture.thumbnail((LARGEST, LARGEST))
    if min(picture.size) < SMALLEST:
        factor = -(-ENLARGED // min(picture.size))
        picture = picture.resize((picture.width * factor, picture.height * factor), Image.BICUBIC)
    paper = np.median(np.asarray(picture).reshape(-1, 3), axis=0)
    return ImageOps.expand(picture, max(8, min(picture.size) // 8), tuple(int(value) for value in paper))
