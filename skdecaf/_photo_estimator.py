"""The base classes of estimators that send photos through a network."""

# SPDX-License-Identifier: BSD-3-Clause
import os
from numbers import Integral

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import assert_all_finite
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from skdecaf._feature_cache import check_memory
from skdecaf._inputs.blob_extractor import BlobExtractor, ExtractionOptions
from skdecaf._utils.documented import DocumentedEstimator
from skdecaf.weights import Network, resolve_network


class PhotoReader(DocumentedEstimator):
    """Base of estimators on photos: parameters of how they read X and compute blobs, which subclasses document."""

    _parameter_constraints: dict = {
        "crops": [StrOptions({"center", "scales", "ten"})],
        "resize": [StrOptions({"warp", "crop"}), None],
        "image_shape": [tuple, list, None],
        "value_range": [tuple, list, None],
        "fast_decode": ["boolean"],
        "on_error": [StrOptions({"raise", "nan"})],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Interval(Integral, 1, None, closed="left"), Interval(Integral, None, -1, closed="right"), None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        crops="center",
        resize=None,
        image_shape=None,
        value_range=None,
        fast_decode=True,
        on_error="raise",
        batch_size=64,
        n_jobs=None,
        verbose=False,
    ):
        self.crops = crops
        self.resize = resize
        self.image_shape = image_shape
        self.value_range = value_range
        self.fast_decode = fast_decode
        self.on_error = on_error
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        return tags


class PhotoEstimator(PhotoReader):
    """Base of estimators that take a network as it is. They set ``network_fingerprint_`` in `fit`."""

    _seed = None  # of random filters

    _parameter_constraints: dict = {
        "weights": [str, os.PathLike, Network],
        "precision": [StrOptions({"float32", "compact"})],
        "memory": "no_validation",  # see check_memory
        **PhotoReader._parameter_constraints,
    }

    def __init__(
        self,
        weights="mini",
        *,
        precision="float32",
        crops="center",
        resize=None,
        image_shape=None,
        value_range=None,
        fast_decode=True,
        on_error="raise",
        batch_size=64,
        n_jobs=None,
        memory=None,
        verbose=False,
    ):
        super().__init__(
            crops=crops,
            resize=resize,
            image_shape=image_shape,
            value_range=value_range,
            fast_decode=fast_decode,
            on_error=on_error,
            batch_size=batch_size,
            n_jobs=n_jobs,
            verbose=verbose,
        )
        self.weights = weights
        self.precision = precision
        self.memory = memory

    def _validate_params(self):
        super()._validate_params()
        check_memory(self)

    def _network(self):
        """The network, which after `fit` must be the one of `fit`. It is never an attribute: pickles stay small."""
        network = resolve_network(self.weights, self._seed, self.precision)
        if getattr(self, "network_fingerprint_", network.fingerprint) != network.fingerprint:
            raise ValueError(
                f"weights={self.weights!r} with precision={self.precision!r} is another network than the one that fit "
                "saw; call fit again"
            )
        return network


def blob_extractor(estimator, blobs):
    """Return a `BlobExtractor` with the network of an estimator, a fitted PhotoReader with a method ``_network``."""
    return BlobExtractor(estimator._network(), blobs, estimator.value_range_, ExtractionOptions.of(estimator))


def compute_blobs(estimator, blobs, checked, **options):
    """Compute blobs of CheckedImages; the options and results are those of `BlobExtractor.run`."""
    return blob_extractor(estimator, blobs).run(checked, **options)


class PhotoClassifierMixin(ClassifierMixin):
    """Mixin of classifiers of photos: they have `classes_` and `predict_proba`, with NaN for bad images."""

    def predict(self, X):
        """Predict the class of each image.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray of shape (n_images,)
            Elements of `classes_`. For a bad image, with ``on_error="nan"``, an empty string or NaN; integer classes
            have no such value, and raise an error.
        """
        probabilities = self.predict_proba(X)
        bad = np.isnan(probabilities).any(axis=1)
        predicted = self.classes_[np.where(bad, 0, probabilities.argmax(axis=1))]
        if bad.any():
            predicted[bad] = self._no_class()
        return predicted

    def _check_classes(self, y, n_images):
        """Check the classes of images before the images are read; return them as an array."""
        name = type(self).__name__
        if y is None:
            raise ValueError(f"{name} requires y to be passed, but the target y is None")
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        if len(y) != n_images:
            raise ValueError(f"Found input variables with inconsistent numbers of samples: {[n_images, len(y)]}")
        return y

    def _no_class(self):
        """The prediction for a bad image."""
        kind = self.classes_.dtype.kind
        if kind in "OUf":
            return np.nan if kind == "f" else ""
        raise ValueError('on_error="nan" has no value for a missing class among integer classes; use predict_proba')
