"""The last layer of a network for other classes."""

# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import replace

import numpy as np

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


def replace_classification_layer(network, labels, weight, bias):
    """Make a network for other classes, with a new last layer.

    Parameters
    ----------
    network : Network
    labels : sequence of (identifier, name)
    weight : ndarray of shape (n_classes, n_features)
    bias : ndarray of shape (n_classes,)

    Returns
    -------
    Network
    """
    scores = check_scores(network)
    arrays = {**network.arrays, f"{scores}.weight": np.float32(weight), f"{scores}.bias": np.float32(bias)}
    layers = with_classes(network.layers, len(labels))
    return network.replace(layers=layers, arrays=arrays, labels=labels, name=f"{network.name}-fine-tuned")
