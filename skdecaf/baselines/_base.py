"""What all transformers of this package share: photos in, read as `DeCAFTransformer` reads them, descriptors out."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from sklearn.base import TransformerMixin, _fit_context
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from skdecaf._inputs.reading import fit_input, read_input
from skdecaf._inputs.sources import load_image, warn_unreadable
from skdecaf._inputs.value_range import warn_if_out_of_range
from skdecaf._photo_estimator import PhotoReader
from skdecaf._utils.documented import DocumentedEstimator
from skdecaf._utils.progress import progress_bar
from skdecaf._utils.threaded_map import map_chunks
from skdecaf._utils.threads import resolve_n_jobs
from skdecaf.images import ImageError, resize_image
from skdecaf.images._pixel_budget import pixel_budget
from skdecaf.images._preparing import FAST_DECODE_FACTOR

_PER_CHUNK = 8  # photos, each of which takes milliseconds
_PARAMETERS = ("image_shape", "value_range", "fast_decode", "on_error", "n_jobs", "verbose")


class PhotoDescriptor(TransformerMixin, DocumentedEstimator):
    """Base class: `_describe` computes the descriptor of a photo, and `_learn` sees the photos in `fit`.

    Parameters
    ----------
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
    """

    _parameter_constraints: dict = {name: PhotoReader._parameter_constraints[name] for name in _PARAMETERS}

    def __init__(
        self, *, image_shape=None, value_range=None, fast_decode=True, on_error="raise", n_jobs=None, verbose=False
    ):
        self.image_shape = image_shape
        self.value_range = value_range
        self.fast_decode = fast_decode
        self.on_error = on_error
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn how to read the photos, and a codebook if there is one.

        Parameters
        ----------
        X : list, array, Series or single-column frame of images, or array-like of shape (n_images, n_pixels)
            As for `DeCAFTransformer.fit`.
        y : ignored

        Returns
        -------
        self
        """
        self._require_packages()
        self._learn(fit_input(self, X))
        self._fitted = True
        return self

    def transform(self, X):
        """Compute the descriptors of photos.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray of shape (n_images, n_features), float32
        """
        check_is_fitted(self)
        checked = read_input(self, X)
        descriptors = np.full((len(checked.images), self._n_features_out()), np.nan, np.float32)
        for i, descriptor in self._each(self._describe, checked):
            descriptors[i] = descriptor
        return descriptors

    def get_feature_names_out(self, input_features=None):
        """Return the names of the features: the class in small letters and a number, ``"gist_0000"`` and so on.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns that `fit` saw, checked if it saw any; otherwise ignored.

        Returns
        -------
        ndarray of str objects
        """
        check_is_fitted(self)
        if hasattr(self, "n_features_in_"):
            _check_feature_names_in(self, input_features, generate_names=False)
        n, prefix = self._n_features_out(), type(self).__name__.lower()
        digits = max(4, len(str(n - 1)))
        return np.array([f"{prefix}_{i:0{digits}d}" for i in range(n)], dtype=object)

    def _require_packages(self):
        """Say which optional packages are missing."""

    def _learn(self, checked):
        """Learn from photos; by default there is nothing to learn."""

    def _describe(self, pixels, box, i):
        """Descriptor of photo i, from RGB pixels with the edges `box`, as from `load_image`."""
        raise NotImplementedError

    def _n_features_out(self):
        raise NotImplementedError

    def _min_side(self):
        """The length of a side below which a photo loses what descriptors need."""
        raise NotImplementedError

    def _each(self, function, checked, n_threads=None):
        """Yield (i, value of ``function(pixels, box, i)``) for the good photos in turn, computed in threads."""
        images, errors, out_of_range = checked.images, dict(checked.errors), []

        def work(start, stop, cancelled):
            rows = [i for i in range(start, stop) if i not in checked.errors]
            return [self._loaded(function, images, i) for i in rows if not cancelled.is_set()]

        with progress_bar(len(images), self.verbose) as bar:
            for results in map_chunks(work, len(images), _PER_CHUNK, n_threads or resolve_n_jobs(self.n_jobs)):
                for i, value, error, is_out_of_range in results:
                    if error is not None:
                        errors[i] = error
                        continue
                    if is_out_of_range:
                        out_of_range.append(i)
                    yield i, value
                bar.update(len(results))
        warn_unreadable(images, errors, "; their results are NaN")
        warn_if_out_of_range(images, out_of_range, self.value_range_)

    def _loaded(self, function, images, i):
        """Load photo i and apply a function: (i, value, error, whether the values are out of range)."""
        min_side = FAST_DECODE_FACTOR * self._min_side() if self.fast_decode else None
        try:
            with pixel_budget.reservation() as reserve:
                loaded = load_image(images, i, self.value_range_, min_side, reserve=reserve)
                return i, function(loaded.pixels, loaded.box, i), None, loaded.out_of_range
        except ImageError as error:
            if self.on_error == "raise":
                raise
            return i, None, error, False

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_fitted")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def grey(pixels):
    """Mean of the channels as float32, 0 for black and 255 for white."""
    return pixels.mean(axis=2, dtype=np.float32)


def limited(pixels, box, longest):
    """Reduce a photo so that its longer side has no more than so many pixels; smaller ones keep their size.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, 3)
    box : tuple of four floats, or None
        Edges of the photo in the pixels.
    longest : int

    Returns
    -------
    ndarray of shape (new_height, new_width, 3)
    """
    left, top, right, bottom = box or (0, 0, pixels.shape[1], pixels.shape[0])
    sides = bottom - top, right - left
    ratio = min(1, longest / max(sides))
    size = tuple(max(1, round(side * ratio)) for side in sides)
    return resize_image(pixels, size, "bilinear", box) if box or size != sides else pixels
