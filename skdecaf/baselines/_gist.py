"""GIST: energies of oriented filters over a coarse grid, a description of a whole scene."""

# SPDX-License-Identifier: BSD-3-Clause
from functools import cache
from numbers import Integral

import numpy as np
from scipy.fft import fft2, ifft2
from sklearn.utils._param_validation import Interval

from skdecaf.baselines._base import PhotoDescriptor, grey
from skdecaf.images import fit_image

_PREFILTER_CYCLES = 4.0  # cycles per photo above which contrast is normalised
_PREFILTER_PADDING = 5
_MIN_CONTRAST = 0.2
_PADDING = 32
# The highest frequency of the filters, in cycles per pixel, and the ratio of one scale to the next.
_HIGHEST, _RATIO = 0.3, 1.85
_BANDWIDTH = 0.35


class GIST(PhotoDescriptor):
    """Energies of oriented filters at several scales, averaged over the cells of a grid.

    GIST describes the layout of a whole scene, and knows no objects [1]_. The DeCAF paper shows it in Figure 1, beside
    LLC and its own features (Section 3.1) [2]_.

    Parameters
    ----------
    size : int, default=128
        Photos are scaled and cropped to a square of so many pixels.
    orientations : tuple of int, default=(8, 8, 8, 8)
        Number of orientations of the filters of each scale, from the finest scale.
    n_cells : int, default=4
        Cells in each row and column of the grid.
    image_shape : tuple of int, default=None
        Shape of flattened images, as in `skdecaf.DeCAFTransformer`.
    value_range : tuple (low, high), default=None
        Black and white of float images, as in `skdecaf.DeCAFTransformer`.
    fast_decode : bool, default=True
        Whether large photos are reduced while they are decoded, as in `skdecaf.DeCAFTransformer`.
    on_error : {"raise", "nan"}, default="raise"
        What happens to images that cannot be read, as in `skdecaf.DeCAFTransformer`.
    n_jobs : int, default=None
        Threads, as in `skdecaf.DeCAFTransformer`.
    verbose : bool or int, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    input_kind_, image_shape_, value_range_, n_features_in_, feature_names_in_
        As for `skdecaf.DeCAFTransformer`.

    See Also
    --------
    LLC : Local descriptors, which recognise objects better.

    Notes
    -----
    The contrast of the grey photo is normalised locally, and each filter is a Gaussian in the frequencies, on one side
    of the origin. A feature is the mean absolute response of one filter in one cell; features are ordered by scale,
    orientation, row and column. There is nothing to learn.

    References
    ----------
    .. [1] Oliva and Torralba, "Modeling the Shape of the Scene: a Holistic Representation of the Spatial Envelope",
       IJCV 2001.
    .. [2] Donahue et al., "DeCAF: A Deep Convolutional Activation Feature for Generic Visual Recognition", ICML 2014.

    Examples
    --------
    >>> from sklearn.datasets import load_sample_images
    >>> from skdecaf.baselines import GIST
    >>> GIST().fit_transform(load_sample_images().images).shape
    (2, 512)
    """

    _parameter_constraints: dict = {
        "size": [Interval(Integral, 8, None, closed="left")],
        "orientations": [tuple, list],
        "n_cells": [Interval(Integral, 1, None, closed="left")],
        **PhotoDescriptor._parameter_constraints,
    }

    def __init__(
        self,
        size=128,
        *,
        orientations=(8, 8, 8, 8),
        n_cells=4,
        image_shape=None,
        value_range=None,
        fast_decode=True,
        on_error="raise",
        n_jobs=None,
        verbose=False,
    ):
        super().__init__(
            image_shape=image_shape,
            value_range=value_range,
            fast_decode=fast_decode,
            on_error=on_error,
            n_jobs=n_jobs,
            verbose=verbose,
        )
        self.size = size
        self.orientations = orientations
        self.n_cells = n_cells

    def _learn(self, checked):
        if self.n_cells > self.size:
            raise ValueError(f"n_cells={self.n_cells} cells do not fit into size={self.size} pixels")
        filters(self.size + 2 * _PADDING, tuple(self.orientations))

    def _describe(self, pixels, box, i):
        square = grey(fit_image(pixels, (self.size, self.size), "crop", "bilinear", box))
        spread = np.ptp(square)
        if spread > 0:
            square = (square - square.min()) * (255 / spread)
        spectrum = fft2(np.pad(normalised_contrast(square), _PADDING, mode="symmetric"))
        inner = slice(_PADDING, -_PADDING)
        edges = np.linspace(0, self.size, self.n_cells + 1).astype(int)[:-1]
        areas = np.outer(*[np.diff([*edges, self.size])] * 2)
        energies = []
        for transfer in filters(self.size + 2 * _PADDING, tuple(self.orientations)):
            response = np.abs(ifft2(spectrum * transfer)[inner, inner])
            energies.append(np.add.reduceat(np.add.reduceat(response, edges, axis=0), edges, axis=1) / areas)
        return np.ravel(energies)

    def _n_features_out(self):
        return sum(self.orientations) * self.n_cells**2

    def _min_side(self):
        return self.size


def normalised_contrast(square):
    """Logarithm of a grey square without its low frequencies, divided by the local contrast."""
    padded = np.pad(np.log1p(square), _PREFILTER_PADDING, mode="symmetric")
    across, down = _frequencies(len(padded))
    low_pass = np.exp(-(across**2 + down**2) * (np.log(2) / _PREFILTER_CYCLES**2)).astype(np.float32)
    high = padded - ifft2(fft2(padded) * low_pass).real
    contrast = np.sqrt(np.abs(ifft2(fft2(high**2) * low_pass)))
    inner = slice(_PREFILTER_PADDING, -_PREFILTER_PADDING)
    return (high / (_MIN_CONTRAST + contrast))[inner, inner]


def _frequencies(n):
    """Cycles per image along rows and columns, in the order of `fft2`."""
    cycles = np.fft.fftfreq(n, 1 / n)
    return cycles, cycles[:, np.newaxis]


@cache
def filters(n, orientations):
    """Transfer functions on n x n frequencies, one after another from the finest scale.

    Returns
    -------
    float32 ndarray of shape (sum of orientations, n, n)
    """
    across, down = _frequencies(n)
    radius, angle = np.hypot(across, down) / n, np.arctan2(down, across)
    found = []
    for scale, n_orientations in enumerate(orientations):
        centre = _HIGHEST / _RATIO**scale
        radial = 10 * _BANDWIDTH * (radius / centre - 1) ** 2
        sharpness = 2 * np.pi * 16 * n_orientations**2 / 32**2
        for orientation in range(n_orientations):
            turned = angle + np.pi * orientation / n_orientations
            turned = np.where(turned > np.pi, turned - 2 * np.pi, turned)
            found.append(np.exp(-radial - sharpness * turned**2))
    return np.array(found, dtype=np.float32)
