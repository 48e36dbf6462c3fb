"""GIST against its published formulas, written out in space and frequency."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from numpy.testing import assert_allclose

from skdecaf.baselines import GIST
from skdecaf.baselines._gist import filters, normalised_contrast

RNG = np.random.default_rng(0)


def transfer(n, scale, orientation, n_orientations):
    """One filter frequency by frequency, after the release of Oliva and Torralba, in the order of `fft2`."""
    result = np.zeros((n, n))
    for row in range(n):
        for column in range(n):
            fy, fx = ((k if k < n / 2 else k - n) for k in (row, column))
            angle = np.arctan2(fy, fx) + np.pi * orientation / n_orientations
            angle -= 2 * np.pi * (angle > np.pi)
            radial = np.hypot(fx, fy) / n / (0.3 / 1.85**scale) - 1
            exponent = 10 * 0.35 * radial**2 + 2 * np.pi * (16 * n_orientations**2 / 32**2) * angle**2
            result[row, column] = np.exp(-exponent)
    return result


def test_filters_are_those_of_the_formula():
    orientations = (8, 4, 1)
    expected = [transfer(24, i, j, n) for i, n in enumerate(orientations) for j in range(n)]
    assert_allclose(filters(24, orientations), expected, atol=1e-6)


def test_contrast_is_normalised_with_a_gaussian_of_four_cycles():
    square = RNG.uniform(0, 255, (20, 20))
    padded = np.pad(np.log(1 + square), 5, mode="symmetric")
    n, s = 30, 4 / np.sqrt(np.log(2))
    cycles = np.where(np.arange(n) < n / 2, np.arange(n), np.arange(n) - n)
    kernel = np.fft.ifft(np.exp(-(cycles**2) / s**2)).real  # the low-pass filter in space is a product of two
    circulant = kernel[(np.arange(n)[:, np.newaxis] - np.arange(n)) % n]
    high = padded - circulant @ padded @ circulant.T
    contrast = np.sqrt(np.abs(circulant @ high**2 @ circulant.T))
    assert_allclose(normalised_contrast(square.astype(np.float32)), (high / (0.2 + contrast))[5:-5, 5:-5], atol=1e-4)


def expected_descriptor(square, n_cells, orientations):
    square = 255 * (square - square.min()) / np.ptp(square)
    padded = np.pad(normalised_contrast(square), 32, mode="symmetric")
    n, side = len(padded), len(square) // n_cells
    energies = []
    for i, n_orientations in enumerate(orientations):
        for j in range(n_orientations):
            response = np.abs(np.fft.ifft2(np.fft.fft2(padded) * transfer(n, i, j, n_orientations)))[32:-32, 32:-32]
            cells = response.reshape(n_cells, side, n_cells, side)
            energies.append(cells.mean(axis=(1, 3)))
    return np.ravel(energies)


def test_descriptor_is_the_mean_response_in_each_cell():
    square = RNG.integers(0, 256, (32, 32, 3), np.uint8)
    found = GIST(32, orientations=(3, 2), n_cells=4).fit_transform([square])
    expected = expected_descriptor(square.mean(axis=2), 4, (3, 2))
    assert found.shape == (1, 5 * 16)
    assert_allclose(found[0], expected, rtol=1e-3, atol=1e-5)


def test_a_wide_photo_loses_its_sides():
    square = RNG.integers(0, 256, (32, 32, 3), np.uint8)
    wide = np.concatenate([np.zeros((32, 10, 3), np.uint8), square, np.zeros((32, 10, 3), np.uint8)], axis=1)
    found = GIST(32).fit_transform([square, wide])
    np.testing.assert_array_equal(found[0], found[1])


def test_cells_that_do_not_divide_the_square():
    gist = GIST(33, orientations=(1,), n_cells=4)
    assert np.isfinite(gist.fit_transform([RNG.integers(0, 256, (40, 40), np.uint8)])).all()
    with pytest.raises(ValueError, match="n_cells=40 cells do not fit into size=32"):
        GIST(32, n_cells=40).fit([np.zeros((9, 9), np.uint8)])


def test_stripes_answer_in_their_orientation_and_scale():
    """Waves at the centre frequency of each filter, at its angle."""
    across, down = np.meshgrid(np.arange(128), np.arange(128))
    n, orientations = 128 + 2 * 32, (8, 8, 8, 8)
    for scale in range(3):
        for orientation in range(8):
            angle = -np.pi * orientation / 8
            frequency = 0.3 / 1.85**scale
            wave = np.cos(2 * np.pi * frequency * (across * np.cos(angle) + down * np.sin(angle)))
            photo = np.rint(127 + 100 * wave).astype(np.uint8)
            energies = GIST().fit_transform([photo])[0].reshape(sum(orientations), 16).mean(axis=1)
            assert energies.argmax() == 8 * scale + orientation, n
