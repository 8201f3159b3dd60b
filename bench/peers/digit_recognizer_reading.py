"""digit-recognizer-py: a small convolutional network for MNIST's digits; its wheel has the weights."""

import sys
from importlib import metadata

sys.modules["pytorch"] = None  # torchvision tries to import this name, and pytorch.py beside this file would run
import digit_recognizer  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402


def version():
    return f"digit-recognizer-py {metadata.version('digit-recognizer-py')}"


def load():
    """A function that reads a grey picture, and always as one digit. It inverts the picture itself if it is light."""
    torch.set_num_threads(1)
    recognizer = digit_recognizer.DigitRecognizer(device="cpu")
    return lambda image: str(recognizer.predict(Image.fromarray(image)))
