"""The AlexNet of Deep Compression: most weights are pruned, the others are codes of a small codebook.

Han, Mao and Dally: Deep compression: Compressing deep neural networks with pruning, trained quantization and Huffman
coding, ICLR 2016.
"""

# SPDX-License-Identifier: BSD-3-Clause
import math
from dataclasses import dataclass

import numpy as np

from skdecaf.weights._architectures import ARCHITECTURES, find_architecture
from skdecaf.weights._file_checks import weights_file
from skdecaf.weights._layers import parameter_shapes
from skdecaf.weights._readers.assembling import network_from_arrays

_COUNT = np.dtype("<u4")
_FLOAT = np.dtype("<f4")
_BITS = {4: 8, 2: 4}  # of a code, for filters of four axes and for matrices
_BITS_OF_GAPS = 4


def looks_like(head):
    """Whether the file begins with one count for each weight of AlexNet, none zero and none too large."""
    shapes = _weight_shapes(ARCHITECTURES["alexnet"])
    if len(head) < len(shapes) * _COUNT.itemsize:
        return False
    counts = np.frombuffer(head, _COUNT, len(shapes)).tolist()
    return all(0 < count <= math.prod(shape) for count, shape in zip(counts, shapes.values(), strict=True))


def read_deep_compression(path, name=None, origin=None, *, architecture="alexnet"):
    """Read the AlexNet of Deep Compression, ``AlexNet_compressed.net``.

    The file begins with the number of codes of each layer. Then each layer has a codebook of float32 values, 256 for
    convolutions and 16 for fully connected layers; its biases; its codes, 8 or 4 bits wide; and for each code the
    number of weights without a code before it, in 4 bits. Weights without a code have the first value of the
    codebook, which is zero.

    Parameters
    ----------
    path, name, origin
        As for every reader, see `skdecaf.weights.readers`.
    architecture : str or Architecture, default="alexnet"
        A name in `skdecaf.weights.ARCHITECTURES`, or an architecture of your own. It gives the names and sizes of
        the layers, which are not in the file.

    Returns
    -------
    Network
    """
    architecture = find_architecture(architecture)
    with weights_file(path) as path:
        data = np.fromfile(path, np.uint8)
        arrays = {}
        for layer, section in _sections(data, _weight_shapes(architecture)).items():
            arrays[f"{layer}.bias"] = section.biases.astype(np.float32)
            arrays[f"{layer}.weight"] = _decoded(section, layer)
        return network_from_arrays(architecture, arrays, name=name or path.stem, origin=origin)


@dataclass(frozen=True)
class _Section:
    """The part of the file that belongs to a layer."""

    shape: tuple
    book: np.ndarray
    biases: np.ndarray
    codes: np.ndarray
    gaps: np.ndarray


def _weight_shapes(architecture):
    """Layer name -> shape of its weight."""
    shapes = parameter_shapes(architecture.layers, (3, *architecture.preprocessing.crop))
    return {key.removesuffix(".weight"): shape for key, shape in shapes.items() if key.endswith(".weight")}


def _sections(data, shapes):
    """Layer name -> its section; all sizes are checked here, before the first section is decoded."""
    position = len(shapes) * _COUNT.itemsize
    if len(data) < position:
        raise ValueError(f"the file ends within the numbers of codes of its {len(shapes)} layers")
    counts = np.frombuffer(data, _COUNT, len(shapes)).tolist()
    sections = {}
    for (name, shape), count in zip(shapes.items(), counts, strict=True):
        sections[name], position = _section(data, position, name, shape, count)
    if position != len(data):
        raise ValueError(
            f"{len(data) - position:,} bytes follow the last layer, so the file is not of this architecture"
        )
    return sections


def _section(data, position, name, shape, count):
    """The section of a layer at a position, and the position after it."""
    if count > math.prod(shape):
        raise ValueError(f"layer {name!r} has {count:,} codes for {math.prod(shape):,} weights")
    bits = _BITS[len(shape)]
    sizes = {
        "book": 2**bits * _FLOAT.itemsize,
        "biases": shape[0] * _FLOAT.itemsize,
        "codes": -(-count * bits // 8),
        "gaps": -(-count * _BITS_OF_GAPS // 8),
    }
    parts = {}
    for part, size in sizes.items():
        if size > len(data) - position:
            raise ValueError(f"layer {name!r}: the file ends within its {part}")
        parts[part] = data[position : position + size]
        position += size
    section = _Section(
        shape=shape,
        book=parts["book"].view(_FLOAT),
        biases=parts["biases"].view(_FLOAT),
        codes=_unpacked(parts["codes"], bits)[:count],
        gaps=_unpacked(parts["gaps"], _BITS_OF_GAPS)[:count],
    )
    return section, position


def _unpacked(data, bits):
    """Numbers of 8 bits, or of 4 bits, of which the lower half of a byte is the first."""
    if bits == 8:
        return data
    return np.stack([data & 15, data >> 4], axis=1).reshape(-1)


def _decoded(layer, name):
    """The layer's weight."""
    positions = np.cumsum(layer.gaps + np.uint8(1), dtype=np.int64)
    positions -= 1
    weight = np.full(math.prod(layer.shape), layer.book[0], np.float32)
    if len(positions) and positions[-1] >= weight.size:
        raise ValueError(f"layer {name!r}: a code is for weight {positions[-1]:,} of {weight.size:,}")
    weight[positions] = layer.book[layer.codes]
    return weight.reshape(layer.shape)
