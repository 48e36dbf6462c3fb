"""Locality-constrained linear coding of dense SIFT descriptors, pooled over a spatial pyramid."""

# SPDX-License-Identifier: BSD-3-Clause
from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval

from skdecaf.baselines._codebook import CodebookDescriptor, nearest_words
from skdecaf.baselines._local_descriptors import dense_sift


class LLC(CodebookDescriptor):
    """Dense SIFT descriptors, each coded by its nearest words, with the largest codes in each cell of a pyramid.

    Locality-constrained linear coding [1]_ was among the best features for object recognition before deep networks.
    The DeCAF paper shows it in Figure 1 (Section 3.1) [2]_. A linear SVM is the usual classifier.

    Parameters
    ----------
    n_words : int, default=1024
        Number of words in the codebook, at most as many as there are descriptors to learn it from.
    n_neighbors : int, default=5
        Number of words by which a descriptor is coded.
    regularization : float, default=1e-4
        Share of the codes' trace that is added to their covariance, which keeps it invertible.
    levels : tuple of int, default=(1, 2, 4)
        Cells in each row and column of the levels of the pyramid.
    step : int, default=6
        Distance of the descriptors in pixels.
    patch : int, default=16
        Side of the patch that a descriptor describes, in pixels.
    max_side : int, default=300
        Larger photos are reduced so that their longer side has so many pixels.
    n_descriptors : int, default=200000
        About how many descriptors of the training photos the codebook is learned from.
    random_state : int, RandomState instance or None, default=None
        Seeds the choice of these descriptors, and k-means.
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
    codebook_ : float32 ndarray of shape (n_words, 128)
        The words.
    input_kind_, image_shape_, value_range_, n_features_in_, feature_names_in_
        As for `skdecaf.DeCAFTransformer`.

    Raises
    ------
    ImportError
        If OpenCV is not installed; the message names the extra.

    See Also
    --------
    BagOfVisualWords : Counts of the nearest words.

    Notes
    -----
    The code of a descriptor x has weights w that sum to 1 and make Σ w_k b_k close to x, where b_k are its nearest
    words; all other weights are zero. A feature is the largest weight of one word in one cell, and not below 0.
    Features are ordered by level, row, column and word, 21 x 1,024 of them by default, and have the length 1.

    References
    ----------
    .. [1] Wang, Yang, Yu, Lv, Huang and Gong, "Locality-constrained Linear Coding for Image Classification",
       CVPR 2010.
    .. [2] Donahue et al., "DeCAF: A Deep Convolutional Activation Feature for Generic Visual Recognition", ICML 2014.

    Examples
    --------
    >>> from sklearn.datasets import load_sample_images
    >>> from skdecaf.baselines import LLC
    >>> LLC(n_words=64, random_state=0).fit_transform(load_sample_images().images).shape
    (2, 1344)
    """

    _parameter_constraints: dict = {
        "n_words": [Interval(Integral, 1, None, closed="left")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "regularization": [Interval(Real, 0, None, closed="neither")],
        "levels": [tuple, list],
        "step": [Interval(Integral, 1, None, closed="left")],
        "patch": [Interval(Integral, 4, None, closed="left")],
        "max_side": [Interval(Integral, 1, None, closed="left")],
        "n_descriptors": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        **CodebookDescriptor._parameter_constraints,
    }

    def __init__(
        self,
        n_words=1024,
        *,
        n_neighbors=5,
        regularization=1e-4,
        levels=(1, 2, 4),
        step=6,
        patch=16,
        max_side=300,
        n_descriptors=200_000,
        random_state=None,
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
        self.n_words = n_words
        self.n_neighbors = n_neighbors
        self.regularization = regularization
        self.levels = levels
        self.step = step
        self.patch = patch
        self.max_side = max_side
        self.n_descriptors = n_descriptors
        self.random_state = random_state

    def _local(self, photo):
        return dense_sift(photo, self.step, self.patch)

    def _describe(self, pixels, box, i):
        places, descriptors = self._local(self._grey(pixels, box))
        words = nearest_words(descriptors, self.codebook_, min(self.n_neighbors, len(self.codebook_)))
        weights = local_codes(descriptors, self.codebook_[words], self.regularization)
        pooled = pool_over_pyramid(places, words, weights, self.levels, len(self.codebook_))
        length = np.linalg.norm(pooled)
        return pooled / length if length > 0 else pooled

    def _n_features_out(self):
        return len(self.codebook_) * sum(level**2 for level in self.levels)


def local_codes(descriptors, words, regularization):
    """Weights that sum to 1 and best combine the words of each descriptor to it.

    Parameters
    ----------
    descriptors : ndarray of shape (n, n_dimensions)
    words : ndarray of shape (n, n_neighbors, n_dimensions)
    regularization : float

    Returns
    -------
    float64 ndarray of shape (n, n_neighbors)
    """
    offsets = (words - descriptors[:, np.newaxis]).astype(np.float64)
    products = offsets @ offsets.transpose(0, 2, 1)
    traces = np.trace(products, axis1=1, axis2=2)
    # A descriptor that equals all its words has no covariance; any weights serve.
    ridge = np.where(traces > 0, regularization * traces, 1)
    products += ridge[:, np.newaxis, np.newaxis] * np.eye(words.shape[1])
    weights = np.linalg.solve(products, np.ones((*words.shape[:2], 1)))[:, :, 0]
    return weights / weights.sum(axis=1, keepdims=True)


def pool_over_pyramid(places, words, weights, levels, n_words):
    """The largest weight of each word in each cell, and not below 0.

    Parameters
    ----------
    places : ndarray of shape (n, 2)
        Row and column of each descriptor, from 0 to 1.
    words : ndarray of shape (n, n_neighbors)
    weights : ndarray of shape (n, n_neighbors)
    levels : sequence of int
    n_words : int

    Returns
    -------
    float32 ndarray of shape (n_cells * n_words,)
    """
    pooled = []
    for level in levels:
        rows, columns = np.minimum((places * level).astype(int), level - 1).T
        cells = np.zeros((level**2, n_words), np.float32)
        np.maximum.at(cells, ((rows * level + columns)[:, np.newaxis], words), weights.astype(np.float32))
        pooled.append(cells.ravel())
    return np.concatenate(pooled)
