"""Matrices as panels, and networks that store them so."""

import numpy as np
import pytest
from tiny_networks import tiny_network

from skdecaf.weights._panels import PANEL, PackedMatrix

GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(1, 1), (16, 5), (17, 3), (100, 40)])
def test_a_packed_matrix_gives_back_its_rows(shape):
    matrix = GENERATOR.standard_normal(shape, np.float32)
    packed = PackedMatrix(matrix)
    assert packed.shape == shape and packed.size == matrix.size
    np.testing.assert_array_equal(packed.unpack(), matrix)
    assert not packed.unpack().flags.writeable and not packed.panels.flags.writeable
    for rows in slice(0, 7), slice(5, 16), slice(13, None), slice(20, 60), slice(3, 3):
        np.testing.assert_array_equal(packed[rows], matrix[rows])


def test_the_order_of_panels():
    matrix = np.arange(36, dtype=np.float32).reshape(18, 2)
    panels = PackedMatrix(matrix).panels
    assert panels.shape == (2, 2 * PANEL)
    np.testing.assert_array_equal(panels[0], matrix[:16].T.ravel())
    np.testing.assert_array_equal(panels[1].reshape(2, PANEL)[:, :2], matrix[16:].T)
    assert not panels[1].reshape(2, PANEL)[:, 2:].any()


def test_networks_store_fully_connected_weights_once():
    arrays = tiny_network().arrays
    assert isinstance(arrays.stored("fc6.weight"), PackedMatrix)
    assert arrays["fc6.weight"].shape == arrays.stored("fc6.weight").shape
    assert arrays.stored("conv1.weight") is arrays["conv1.weight"]
    assert len(arrays) == len(list(arrays)) and "fc6.weight" in arrays and "fc9.weight" not in arrays
