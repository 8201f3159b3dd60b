"""The readers that photos.py compares with shuzi. Each has a name and `read(pictures, task, more)`."""

import functools
import importlib
import pathlib
import resource
import statistics
import sys

import letters
import numpy as np
import tesseract
from preparation import in_colour, in_grey, on_a_page

TASKS = "single", "multi", "nondigit"
KEPT = pathlib.Path("target/bench/example-network.pt")


def peers(single, multi, mnist):
    """All readers but shuzi. Tesseract's modes are chosen for these pictures; the example network learns from MNIST."""
    makers = {
        "Tesseract": lambda: tesseract_reader(single, multi),
        "PP-OCRv6, given the crop": lambda: text_reader("pp_ocr_v6", "given the crop", in_colour, find=False),
        "PP-OCRv6, finding": lambda: text_reader("pp_ocr_v6", "finding the text itself", on_a_page, find=True),
        "PP-OCRv5, given the crop": lambda: text_reader("pp_ocr_v5", "given the crop", in_colour),
        "ddddocr": lambda: text_reader("ddddocr_reading", "given the crop", in_colour),
        "PyTorch's example network": lambda: example_reader(mnist, "resized"),
        "the same with box and centre of mass": lambda: example_reader(mnist, "boxed"),
        "digit-recognizer-py": digit_recognizer_reader,
    }
    return [loaded(name, make) for name, make in makers.items()]


class OneByOne:
    """Reads one picture after the other with `read_one(path, task)`. `read_blank` starts a program in vain."""

    def __init__(self, name, read_one, tasks=TASKS, read_blank=None):
        self.name, self.read_one, self.tasks, self.read_blank = name, read_one, tasks, read_blank
        self.known = {}

    def read(self, pictures, task, _more=()):
        """What is read in each picture; None for a task that is not the reader's."""
        if task not in self.tasks:
            return None
        for picture in pictures:
            if picture.path not in self.known:
                self.known[picture.path] = self.read_one(picture.path, task)
        return [self.known[picture.path] for picture in pictures]


def median_seconds(reader, pictures, task):
    """Processor time from a picture's file to its text, without the start of a program; None for other tasks."""
    if not pictures or task not in reader.tasks:
        return None
    times = []
    for picture in pictures:
        times.append(processor_seconds(lambda path=picture.path: reader.read_one(path, task)))
        if reader.read_blank:
            times[-1] -= processor_seconds(reader.read_blank)
    return statistics.median(times)


def processor_seconds(work):
    """Of this process and of the programs that it runs."""

    def used():
        both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in both)

    before = used()
    work()
    return used() - before


def loaded(name, make):
    """A reader that is not installed, or that does not find its weights, leaves its column empty."""
    try:
        return make()
    except Exception as error:
        print(f"{name}: {error!r}; its column stays empty", file=sys.stderr)
        return OneByOne(name, None, tasks=())


def tesseract_reader(single, multi):
    if not tesseract.version():
        raise FileNotFoundError("no tesseract here (Debian: apt-get install tesseract-ocr)")
    modes = best_mode(single), best_mode(multi)
    blank = np.full((tesseract.SMALLEST, tesseract.SMALLEST), 255, np.uint8)
    return OneByOne(
        f"{tesseract.version()}, digits only, mode {modes[0]}, lines {modes[1]}",
        lambda path, task: tesseract.read_one(in_grey(path), modes[task == "multi"]),
        read_blank=lambda: tesseract.read_one(blank, modes[0]),
    )


def best_mode(pictures):
    """The mode in which Tesseract reads most of these pictures."""
    images = [in_grey(picture.path) for picture in pictures]

    def right(mode):
        return sum(text == picture.label for text, picture in zip(tesseract.read(images, mode), pictures))

    return max(tesseract.MODES, key=right)


def text_reader(module, given, prepare, **settings):
    """An engine that knows all characters. What looks like a digit is one, except where none is written."""
    engine = importlib.import_module(module)
    read = engine.load(**settings)

    def read_one(path, task):
        return (letters.strictly if task == "nondigit" else letters.leniently)(read(prepare(path)))

    return OneByOne(f"{engine.version()}, {given}", read_one)


def example_reader(mnist, preprocessing):
    example_network, network, accuracy = trained_example(mnist)
    name = f"the example network of {example_network.version()} ({100 * accuracy:.2f} % on MNIST)"
    preprocess = getattr(example_network, preprocessing)
    return OneByOne(
        f"{name}, grey, inverted, resized" if preprocessing == "resized" else "the same with box and centre of mass",
        lambda path, _task: example_network.read(network, [in_grey(path)], preprocess)[0],
        tasks=("single",),
    )


@functools.cache
def trained_example(mnist):
    import example_network

    network, accuracy = example_network.trained(mnist, KEPT)
    example_network.torch.set_num_threads(1)
    return example_network, network, accuracy


def digit_recognizer_reader():
    import digit_recognizer_reading as engine

    read = engine.load()
    return OneByOne(engine.version(), lambda path, _task: read(in_grey(path)), tasks=("single",))
