"""The network of one of shuzi's recipes, in PyTorch."""

import math

import torch
from torch import nn


def build(recipe):
    """The recipe's layers, with PyTorch's own starting weights."""
    layers, modules, flat = recipe["network"]["layers"], [], False
    for index, layer in enumerate(layers):
        kind, value = (layer, None) if isinstance(layer, str) else next(iter(layer.items()))
        bias = "batch-norm" not in layers[index + 1 : index + 3]  # which would take it away
        flat = flat or kind == "flatten"
        match kind:
            case "conv":
                place = value.get("stride", 1), value.get("padding", 0)
                modules.append(nn.LazyConv2d(value["channels"], value["kernel"], *place, bias=bias))
            case "linear":
                modules.append(nn.LazyLinear(value, bias=bias))
            case "batch-norm":
                modules.append(nn.LazyBatchNorm1d() if flat else nn.LazyBatchNorm2d())
            case "max-pool":
                modules.append(nn.MaxPool2d(value))
            case "dropout":
                modules.append(nn.Dropout(value))
            case "relu":
                modules.append(nn.ReLU())
            case "flatten":
                modules.append(nn.Flatten())
            case _:
                raise ValueError(f"no {kind} here")
    network = nn.Sequential(*modules)
    network(torch.zeros(2, 1, 28, 28))  # now each layer knows how much goes in
    for module in network:
        if hasattr(module, "reset_running_stats"):
            module.reset_running_stats()
    return network


def load(network, arrays):
    """Gives the convolutions and linear layers of `network` the numbers of a model file."""
    counts, channels = {}, None
    for module in network:
        if not isinstance(module, nn.Conv2d | nn.Linear):
            continue
        kind = "conv" if isinstance(module, nn.Conv2d) else "linear"
        counts[kind] = counts.get(kind, 0) + 1
        weight, bias = (
            torch.from_numpy(arrays[f"{kind}{counts[kind]}.{part}"].copy()) for part in ("weight", "bias")
        )
        if kind == "conv":
            weight, channels = weight.permute(3, 2, 0, 1), module.out_channels
        else:
            if channels:  # a pixel's channels lie side by side there, an image's pixels here
                side = math.isqrt(module.in_features // channels)
                weight = weight.unflatten(0, (side, side, channels)).permute(2, 0, 1, 3).flatten(0, 2)
            weight, channels = weight.T, None
        module.load_state_dict({"weight": weight, "bias": bias})


def accuracy(network, images, labels):
    """Fraction of `images` read right."""
    network.eval()
    with torch.inference_mode():
        logits = torch.cat([network(part) for part in images.split(1000)])
    return float((logits.argmax(1) == labels).float().mean())
