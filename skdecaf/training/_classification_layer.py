"""The last layer of a network for other classes."""

# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import replace

import numpy as np

from skdecaf.training._torch_modules import layers_until
from skdecaf.weights import FullyConnected, Softmax


def check_scores(network):
    """Return the name of the layer that gives the scores of the classes: the last one, before a softmax."""
    layers = [layer for layer in network.layers if not isinstance(layer, Softmax)]
    if not isinstance(layers[-1], FullyConnected):
        raise ValueError(f"{network!r} cannot be trained to classify: its last layer is not fully connected")
    return layers[-1].name


def with_classes(layers, n_classes):
    """Give the last fully connected layer `n_classes` outputs, followed by a softmax.

    Parameters
    ----------
    layers : sequence of layers
    n_classes : int

    Returns
    -------
    tuple of layers
    """
    layers = [layer for layer in layers if not isinstance(layer, Softmax)]
    return *layers[:-1], replace(layers[-1], out_features=n_classes), Softmax("prob")


def read_by_last_layer(network):
    """Return the blob that a new last layer reads by default: pool5 if there is one, else what the last layer reads."""
    if "pool5" in network.blob_shapes:
        return "pool5"
    blobs = list(network.blob_shapes)
    return blobs[blobs.index(check_scores(network)) - 1]


def replace_classification_layer(network, blob, labels, weight, bias):
    """Make a network for other classes, with a new last layer that reads a blob; layers after the blob are left out.

    Parameters
    ----------
    network : Network
    blob : str
    labels : sequence of (identifier, name)
    weight : ndarray of shape (n_classes, n_features)
    bias : ndarray of shape (n_classes,)

    Returns
    -------
    Network
    """
    name = check_scores(network)
    layers = (*layers_until(network, blob), FullyConnected(name, len(labels)), Softmax("prob"))
    kept = {layer.name for layer in layers}
    arrays = {key: array for key, array in network.arrays.items() if key.rpartition(".")[0] in kept}
    arrays |= {f"{name}.weight": np.float32(weight), f"{name}.bias": np.float32(bias)}
    return network.replace(layers=layers, arrays=arrays, labels=labels, name=f"{network.name}-fine-tuned")
