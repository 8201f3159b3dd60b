"""PP-OCRv6: rapidocr, whose wheel has the small models, reads text of any kind."""

from importlib import metadata

import cv2
import rapidocr
from PIL import Image

SETTINGS = {
    "Global.log_level": "critical",
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    # RapidOCR enlarges pictures to 736 pixels at least, and then overlooks what is written large in them.
    "Det.limit_type": "max",
    "Det.limit_side_len": 960,
}


def version():
    return f"PP-OCRv6 small (rapidocr {metadata.version('rapidocr')})"


def load(find):
    """A function that reads a picture: the whole as one line of text, or with `find` the texts that it finds in it."""
    cv2.setNumThreads(1)
    engine = rapidocr.RapidOCR(params=SETTINGS)
    read = read_page if find else read_line
    read(engine, Image.new("RGB", (64, 64), "white"))  # else the first picture loads the models
    return lambda picture: read(engine, picture)


def read_line(engine, picture):
    return "".join(engine(picture, use_det=False, use_cls=False).txts or ())


def read_page(engine, picture):
    """The texts row by row. A text belongs to a row if its middle is above the foot of the row's first text."""
    found = engine(picture, use_cls=False)  # all is upright, and a 6 must not be turned
    rows = []
    for box, text in sorted(zip(found.boxes, found.txts), key=middle) if found.txts else ():
        if not rows or middle((box, text)) > rows[-1][0]:
            rows.append((box[:, 1].max(), []))
        rows[-1][1].append((box[:, 0].min(), text))
    return "".join(text for _, row in rows for _, text in sorted(row))


def middle(found):
    box, _ = found
    return box[:, 1].mean()
