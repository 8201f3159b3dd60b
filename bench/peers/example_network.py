"""PyTorch's MNIST example: its network and its training, and the two ways in which its users show it a picture."""

import gzip
import pathlib
import tomllib

import numpy as np
import torch
from conv_networks import accuracy, build
from PIL import Image
from torch.nn import functional

EPOCHS, BATCH = 3, 64
MEAN, DEVIATION = 0.1307, 0.3081
RECIPE = pathlib.Path(__file__).parent.parent / "example.toml"


def version():
    return f"PyTorch {torch.__version__.split('+')[0]}"


def mnist(folder, part):
    """Images `[count, 1, 28, 28]`, normalised, and labels."""

    def numbers(name, offset):
        packed = pathlib.Path(folder, name + ".gz")
        data = gzip.decompress(packed.read_bytes()) if packed.exists() else packed.with_suffix("").read_bytes()
        return torch.from_numpy(np.frombuffer(data, np.uint8, offset=offset).copy())

    images = numbers(f"{part}-images-idx3-ubyte", 16).view(-1, 1, 28, 28)
    return (images / 255 - MEAN) / DEVIATION, numbers(f"{part}-labels-idx1-ubyte", 8).long()


def trained(folder, kept, epochs=EPOCHS):
    """The network trained as in the example (Adadelta, rate 1, times 0.7 after each epoch), and its accuracy on the test images.

    Its weights are taken from the file `kept` where it is there, and else written to it.
    """
    network = build(tomllib.loads(RECIPE.read_text()))
    if kept.exists():
        network.load_state_dict(torch.load(kept, weights_only=True))
    else:
        torch.manual_seed(1)
        images, labels = mnist(folder, "train")
        optimizer = torch.optim.Adadelta(network.parameters(), lr=1)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
        for _ in range(epochs):
            network.train()
            for batch in torch.randperm(len(images)).split(BATCH):
                optimizer.zero_grad()
                functional.cross_entropy(network(images[batch]), labels[batch]).backward()
                optimizer.step()
            schedule.step()
        torch.save(network.state_dict(), kept)
    return network, accuracy(network, *mnist(folder, "t10k"))


def resized(image):
    """The whole picture, ink light, in 28x28 pixels."""
    smoothing = Image.BOX if min(image.shape) > 28 else Image.BICUBIC
    return np.asarray(Image.fromarray(255 - image).resize((28, 28), smoothing))


def boxed(image):
    """The ink alone, separated from paper by Otsu's threshold, as MNIST has it: fitted into 20x20, the centre of mass in the middle of 28x28."""
    ink = np.float32(image <= otsu(image))
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if not len(rows):
        return np.zeros((28, 28), np.uint8)
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = (max(1, round(side * 20 / max(ink.shape))) for side in ink.shape)
    ink = np.asarray(Image.fromarray(np.uint8(255 * ink)).resize((width, height), Image.BOX))
    y, x = (np.average(np.arange(side), weights=ink.sum(other)) for side, other in ((height, 1), (width, 0)))
    top, left = (int(np.clip(round(13.5 - middle), 0, 28 - side)) for middle, side in ((y, height), (x, width)))
    picture = np.zeros((28, 28), np.uint8)
    picture[top : top + height, left : left + width] = ink
    return picture


def otsu(image):
    """The grey value up to which pixels are ink: that which parts the two classes best (Otsu 1979)."""
    counts = np.bincount(image.ravel(), minlength=256).astype(float)
    below, values = counts.cumsum(), (counts * np.arange(256)).cumsum()
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (values / below - (values[-1] - values) / above) ** 2
    return int(np.nan_to_num(between).argmax())


def read(network, images, preprocessing):
    """The digit in each grey picture of dark ink on light paper, as a string."""
    pixels = torch.from_numpy(np.stack([preprocessing(image) for image in images]))
    network.eval()
    with torch.inference_mode():
        return [str(digit) for part in pixels.split(1000) for digit in digits(network, part)]


def digits(network, pixels):
    return network((pixels.unsqueeze(1) / 255 - MEAN) / DEVIATION).argmax(1).tolist()
