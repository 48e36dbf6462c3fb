"""Build a `Network` from what the file of another program holds."""

# SPDX-License-Identifier: BSD-3-Clause
import math
import re
from dataclasses import replace

import numpy as np

from skdecaf.weights._architectures import find_architecture
from skdecaf.weights._embedded import imagenet_labels
from skdecaf.weights._layers import Convolution, Dropout, FullyConnected, MaxPool, ReLU, ResponseNorm, Softmax
from skdecaf.weights._network import Network

_SIZES = {Convolution: "out_channels", FullyConnected: "out_features"}
_PREFIXES = {
    Convolution: "conv",
    ReLU: "relu",
    MaxPool: "pool",
    ResponseNorm: "norm",
    FullyConnected: "fc",
    Dropout: "drop",
}
_FIRST_FULLY_CONNECTED = 6


def network_from_layers(steps, preprocessing, labels=(), **options):
    """Build a network from layers and their parameters.

    Parameters
    ----------
    steps : list of (layer, dict) pairs
        Each layer, under its name in the file, and its arrays "weight" and "bias".
    preprocessing : Preprocessing
    labels : sequence of (identifier, name) pairs, optional
        By default a thousand classes get the labels of ImageNet.
    **options
        For `Network`.

    Returns
    -------
    Network
    """
    layers = with_standard_names([layer for layer, _ in steps])
    arrays = {
        f"{layer.name}.{part}": array
        for layer, (_, parameters) in zip(layers, steps, strict=True)
        for part, array in parameters.items()
    }
    return _network(layers, arrays, preprocessing, labels, **options)


def network_from_arrays(architecture, arrays, **options):
    """Build a network of an architecture, or of the name of one, with layers of the sizes of the arrays."""
    architecture = find_architecture(architecture)
    layers = with_output_sizes(architecture.layers, {key: np.shape(array) for key, array in arrays.items()})
    return _network(layers, arrays, architecture.preprocessing, **options)


def _network(layers, arrays, preprocessing, labels=(), **options):
    for array in arrays.values():
        array.flags.writeable = False  # so that Network need not copy it
    n_classes = [layer.out_features for layer in layers if isinstance(layer, FullyConnected)][-1:]
    if not labels and n_classes == [1000]:
        labels = imagenet_labels()
    return Network(layers, arrays, preprocessing, labels=labels, **options)


def with_output_sizes(layers, shapes):
    """Give each layer as many outputs as its weight has rows.

    Parameters
    ----------
    layers : sequence of layers
    shapes : mapping of str to tuple
        Array name -> shape. A layer without a weight there keeps its size.

    Returns
    -------
    list of layers
    """
    sized = []
    for layer in layers:
        shape = shapes.get(f"{layer.name}.weight")
        if shape is not None and type(layer) in _SIZES:
            if not shape or not all(shape):
                raise ValueError(f"array '{layer.name}.weight' of shape {tuple(shape)} holds no weights")
            layer = replace(layer, **{_SIZES[type(layer)]: int(shape[0])})
        sized.append(layer)
    return sized


def with_standard_names(layers):
    """Name the layers conv1, relu1, pool1, norm1 … fc6, relu6, drop6 … prob.

    Names of this form stay, conv1_1 among them. If any other name occurs, such as "fc8_flowers", all layers are
    numbered in order, so that ``layer=8`` finds fc8.
    """
    layers = [replace(layer, name="prob") if isinstance(layer, Softmax) else layer for layer in layers]
    if _have_standard_names(layers):
        return layers
    named, stage, convolutions, fully_connected = [], 0, 0, 0
    for layer in layers:
        if isinstance(layer, Convolution):
            convolutions += 1
            stage = convolutions
        elif isinstance(layer, FullyConnected):
            stage = _FIRST_FULLY_CONNECTED + fully_connected
            fully_connected += 1
        named.append(layer if isinstance(layer, Softmax) else replace(layer, name=f"{_PREFIXES[type(layer)]}{stage}"))
    return named


def _have_standard_names(layers):
    numbered = [layer for layer in layers if not isinstance(layer, Softmax)]
    first = next((layer.name for layer in layers if isinstance(layer, FullyConnected)), None)
    return first == f"fc{_FIRST_FULLY_CONNECTED}" and all(
        re.fullmatch(rf"{_PREFIXES[type(layer)]}\d+(_\d+)?", layer.name) for layer in numbered
    )


def exact_input_size(steps):
    """Side of the square input at which the windows of all layers fit without a remainder, 227 for AlexNet.

    Parameters
    ----------
    steps : list of (layer, dict) pairs
        As for `network_from_layers`; the weight of the first fully connected layer tells the size of its input.

    Returns
    -------
    int
    """
    layers = [layer for layer, _ in steps]
    first = next((i for i, layer in enumerate(layers) if isinstance(layer, FullyConnected)), None)
    if first is None:
        raise ValueError("neither an input size nor a fully connected layer says how large photos must be")
    channels = next((layer.out_channels for layer in layers[first::-1] if isinstance(layer, Convolution)), 3)
    n_values = steps[first][1]["weight"].shape[1]
    side = math.isqrt(n_values // channels)
    if channels * side * side != n_values:
        raise ValueError(f"layer {layers[first].name!r} reads {n_values} values, not {channels} square maps")
    for layer in layers[first::-1]:
        if isinstance(layer, Convolution | MaxPool):
            side = (side - 1) * layer.stride + layer.kernel - 2 * layer.pad
    return side


def shortest_float(value, what):
    """The shortest decimal with the same float32: 0.0001 instead of 9.999999747378752e-05; finite, or a ValueError."""
    with np.errstate(over="ignore"):
        value = float(str(np.float32(value)))
    if not math.isfinite(value):
        raise ValueError(f"{what} is {value}")
    return value


def to_float32(array):
    """The array as float32; values that are too large become infinite, which `Network` refuses by the array's name."""
    with np.errstate(over="ignore"):
        return np.asarray(array, np.float32)
