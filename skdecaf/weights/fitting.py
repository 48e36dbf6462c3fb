"""From arrays and the name of their architecture to a network."""

# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import replace

import numpy as np

from skdecaf._layers import Convolution, FullyConnected
from skdecaf.weights.architectures import ARCHITECTURES
from skdecaf.weights.labels import imagenet_labels
from skdecaf.weights.network import Network

_SIZES = {Convolution: "out_channels", FullyConnected: "out_features"}


def to_float32(array):
    """The array as float32, infinite where it is too large for that, which is refused later on."""
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
    """The network of this architecture whose sizes are those of the arrays.

    With 1000 classes they are taken to be ImageNet's; other numbers, as of a network fine-tuned elsewhere, have no
    labels.
    """
    shapes = {key: np.shape(array) for key, array in arrays.items()}
    layers = fitted_layers(ARCHITECTURES[architecture].layers, shapes)
    n_classes = [layer.out_features for layer in layers if isinstance(layer, FullyConnected)][-1]
    labels = imagenet_labels() if n_classes == 1000 else ()
    with np.errstate(all="ignore"):  # infinities are refused by name, not warned of
        return Network(layers, arrays, ARCHITECTURES[architecture].preprocessing, labels=labels, name=name)
