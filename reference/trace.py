#!/usr/bin/env python3
"""The tutorial's training in plain NumPy and double precision, written from its formulas.

What it computes is in README.md, formula by formula. It shares no code with shuzi, so where the two agree, both are right,
or both misread the tutorial.

    trace.py digits --out FOLDER                      draws a small set of digits in MNIST's format
    trace.py write --data FOLDER --out TRACE.npz      trains, and writes down what happens
    trace.py check TRACE.npz --data FOLDER            trains the same again, and compares
    trace.py save TRACE.npz --out NAME                writes the trained network as the tutorial does
"""

import argparse
import gzip
import struct
import sys
from pathlib import Path

import numpy as np

PIXELS, CLASSES = 784, 10
HIDDEN = (32, 16)
SPREAD = 0.01  # standard deviation of the starting weights

# ---------------------------------------------------------------- the network


def start(random, hidden=HIDDEN):
    """Weights from N(0, 0.01²), layer by layer and row by row; biases 0."""
    sizes = [PIXELS, *hidden, CLASSES]
    return [(random.randn(a, b) * SPREAD, np.zeros((1, b))) for a, b in zip(sizes, sizes[1:])]


def forward(layers, x):
    """The input of each layer, and the logits behind the last."""
    inputs = []
    for number, (weight, bias) in enumerate(layers):
        if number > 0:
            x = np.where(x > 0, x, 0.0)
        inputs.append(x)
        x = x @ weight + bias
    return inputs, x


def log_probabilities(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def step(layers, x, labels, learning_rate):
    """One step of gradient descent. Returns the batch's mean loss before it, and the layers after it."""
    count = len(labels)
    inputs, logits = forward(layers, x)
    log_p = log_probabilities(logits)
    loss = -log_p[np.arange(count), labels].mean()

    d_output = np.exp(log_p)
    d_output[np.arange(count), labels] -= 1
    d_output /= count
    moved = []
    for (weight, bias), x in zip(reversed(layers), reversed(inputs)):
        d_weight = x.T @ d_output
        d_bias = d_output.sum(axis=0, keepdims=True)
        d_output = (d_output @ weight.T) * (x > 0)  # behind a ReLU its output is above 0 where its input is
        moved.append((weight - learning_rate * d_weight, bias - learning_rate * d_bias))
    return loss, moved[::-1]


def train(layers, images, labels, order, batch_size, learning_rate):
    """Follows the given order, epoch by epoch; what is left over for a last batch is dropped."""
    losses = []
    for indices in order:
        in_this_epoch = []
        for begin in range(0, len(indices) - batch_size + 1, batch_size):
            batch = indices[begin : begin + batch_size]
            loss, layers = step(layers, images[batch].astype(np.float64), labels[batch], learning_rate)
            in_this_epoch.append(loss)
        losses.append(in_this_epoch)
        print(f"epoch {len(losses)}: loss {np.mean(in_this_epoch):.4f}", file=sys.stderr)
    return layers, np.array(losses)


def read(layers, images, at_once=5000):
    """The most probable digit of each image."""
    parts = (images[begin : begin + at_once] for begin in range(0, len(images), at_once))
    return np.concatenate([forward(layers, part.astype(np.float64))[1].argmax(axis=1) for part in parts])


# ---------------------------------------------------------------- traces


def trace_of(layers, order, train_set, test_set, seed, batch_size, learning_rate, floats):
    """Trains, and gives everything that the file holds. `floats` is the type in which weights are kept."""
    layers = [(weight.astype(floats).astype(np.float64), bias) for weight, bias in layers]
    hidden = [weight.shape[1] for weight, _ in layers[:-1]]
    arrays = {f"init_w{number}": weight.astype(floats) for number, (weight, _) in enumerate(layers, 1)}
    layers, losses = train(layers, *train_set, order, batch_size, learning_rate)
    arrays |= {"order": order.astype(np.uint32), "loss": losses}
    for number, (weight, bias) in enumerate(layers, 1):
        arrays |= {f"w{number}": weight.astype(floats), f"b{number}": bias.astype(floats)}
    images, labels = test_set
    predictions = read(layers, images)
    arrays |= {
        "test_pred": predictions.astype(np.uint8),
        "test_acc": np.float64((predictions == labels).mean()),
        "config": np.array([seed, *hidden, batch_size, len(order)]),
        "lr": np.float64(learning_rate),
    }
    return arrays


def write(options):
    train_set, test_set = read_set(options.data, "train"), read_set(options.data, "t10k")
    random = np.random.RandomState(options.seed)  # NumPy promises that its numbers never change
    layers = start(random)
    order = np.arange(len(train_set[1]))
    orders = []
    for _ in range(options.epochs):
        random.shuffle(order)  # goes on from the last epoch's order
        orders.append(order.copy())
    floats = np.float32 if options.float32 else np.float64
    arrays = trace_of(
        layers, np.array(orders), train_set, test_set, options.seed, options.batch_size, options.learning_rate, floats
    )
    np.savez_compressed(options.out, **arrays)
    print(f"{options.out}: {arrays['loss'].size} steps, {arrays['test_acc']:.4f} of the test set right")


def check(options):
    """Replays a trace from its own starting weights and order. Exit code 1 where the two differ."""
    with np.load(options.trace) as file:
        theirs = {name: file[name] for name in file.files}
    seed, *_, batch_size, _ = theirs["config"].tolist()
    floats = theirs["init_w1"].dtype
    layers = []
    while (name := f"init_w{len(layers) + 1}") in theirs:
        weight = theirs[name].astype(np.float64)
        layers.append((weight, np.zeros((1, weight.shape[1]))))
    train_set, test_set = read_set(options.data, "train"), read_set(options.data, "t10k")
    ours = trace_of(
        layers, theirs["order"], train_set, test_set, seed, int(batch_size), float(theirs["lr"]), floats
    )

    loss = np.abs(ours["loss"] / theirs["loss"] - 1).max()
    parameters = [name for name in ours if name[0] in "wb"]
    weights = max(np.abs(ours[name].astype(np.float64) - theirs[name]).max() for name in parameters)
    predictions = int((ours["test_pred"] != theirs["test_pred"]).sum())
    print(f"{options.trace}: largest difference of a loss {loss:.1e} (relative), of a weight or bias {weights:.1e};")
    print(f"{predictions} of {len(ours['test_pred'])} predictions differ")

    drawn = np.random.RandomState(seed)
    start_is_the_seeds = all(
        np.array_equal(weight.astype(floats), theirs[f"init_w{number}"])
        for number, (weight, _) in enumerate(start(drawn, ours["config"][1:-2].tolist()), 1)
    )
    order, order_is_the_seeds = np.arange(theirs["order"].shape[1]), True
    for theirs_in_epoch in theirs["order"]:
        drawn.shuffle(order)
        order_is_the_seeds &= np.array_equal(order, theirs_in_epoch)
    for name, is_the_seeds in [("starting weights", start_is_the_seeds), ("order", order_is_the_seeds)]:
        print(f"{name}: {'drawn' if is_the_seeds else 'not drawn'} from seed {seed}")
    # Sums in another order differ by this much, and what is kept in float32 is rounded.
    tolerance = 1e-6 if floats == np.float32 else 1e-10
    if loss > 1e-10 or weights > tolerance or predictions > 0:
        sys.exit("they differ")


def save(options):
    """The parameters in the end as the tutorial saves them: a dictionary in an .npy, and as plain arrays in an .npz."""
    with np.load(options.trace) as file:
        parameters = {name: file[name] for name in ["w1", "b1", "w2", "b2", "w3", "b3"]}
    np.save(f"{options.out}.npy", parameters, allow_pickle=True)
    np.savez(f"{options.out}.npz", **parameters)


# ---------------------------------------------------------------- data in MNIST's format


def read_idx(folder, name):
    """An IDX file of bytes (http://yann.lecun.com/exdb/mnist/), packed or not."""
    plain, packed = Path(folder, name), Path(folder, f"{name}.gz")
    data = plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
    zero, kind, dimensions = struct.unpack(">HBB", data[:4])
    if (zero, kind) != (0, 8):
        sys.exit(f"{folder}/{name} is no IDX file of bytes")
    shape = struct.unpack(f">{dimensions}I", data[4 : 4 + 4 * dimensions])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def read_set(folder, part):
    images = read_idx(folder, f"{part}-images-idx3-ubyte")
    labels = read_idx(folder, f"{part}-labels-idx1-ubyte")
    return images.reshape(len(images), PIXELS), labels.astype(int)


def write_idx(folder, name, array):
    data = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    # Without a time stamp, so that the same digits give the same file.
    Path(folder, f"{name}.gz").write_bytes(gzip.compress(data, mtime=0))


# Where the pen goes, from (0, 0) at the upper left to (1, 2) at the lower right; a stroke is a list of points.
STROKES = [
    [[(0.5, 0), (0.1, 0.5), (0.1, 1.5), (0.5, 2), (0.9, 1.5), (0.9, 0.5), (0.5, 0)]],
    [[(0.2, 0.4), (0.5, 0), (0.5, 2)]],
    [[(0.1, 0.4), (0.5, 0), (0.9, 0.5), (0, 2), (1, 2)]],
    [[(0, 0.2), (0.6, 0), (0.9, 0.5), (0.4, 0.9), (1, 1.4), (0.6, 2), (0, 1.8)]],
    [[(0.7, 2), (0.7, 0), (0, 1.3), (1, 1.3)]],
    [[(0.9, 0), (0.2, 0), (0.1, 0.9), (0.7, 0.9), (0.9, 1.4), (0.6, 2), (0, 1.9)]],
    [[(0.8, 0), (0.2, 0.9), (0.1, 1.6), (0.5, 2), (0.9, 1.5), (0.5, 1), (0.2, 1.3)]],
    [[(0, 0), (1, 0), (0.4, 2)]],
    [[(0.5, 0.9), (0.1, 0.5), (0.5, 0), (0.9, 0.5), (0.5, 0.9), (0, 1.5), (0.5, 2), (1, 1.5), (0.5, 0.9)]],
    [[(0.9, 0.5), (0.5, 0.9), (0.1, 0.5), (0.5, 0), (0.9, 0.5), (0.7, 2)]],
]


def draw(random, digit):
    """28x28 bytes. Only sums, products, quotients and roots: every machine gets the same."""
    width, height = random.uniform(7, 12), random.uniform(7.5, 10)
    slant, left, top = random.uniform(-0.25, 0.35), random.uniform(-2, 2), random.uniform(-2, 2)
    pen = random.uniform(0.8, 1.6)
    y, x = np.mgrid[:28, :28].astype(np.float64)
    ink = np.zeros((28, 28))
    for stroke in STROKES[digit]:
        points = np.array(stroke) + random.uniform(-0.08, 0.08, (len(stroke), 2))
        down = (points[:, 1] - 1) * height
        across = (points[:, 0] - 0.5) * width - slant * down
        points = np.stack([across + 13.5 + left, down + 13.5 + top], axis=1)
        for (x0, y0), (x1, y1) in zip(points, points[1:]):
            dx, dy = x1 - x0, y1 - y0
            along = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy), 0, 1)
            away_x, away_y = x - x0 - along * dx, y - y0 - along * dy
            distance = np.sqrt(away_x * away_x + away_y * away_y)
            ink = np.maximum(ink, np.clip(pen + 0.5 - distance, 0, 1))
    return np.floor(ink * 255 + 0.5).astype(np.uint8)


def digits(options):
    random = np.random.RandomState(options.seed)
    Path(options.out).mkdir(parents=True, exist_ok=True)
    for part, count in [("train", options.train), ("t10k", options.test)]:
        labels = np.arange(count, dtype=np.uint8) % CLASSES
        random.shuffle(labels)
        images = np.array([draw(random, label) for label in labels])
        write_idx(options.out, f"{part}-images-idx3-ubyte", images)
        write_idx(options.out, f"{part}-labels-idx1-ubyte", labels)


def main():
    parser = argparse.ArgumentParser(description="Traces of the tutorial's training, in plain NumPy.")
    verbs = parser.add_subparsers(required=True)

    verb = verbs.add_parser("digits", help="draw a small set of digits in MNIST's format")
    verb.add_argument("--out", required=True, metavar="FOLDER")
    verb.add_argument("--train", type=int, default=380, metavar="COUNT")
    verb.add_argument("--test", type=int, default=60, metavar="COUNT")
    verb.add_argument("--seed", type=int, default=1)
    verb.set_defaults(run=digits)

    verb = verbs.add_parser("write", help="train, and write down what happens")
    verb.add_argument("--data", required=True, metavar="FOLDER", help="MNIST's four files, or others in their format")
    verb.add_argument("--out", required=True, metavar="TRACE.npz")
    verb.add_argument("--seed", type=int, default=0)
    verb.add_argument("--epochs", type=int, default=3)
    verb.add_argument("--batch-size", type=int, default=90)
    verb.add_argument("--learning-rate", type=float, default=0.01)
    verb.add_argument("--float32", action="store_true", help="keep weights in half the space; computes in double all the same")
    verb.set_defaults(run=write)

    verb = verbs.add_parser("check", help="train the same again, and compare")
    verb.add_argument("trace", metavar="TRACE.npz")
    verb.add_argument("--data", required=True, metavar="FOLDER")
    verb.set_defaults(run=check)

    verb = verbs.add_parser("save", help="write the trained network as the tutorial does")
    verb.add_argument("trace", metavar="TRACE.npz")
    verb.add_argument("--out", required=True, metavar="NAME", help="without .npy and .npz")
    verb.set_defaults(run=save)

    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
