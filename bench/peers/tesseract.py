"""Tesseract reads digits from pictures."""

import concurrent.futures
import io
import os
import shutil
import subprocess

from PIL import Image

# One block, one line, one word, one character, one line without any correction (`tesseract --help-psm`).
MODES = 6, 7, 8, 10, 13
SMALLEST = 64  # smaller ones are enlarged: it expects letters of 20 pixels and more


def version():
    """`Tesseract 5.3.0`, or None where there is none."""
    if not shutil.which("tesseract"):
        return None
    output = subprocess.run(["tesseract", "--version"], capture_output=True, text=True, check=True).stdout
    return output.split("\n")[0].replace("tesseract", "Tesseract")


def read(images, mode):
    """The digits in each grey picture of dark ink on light paper, as a string."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda image: read_one(image, mode), images))


def read_one(image, mode):
    picture, encoded = Image.fromarray(image), io.BytesIO()
    if min(picture.size) < SMALLEST:
        factor = -(-SMALLEST // min(picture.size))
        picture = picture.resize((picture.width * factor, picture.height * factor), Image.BICUBIC)
    picture.save(encoded, "PNG", compress_level=1)
    command = ["tesseract", "-", "-", "--psm", str(mode), "-c", "tessedit_char_whitelist=0123456789"]
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    result = subprocess.run(command, input=encoded.getvalue(), capture_output=True, env=environment, check=False)
    return "".join(result.stdout.decode().split())  # empty where it refuses the picture
