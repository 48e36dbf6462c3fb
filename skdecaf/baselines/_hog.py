"""Histograms of oriented gradients of a photo."""

# SPDX-License-Identifier: BSD-3-Clause
from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval

from skdecaf._utils.extras import require
from skdecaf.baselines._base import PhotoDescriptor
from skdecaf.images import fit_image


class HOGDescriptor(PhotoDescriptor):
    """Histograms of oriented gradients over a grid of cells [1]_, by scikit-image.

    It describes outlines, and is a quick first attempt on photos of one kind of thing in one pose. The deformable part
    models behind Table 2 of the DeCAF paper (Section 4.3) use it to find parts [2]_.

    Parameters
    ----------
    size : int, default=128
        Photos are warped to a square of so many pixels.
    cell : int, default=16
        Side of a cell in pixels.
    block : int, default=2
        Side of a block in cells. Histograms are normalised within each block.
    orientations : int, default=9
        Number of bins from 0 to 180 degrees.
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

    Raises
    ------
    ImportError
        If scikit-image is not installed; the message names the extra.

    See Also
    --------
    skimage.feature.hog : The function that computes it, of the channel with the strongest gradient at each pixel.

    References
    ----------
    .. [1] Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005.
    .. [2] Donahue et al., "DeCAF: A Deep Convolutional Activation Feature for Generic Visual Recognition", ICML 2014.

    Examples
    --------
    >>> from sklearn.datasets import load_sample_images
    >>> from skdecaf.baselines import HOGDescriptor
    >>> HOGDescriptor().fit_transform(load_sample_images().images).shape
    (2, 1764)
    """

    _parameter_constraints: dict = {
        "size": [Interval(Integral, 1, None, closed="left")],
        "cell": [Interval(Integral, 1, None, closed="left")],
        "block": [Interval(Integral, 1, None, closed="left")],
        "orientations": [Interval(Integral, 1, None, closed="left")],
        **PhotoDescriptor._parameter_constraints,
    }

    def __init__(
        self,
        size=128,
        *,
        cell=16,
        block=2,
        orientations=9,
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
        self.cell = cell
        self.block = block
        self.orientations = orientations

    def _require_packages(self):
        require("baselines", type(self).__name__, "skimage.feature")

    def _learn(self, checked):
        if self.block * self.cell > self.size:
            raise ValueError(f"a block of {self.block} cells of {self.cell} pixels does not fit into size={self.size}")

    def _describe(self, pixels, box, i):
        from skimage.feature import hog

        return hog(
            np.asarray(fit_image(pixels, (self.size, self.size), "warp", "bilinear", box), dtype=np.float32),
            orientations=self.orientations,
            pixels_per_cell=(self.cell, self.cell),
            cells_per_block=(self.block, self.block),
            channel_axis=2,
        )

    def _n_features_out(self):
        n_blocks = self.size // self.cell - self.block + 1
        return self.orientations * (n_blocks * self.block) ** 2

    def _min_side(self):
        return self.size
