"""Filters of a network."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from displays import network_with_filters
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from small_photos import photo_arrays
from tiny_networks import tiny_network

from skdecaf import DeCAFTransformer, Network
from skdecaf.plotting import (
    FilterDisplay,
)
from skdecaf.weights import Architecture, FullyConnected, Preprocessing


@pytest.mark.parametrize("order, flip", [("RGB", False), ("BGR", False), ("RGB", True), ("BGR", True)])
def test_filters_are_red_green_blue_and_upright(order, flip):
    network = network_with_filters(channel_order=order, flip=flip)
    filters = FilterDisplay.from_weights(network).filters
    weight = network.arrays["conv1.weight"]
    red, top = (0 if order == "RGB" else 2), (-1 if flip else 0)
    assert filters.shape == (8, 5, 5, 3)
    for k in (0, 7):
        np.testing.assert_array_equal(filters[k, 0, :, 0], weight[k, red, top])


def test_tiles_of_filters_lie_in_rows_and_zero_is_grey():
    filters = np.zeros((5, 2, 2, 3))
    filters[3, 0, 1] = [2.0, -4.0, 0.0]
    picture = np.asarray(FilterDisplay(filters).plot().image_.get_array())
    assert picture.shape == (5, 8, 3)
    np.testing.assert_allclose(picture[:2, :2], 0.5)
    np.testing.assert_allclose(picture[3, 1], [0.75, 0.0, 0.5])
    np.testing.assert_allclose(picture[2], 1)  # between the rows


def test_filters_of_a_transformer_alone_or_in_a_pipeline():
    transformer = DeCAFTransformer(weights=tiny_network())
    expected = FilterDisplay.from_weights(tiny_network()).filters
    for estimator in (transformer, transformer.fit(photo_arrays(2)), make_pipeline(transformer, GaussianNB())):
        np.testing.assert_array_equal(FilterDisplay.from_estimator(estimator).filters, expected)


def test_a_network_without_convolution_has_no_filters():
    layers = (FullyConnected("fc6", 4),)
    network = Network.random(Architecture(layers, Preprocessing((4, 4), (4, 4))), 0)
    with pytest.raises(ValueError, match="does not begin with a convolution"):
        FilterDisplay.from_weights(network)
