"""From what another program's file holds to a network: sizes, the field's names, labels."""

# SPDX-License-Identifier: BSD-3-Clause
import math
import re
from dataclasses import replace

import numpy as np

from skdecaf.weights.architectures import find_architecture
from skdecaf.weights.labels import usual_labels
from skdecaf.weights.layers import Convolution, Dropout, FullyConnected, MaxPool, ReLU, ResponseNorm, Softmax
from skdecaf.weights.network import Network

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


def tidy_float(value, what):
    """The shortest decimal that is the same float32: 0.0001 rather than 9.999999747378752e-05."""
    with np.errstate(over="ignore"):
        value = float(str(np.float32(value)))
    if not math.isfinite(value):
        raise ValueError(f"{what} is {value}")
    return value


def to_float32(array):
    """The array as float32, infinite where it is too large for that, which `Network` refuses by name."""
    with np.errstate(over="ignore"):
        return np.asarray(array, np.float32)


def fitted_layers(layers, shapes):
    """The layers with as many outputs as there are rows in weights of these shapes.

    Parameters
    ----------
    layers : sequence of layers
    shapes : mapping of str to tuple
        Array name -> shape; a layer whose weight is not among them stays as it is.

    Returns
    -------
    list of layers
    """
    fitted = []
    for layer in layers:
        shape = shapes.get(f"{layer.name}.weight")
        if shape is not None and type(layer) in _SIZES:
            if not shape or not all(shape):
                raise ValueError(f"array '{layer.name}.weight' of shape {tuple(shape)} holds no weights")
            layer = replace(layer, **{_SIZES[type(layer)]: int(shape[0])})
        fitted.append(layer)
    return fitted


def fitted_network(architecture, arrays, name):
    """The network of this architecture, or of this name of one, whose sizes are those of the arrays."""
    architecture = find_architecture(architecture)
    layers = fitted_layers(architecture.layers, {key: np.shape(array) for key, array in arrays.items()})
    return _network(layers, arrays, architecture.preprocessing, name=name)


def assemble(steps, preprocessing, labels=(), **options):
    """Network of layers and their parameters.

    Parameters
    ----------
    steps : list of (layer, dict) pairs
        A layer and its arrays "weight" and "bias"; the names of the layers are still those of the file.
    preprocessing : Preprocessing
    labels : sequence of (identifier, name) pairs, optional
        By default a thousand classes are taken to be ImageNet's.
    **options
        For `Network`.

    Returns
    -------
    Network
    """
    layers = with_usual_names([layer for layer, _ in steps])
    arrays = {
        f"{layer.name}.{part}": array
        for layer, (_, parameters) in zip(layers, steps, strict=True)
        for part, array in parameters.items()
    }
    return _network(layers, arrays, preprocessing, labels, **options)


def _network(layers, arrays, preprocessing, labels=(), **options):
    for array in arrays.values():
        array.flags.writeable = False  # nobody else has it, so that the network need not copy it
    n_classes = [layer.out_features for layer in layers if isinstance(layer, FullyConnected)][-1:]
    return Network(layers, arrays, preprocessing, labels=labels or usual_labels(*n_classes or [0]), **options)


def with_usual_names(layers):
    """The layers named as everyone names them: conv1, relu1, pool1, norm1 … fc6, relu6, drop6 … prob.

    Names that are of this kind already stay (conv1_1, say); otherwise all are counted in order, since one's own
    network has "fc8_flowers" where ``layer=8`` is asked for.
    """
    layers = [replace(layer, name="prob") if isinstance(layer, Softmax) else layer for layer in layers]
    if _are_usual(layers):
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


def _are_usual(layers):
    numbered = [layer for layer in layers if not isinstance(layer, Softmax)]
    first = next((layer.name for layer in layers if isinstance(layer, FullyConnected)), None)
    return first == f"fc{_FIRST_FULLY_CONNECTED}" and all(
        re.fullmatch(rf"{_PREFIXES[type(layer)]}\d+(_\d+)?", layer.name) for layer in numbered
    )


def exact_input_size(steps):
    """Side of the square input at which the windows of all layers fit without a pixel left over.

    Parameters
    ----------
    steps : list of (layer, dict) pairs
        As for `assemble`; the first fully connected layer says how many values it reads.

    Returns
    -------
    int
        227 for AlexNet.
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
