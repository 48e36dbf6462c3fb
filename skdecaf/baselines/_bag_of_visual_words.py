"""Counts of visual words in photos."""

# SPDX-License-Identifier: BSD-3-Clause
from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from skdecaf.baselines._codebook import CodebookDescriptor, nearest_words
from skdecaf.baselines._local_descriptors import dense_sift, interest_points

_STEP, _PATCH = 6, 16  # of dense SIFT, in pixels


class BagOfVisualWords(CodebookDescriptor):
    """Counts of the nearest words of all local descriptors in a photo [1]_.

    The Office data set of the DeCAF paper (Section 4.2) [2]_ comes with such counts of 800 SURF words. Libraries no
    longer build SURF; `skdecaf.datasets.fetch_office31` reads the published counts with ``features="surf"``.

    Parameters
    ----------
    n_words : int, default=800
        Number of words in the codebook, at most as many as there are descriptors to learn it from.
    descriptor : {"sift", "orb", "dense_sift"}, default="sift"
        SIFT or ORB at interest points, or SIFT on a grid, of patches of 16 pixels every 6 pixels.
    max_side : int, default=300
        Larger photos are reduced so that their longer side has so many pixels.
    n_descriptors : int, default=100000
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
    codebook_ : float32 ndarray of shape (n_words, n_dimensions)
        The words.
    input_kind_, image_shape_, value_range_, n_features_in_, feature_names_in_
        As for `skdecaf.DeCAFTransformer`.

    Raises
    ------
    ImportError
        If OpenCV is not installed; the message names the extra.
    ValueError
        If no training photo has an interest point.

    See Also
    --------
    LLC : Soft codes and a spatial pyramid, which recognise objects better.

    Notes
    -----
    A photo without interest points has zero counts. For linear classifiers, a `~sklearn.preprocessing.Normalizer`
    after it makes photos of any size comparable.

    References
    ----------
    .. [1] Csurka, Dance, Fan, Willamowski and Bray, "Visual Categorization with Bags of Keypoints", ECCV workshop on
       Statistical Learning in Computer Vision, 2004.
    .. [2] Donahue et al., "DeCAF: A Deep Convolutional Activation Feature for Generic Visual Recognition", ICML 2014.

    Examples
    --------
    >>> from sklearn.datasets import load_sample_images
    >>> from skdecaf.baselines import BagOfVisualWords
    >>> BagOfVisualWords(50, random_state=0).fit_transform(load_sample_images().images).shape
    (2, 50)
    """

    _parameter_constraints: dict = {
        "n_words": [Interval(Integral, 1, None, closed="left")],
        "descriptor": [StrOptions({"sift", "orb", "dense_sift"})],
        "max_side": [Interval(Integral, 1, None, closed="left")],
        "n_descriptors": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        **CodebookDescriptor._parameter_constraints,
    }

    def __init__(
        self,
        n_words=800,
        *,
        descriptor="sift",
        max_side=300,
        n_descriptors=100_000,
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
        self.descriptor = descriptor
        self.max_side = max_side
        self.n_descriptors = n_descriptors
        self.random_state = random_state

    def _local(self, photo):
        if self.descriptor == "dense_sift":
            return dense_sift(photo, _STEP, _PATCH)
        return None, interest_points(photo, self.descriptor)

    def _describe(self, pixels, box, i):
        _, descriptors = self._local(self._grey(pixels, box))
        words = nearest_words(descriptors, self.codebook_, 1)[:, 0]
        return np.bincount(words, minlength=len(self.codebook_))

    def _n_features_out(self):
        return len(self.codebook_)
