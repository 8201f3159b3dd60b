"""ddddocr, made for captchas, reads a line of text; its wheel has the models."""

from importlib import metadata

import ddddocr
import one_thread


def version():
    return f"ddddocr {metadata.version('ddddocr')}, beta model"


def load():
    """A function that reads the whole picture as one line of text, with the model that reads more of these lines."""
    return one_thread.made(lambda: ddddocr.DdddOcr(show_ad=False, beta=True)).classification
