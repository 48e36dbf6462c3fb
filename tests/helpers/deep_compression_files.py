"""Deep Compression's format, encoded number by number in plain Python; and a small AlexNet for it."""

import math
import struct
from dataclasses import replace

import numpy as np

from skdecaf.weights import ARCHITECTURES, Architecture, Convolution, FullyConnected
from skdecaf.weights._layers import parameter_shapes

CHANNELS = {"conv1": 6, "conv2": 8, "conv3": 8, "conv4": 8, "conv5": 6, "fc6": 12, "fc7": 10, "fc8": 7}


def small(layer):
    if isinstance(layer, Convolution):
        return replace(layer, out_channels=CHANNELS[layer.name])
    return replace(layer, out_features=CHANNELS[layer.name]) if isinstance(layer, FullyConnected) else layer


SMALL = Architecture(
    tuple(map(small, ARCHITECTURES["alexnet"].layers)),
    replace(ARCHITECTURES["alexnet"].preprocessing, resize=(99, 99), crop=(99, 99)),
)
SHAPES = parameter_shapes(SMALL.layers, (3, 99, 99))
WEIGHTS = {name: shape for name, shape in SHAPES.items() if name.endswith("weight")}


def contents(density=0.15, seed=0):
    """Indices, biases and books by layer; long gaps, a first and a last weight, and a layer without any."""
    generator = np.random.default_rng(seed)
    weights, biases, books = [], [], []
    for name, shape in WEIGHTS.items():
        n_codes = 256 if name.startswith("conv") else 16
        indices = generator.integers(1, n_codes, math.prod(shape))
        indices[generator.random(indices.size) > density] = 0
        if name.startswith("conv4"):
            indices[:] = 0
            indices[-1] = 7
        if name.startswith("fc7"):
            indices[[0, -1]] = 3, 5
        weights.append(indices.tolist())
        biases.append(generator.uniform(0, 1, shape[0]).astype(np.float32).tolist())
        scale = (2 / (density * math.prod(shape[1:]))) ** 0.5
        books.append([0.0, *(generator.standard_normal(n_codes - 1) * scale).astype(np.float32).tolist()])
    return weights, biases, books


def encode(weights, biases, books):
    """Bytes of the file.

    Each weight is a flat list of indices into the layer's book, 0 where there is no weight; a gap of more than 15
    is bridged by codes 0, as the authors' encoder does.
    """
    streams = [stored(indices) for indices in weights]
    out = b"".join(struct.pack("<I", len(stream)) for stream in streams)
    for stream, bias, book in zip(streams, biases, books, strict=True):
        out += struct.pack(f"<{len(book)}f", *book) + struct.pack(f"<{len(bias)}f", *bias)
        codes, gaps = [code for code, _ in stream], [gap for _, gap in stream]
        out += bytes(codes) if len(book) == 256 else nibbles(codes)
        out += nibbles(gaps)
    return out


def stored(indices):
    """(code, gap) pairs: the gap counts the weights that were left out before this one."""
    pairs, gap = [], 0
    for index in indices:
        if index or gap == 15:
            pairs.append((index, gap))
            gap = 0
        else:
            gap += 1
    return pairs


def nibbles(numbers):
    padded = [*numbers, 0] if len(numbers) % 2 else numbers
    return bytes(low | high << 4 for low, high in zip(padded[::2], padded[1::2], strict=True))
