"""DeCAF features as a scikit-learn transformer."""

# SPDX-License-Identifier: BSD-3-Clause
from numbers import Integral

import numpy as np
from sklearn.base import TransformerMixin, _fit_context, clone
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from skdecaf._inputs.reading import fit_input, read_input
from skdecaf._photo_estimator import PhotoEstimator, blob_extractor, compute_blobs
from skdecaf._utils.callbacks import CallbacksMixin
from skdecaf._utils.dropout import add_squares, drop_entries, expected_scale
from skdecaf._utils.random import draw_seed
from skdecaf.weights import resolve_network
from skdecaf.weights._blob_names import column_names, resolve_blobs, split_blobs

_DROPOUT_RATE = 0.5


class DeCAFTransformer(CallbacksMixin, TransformerMixin, PhotoEstimator):
    """Activations of a deep convolutional network as features of photos.

    Each photo is resized, cropped and sent through a convolutional network that was trained on ImageNet. The
    activations of one of its layers are the photo's features (Donahue et al., ICML 2014). The network is not trained
    further: `fit` learns how to read the images and, with dropout, a scale for each feature.

    Parameters
    ----------
    layer : int, str, or list of them, default=6
        Which activations to return. 5, 6 and 7 are the paper's DeCAF5 (``"pool5"``, after pooling), DeCAF6
        (``"fc6"``) and DeCAF7 (``"fc7"``), the last two after the ReLU; 8 is ``"fc8"``, the scores of the classes. You
        can also name any blob, which is Caffe's word for the output of a layer: ``"conv1"`` to ``"conv5"``,
        ``"pool1"``, …, ``"prob"``; ``"fc6_pre"`` is fc6 before its ReLU. Maps are flattened as (channel, row, column).
        A list concatenates several blobs from one pass through the network. The names of the original release work
        too, such as ``"fc6_cudanet_out"`` (before the ReLU) and ``"fc6_neuron_cudanet_out"`` (after it). With the
        embedded network, 5 is more accurate than 6: 80.9 % against 77.3 % on Caltech-101, 30 training photos per class.
    dropout : bool or "mask", default=True
        True scales each feature by a factor learned from the training photos, which replaces dropout in a linear
        classifier. ``"mask"`` is the paper's procedure: a random half of the training features is set to zero, and all
        test features are halved. False returns the activations unchanged. See Notes.
    weights : str, path or Network, default="mini"
        The network. "mini" ships with the package and needs no download. "random" is CaffeNet's architecture with
        random filters, the paper's control (footnote 7). "alexnet-compressed", "caffenet", "alexnet", "torchvision",
        "caffenet-onnx" and "alexnet-onnx" are published weights of 9 to 244 MB. The first `fit` downloads and verifies
        them, unless the environment variable ``SKDECAF_OFFLINE`` is 1. A path names a file written by `Network.save`,
        or a file of Caffe, ONNX, torch, cuda-convnet and others, see `skdecaf.weights.read_network`.
    precision : {"float32", "compact"}, default="float32"
        "compact" stores the weights of fully connected layers, which are most of a network, in 16 bits each. It needs
        little more than half the memory, and less time for a single photo. DeCAF6 differs by up to 2e-5 of the largest
        feature, DeCAF7 by up to 3e-5.
    crops : {"center", "scales", "ten"}, default="center"
        One crop; two, the centre of the photo and of the photo enlarged by a ninth; or ten (corners and centre, and
        their mirrors). The activations of several crops are averaged.
    resize : {"warp", "crop"} or None, default=None
        "warp" ignores a photo's aspect ratio, as in the paper (Section 3); "crop" scales its shorter side and cuts the
        centre, as in the original release. None is the policy that the network was trained with.
    image_shape : tuple of int, default=None
        Shape of images that are rows of a table: (height, width), (height, width, channels), or (channels, height,
        width) as in CIFAR's tables. None reads k columns as a square colour image if k = 3 s², as a square grey image
        if k = s², and otherwise, up to 100 columns, as a single row of grey pixels.
    value_range : tuple (low, high), default=None
        The values of black and white in float images and in 32- or 64-bit integer images. None learns them in `fit`:
        0 and 1, or 0 and 255, if all values lie between these, otherwise the smallest and the largest value. uint8,
        uint16 and bool images and photo files do not need it.
    fast_decode : bool, default=True
        Whether to decode large JPEG files at a half, a quarter or an eighth of their size, and JPEG 2000 files at even
        smaller ones, as long as the shorter side keeps three times the size that the network resizes to. That takes a
        fraction of the time, and features differ little: their cosine to those of the full size is 0.999 or more.
    on_error : {"raise", "nan"}, default="raise"
        What to do with an image that cannot be read, or has NaN or infinite pixels: raise an error, or fill its row
        with NaN and warn once at the end.
    batch_size : int, default=64
        Number of crops that go through the network at a time, per thread. It changes memory and speed, but no feature.
    n_jobs : int, default=None
        Number of threads. None is the number of `joblib.parallel_config`, or as many as NumPy's BLAS may use; -1 is one
        per processor. It changes no feature.
    memory : str, path or FeatureCache, default=None
        A folder in which to store the activations of each photo, so that no photo goes through the network twice, in
        any fold, grid point, session or process. It changes no feature. See `FeatureCache`.
    random_state : int, RandomState instance or None, default=None
        Seeds the masks of ``dropout="mask"`` and the filters of ``weights="random"``.
    verbose : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    blobs_ : list of str
        Names of the blobs that form the features.
    input_kind_ : str
        "images", or "table" for flattened images.
    image_shape_ : tuple or None
        Shape of the images in the rows of a table.
    value_range_ : tuple or None
        Black and white in images whose dtype does not define them; None if `fit` saw none.
    network_fingerprint_ : str
        Digest of the network.
    scale_ : ndarray of shape (n_features,), float32
        The factors by which `transform` multiplies the activations, for models that are exported.
    n_features_in_ : int
        Number of columns, if `fit` saw a table or a data frame.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if `fit` saw a data frame with names.

    Raises
    ------
    ValueError
        If an image cannot be read; the message names its index and path.

    See Also
    --------
    FeatureCache : Activations on disk, for `memory`.
    DropoutFeatures : Dropout as a separate step, for any features.
    Network : The network as data.

    Notes
    -----
    **Dropout.** The paper trains its classifiers on features under dropout (Section 4.1). A batch solver sees every
    sample under one mask only, which costs accuracy: with the embedded network, LinearSVC and 30 photos per class of
    Caltech-101, ``"mask"`` reaches 74.1 %, True 77.3 %, and raw features scaled as a whole 77.8 %. The average over all
    masks has a closed form in a linear model: a ridge penalty in which each weight is multiplied by the second moment
    m_j of its feature (Wager, Wang and Liang, 2013). Dividing the features is equivalent. So True divides feature j by
    sqrt(m_j + mean(m) / 4), where the second term bounds the scale of rare features. It then divides all features by
    the root mean square norm of the training rows. With features of that scale, `LinearSVC()` and
    `LogisticRegression()` are near their best with the default C. Each blob of a list is scaled as if it were alone.

    Only with ``dropout="mask"`` does ``fit_transform(X)`` differ from ``fit(X).transform(X)``: masks are for training,
    and the `fit` of a pipeline calls `fit_transform`. With ``dropout=False``, `fit` needs no pass through the network.

    **Reproducibility.** On one machine the features of an image do not depend on other images, its position,
    `batch_size` or `n_jobs`, to the last bit.

    **Pickles** are small: they do not contain the weights, which are found by name or path, and verified, when the
    pickle is loaded.

    References
    ----------
    Donahue, Jia, Vinyals, Hoffman, Zhang, Tzeng and Darrell. DeCAF: A Deep Convolutional Activation Feature for
    Generic Visual Recognition. ICML 2014.

    Wager, Wang and Liang. Dropout Training as Adaptive Regularization. NIPS 2013.

    Examples
    --------
    >>> from sklearn.datasets import load_sample_images
    >>> from skdecaf import DeCAFTransformer
    >>> photos = load_sample_images().images
    >>> [photo.shape for photo in photos]
    [(427, 640, 3), (427, 640, 3)]
    >>> DeCAFTransformer().fit_transform(photos).shape
    (2, 2048)
    >>> DeCAFTransformer(layer=["pool5", "fc6_pre"], dropout=False).fit_transform(photos).shape
    (2, 4352)
    """

    _parameter_constraints: dict = {
        "layer": [Integral, str, list, tuple],
        "dropout": ["boolean", StrOptions({"mask"})],
        "random_state": ["random_state"],
        **PhotoEstimator._parameter_constraints,
    }

    def __init__(
        self,
        layer=6,
        dropout=True,
        *,
        weights="mini",
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
        random_state=None,
        verbose=False,
    ):
        super().__init__(
            weights,
            precision=precision,
            crops=crops,
            resize=resize,
            image_shape=image_shape,
            value_range=value_range,
            fast_decode=fast_decode,
            on_error=on_error,
            batch_size=batch_size,
            n_jobs=n_jobs,
            memory=memory,
            verbose=verbose,
        )
        self.layer = layer
        self.dropout = dropout
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn how to read the images and, with ``dropout=True``, the scale of each feature.

        Parameters
        ----------
        X : list, array, Series or single-column frame of images, or array-like of shape (n_images, n_pixels)
            Paths, contents of files as bytes, open binary files, PIL images, arrays of shape (height, width) or
            (height, width, 1, 3 or 4), or a `skdecaf.images.Crop` of one of these, in any mixture; or one array of
            shape (n, height, width) or (n, height, width, channels); or a table with one flattened image per row.
        y : ignored

        Returns
        -------
        self
        """
        self._fit(X, return_features=False)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None):
        """Learn from one more chunk of images.

        The first chunk defines the kind of input and, unless you set `value_range`, the range of values.

        Parameters
        ----------
        X : as in `fit`
        y : ignored

        Returns
        -------
        self
        """
        if self.__sklearn_is_fitted__():
            self._learn(X, self._read(X), self._sum_of_squares, self._n_images, return_features=False)
        else:
            self._fit(X, return_features=False)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X, y=None):
        """Fit and return the features, with a single pass through the network.

        Parameters
        ----------
        X : as in `fit`
        y : ignored

        Returns
        -------
        ndarray of shape (n_images, n_features), float32
            As from `transform`; with ``dropout="mask"``, a random half of the activations is zero.
        """
        features, generator = self._fit(X, return_features=True)
        if self._dropout_mode() == "mask":
            return drop_entries(features, _DROPOUT_RATE, generator)
        return self._scaled(features)

    def transform(self, X):
        """Compute the features of images.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray of shape (n_images, n_features), float32
        """
        check_is_fitted(self)
        return self._scaled(compute_blobs(self, self.blobs_, self._read(X))[0])

    def get_feature_names_out(self, input_features=None):
        """Return the names of the features: ``"decaf6_0000"`` and so on, or ``"<blob>_0000"`` for other blobs.

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
        sizes = self._network().blob_sizes
        return np.array([name for blob in self.blobs_ for name in column_names(blob, sizes[blob])], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_n_images")

    def _fit(self, X, return_features):
        """Forget an earlier fit, then learn; return the activations, if asked for, and the generator of masks."""
        for name in ("_n_images", "network_fingerprint_"):  # if this fit fails, the estimator is not fitted
            vars(self).pop(name, None)
        generator = check_random_state(self.random_state)
        self._seed = draw_seed(generator)
        network = super()._network()
        blobs = resolve_blobs(self.layer, network)
        checked = fit_input(self, X)
        self.blobs_ = blobs
        self.network_fingerprint_ = network.fingerprint
        return self._learn(X, checked, 0.0, 0, return_features), generator

    def _learn(self, X, checked, sum_of_squares, n_images, return_features):
        """Learn from all images, or from none if there is an error; return their activations if asked for."""
        expected, features, starts = self._dropout_mode() == "expected", None, ()
        if expected or return_features:
            extractor = blob_extractor(self, self.blobs_)
            starts = extractor.starts(len(checked.images))
        with self._fit_task(X, len(starts)) as end_batch:

            def add(features, errors):
                nonlocal sum_of_squares, n_images
                if expected:
                    sum_of_squares = add_squares(sum_of_squares, features)
                    n_images += len(features)
                end_batch()

            if expected or return_features:
                features, _ = extractor.run(checked, callback=add, return_features=return_features)
            if expected and not n_images:
                raise ValueError("none of the images can be read, so there is nothing to learn from")
            self._sum_of_squares, self._n_images = (sum_of_squares, n_images) if expected else (None, 0)
        return features

    def _read(self, X):
        """Images of X, checked as far as possible without decoding them."""
        checked = read_input(self, X)
        if self._sum_of_squares is None and self._dropout_mode() == "expected":
            raise ValueError(f"dropout was changed to {self.dropout!r} after fit; call fit again")
        return checked

    def _scaled(self, features):
        """Scale features for prediction, in place."""
        mode = self._dropout_mode()
        if mode == "mask":
            features *= np.float32(1 - _DROPOUT_RATE)
        elif mode == "expected":
            features *= self._scale()
        return features

    @property
    def scale_(self):
        """Factors by which `transform` multiplies the activations."""
        check_is_fitted(self)
        sizes = self._network().blob_sizes
        return self._scaled(np.ones((1, sum(sizes[blob] for blob in self.blobs_)), np.float32))[0]

    def _scale(self):
        """Factor of each feature; every blob is scaled as if it were alone."""
        sizes = self._network().blob_sizes
        blocks = split_blobs(self._sum_of_squares / self._n_images, [sizes[blob] for blob in self.blobs_])
        return np.concatenate([expected_scale(block, _DROPOUT_RATE) for block in blocks]).astype(np.float32)

    def _dropout_mode(self):
        if isinstance(self.dropout, str):
            return self.dropout
        return "expected" if self.dropout else None

    def _network(self):
        network = super()._network()
        if resolve_blobs(self.layer, network) != self.blobs_:
            raise ValueError(f"layer was changed to {self.layer!r} after fit; call fit again")
        return network


def network_of(transformer):
    """The network that a DeCAFTransformer was fitted with, or would be."""
    if transformer.__sklearn_is_fitted__():
        return transformer._network()
    generator = check_random_state(clone(transformer).random_state)  # of a clone, so that drawing changes nothing
    return resolve_network(transformer.weights, draw_seed(generator), transformer.precision)
