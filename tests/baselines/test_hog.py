"""HOGDescriptor against histograms of gradients, pixel by pixel."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from numpy.testing import assert_allclose

from skdecaf.baselines import HOGDescriptor


def expected_descriptor(square, cell, block, n_orientations):
    """Central differences, hard bins, and blocks that are normalised, clipped at 0.2 and normalised again."""
    square = square.astype(float)
    down, across = np.zeros(square.shape), np.zeros(square.shape)
    down[1:-1], across[:, 1:-1] = square[2:] - square[:-2], square[:, 2:] - square[:, :-2]
    n = len(square) // cell
    cells = np.zeros((n, n, n_orientations))
    for row in range(n * cell):
        for column in range(n * cell):
            strength = np.hypot(down[row, column], across[row, column])
            channel = strength.argmax()
            angle = np.degrees(np.arctan2(down[row, column, channel], across[row, column, channel])) % 180
            place = row // cell, column // cell, int(angle // (180 / n_orientations)) % n_orientations
            cells[place] += strength[channel] / cell**2
    blocks = []
    for row in range(n - block + 1):
        for column in range(n - block + 1):
            part = cells[row : row + block, column : column + block].ravel()
            part = np.minimum(part / np.sqrt(np.sum(part**2) + 1e-5**2), 0.2)
            blocks.append(part / np.sqrt(np.sum(part**2) + 1e-5**2))
    return np.concatenate(blocks)


@pytest.mark.parametrize(("cell", "block", "n_orientations"), [(8, 2, 9), (4, 3, 6), (16, 1, 4)])
def test_is_the_histogram_of_gradients(cell, block, n_orientations):
    square = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    found = HOGDescriptor(32, cell=cell, block=block, orientations=n_orientations).fit_transform([square])
    assert_allclose(found[0], expected_descriptor(square, cell, block, n_orientations), atol=1e-5)


def test_a_block_that_does_not_fit():
    with pytest.raises(ValueError, match="a block of 5 cells of 8 pixels does not fit into size=32"):
        HOGDescriptor(32, cell=8, block=5).fit([np.zeros((9, 9), np.uint8)])
