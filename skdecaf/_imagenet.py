"""A network's own classes as a scikit-learn classifier."""

# SPDX-License-Identifier: BSD-3-Clause
from collections import defaultdict
from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.base import _fit_context, clone
from sklearn.utils.validation import check_consistent_length, column_or_1d

from skdecaf._inputs.kinds import find_rows
from skdecaf._inputs.reading import fit_input, read_input
from skdecaf._inputs.sources import Images, check_images
from skdecaf._inputs.value_range import learn_value_range
from skdecaf._photo_estimator import PhotoClassifierMixin, PhotoEstimator, compute_blobs
from skdecaf.weights import Softmax


class Prediction(NamedTuple):
    """A class and its probability for one image; `str` gives the name and the rounded probability.

    Attributes
    ----------
    wnid : str
        Identifier of the class; for ImageNet that of its WordNet synset.
    name : str
        Name of the class, its synonyms separated by commas.
    probability : float
        From 0 to 1.
    """

    wnid: str
    name: str
    probability: float

    def __str__(self):
        return f"{self.name} ({self.probability:.0%})"


class ImageNetClassifier(PhotoClassifierMixin, PhotoEstimator):
    """Classify photos into the classes that a convolutional network was trained on.

    The classifier is the network's own last layer (Donahue et al., ICML 2014, Section 3), for 1000 classes of ImageNet.
    It is already trained, so `predict` works without `fit`; `fit` only learns how to read images.

    Parameters
    ----------
    weights : str, path or Network, default="mini"
        The network, with labels and a softmax as its last layer: "mini", which ships with the package, or other names
        and files as in `DeCAFTransformer`.
    precision : {"float32", "compact"}, default="float32"
        "compact" needs about three fifths of the memory, as in `DeCAFTransformer`.
    crops : {"center", "scales", "ten"}, default="center"
        One crop; two, the centre of the photo and of the photo enlarged by a ninth; or ten (corners and centre, and
        their mirrors). The probabilities of several crops are averaged.
    resize : {"warp", "crop"} or None, default=None
        "warp" ignores a photo's aspect ratio; "crop" scales its shorter side and cuts the centre. None is the policy
        that the network was trained with.
    image_shape : tuple of int, default=None
        Shape of images that are rows of a table, as in `DeCAFTransformer`.
    value_range : tuple (low, high), default=None
        The values of black and white in float images and in 32- or 64-bit integer images. None learns them in `fit`;
        without `fit` such images need it. uint8, uint16 and bool images and photo files do not.
    fast_decode : bool, default=True
        Whether to decode large JPEG and JPEG 2000 files at a reduced size, as in `DeCAFTransformer`.
    on_error : {"raise", "nan"}, default="raise"
        What to do with an image that cannot be read: raise an error, or warn once at the end. Its probabilities are
        then NaN, its class is ``""``, and its list from `top_k` is empty.
    batch_size : int, default=64
        Number of crops that go through the network at a time, per thread. It changes memory and speed, but no result.
    n_jobs : int, default=None
        Number of threads, as in `DeCAFTransformer`. It changes no result.
    memory : str, path or FeatureCache, default=None
        A folder in which to store the probabilities of each photo, as in `DeCAFTransformer`. It changes no result.
    verbose : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,), str
        Unique identifiers of the classes, in the order of the network's outputs, which for ImageNet is sorted. It
        exists without `fit`, as does `class_names_`.
    class_names_ : ndarray of shape (n_classes,), str
        Names of the classes. They are not unique: in ImageNet "crane" is a bird and a machine.
    input_kind_ : str
        "images", or "table" for flattened images; set if `fit` saw images, like `image_shape_`.
    image_shape_ : tuple or None
        Shape of the images in the rows of a table.
    value_range_ : tuple or None
        Black and white in images whose dtype does not define them; None if `fit` saw none.
    network_fingerprint_ : str
        Digest of the network, if `fit` saw images.
    n_features_in_ : int
        Number of columns, if `fit` saw a table or a data frame.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if `fit` saw a data frame with names.

    Raises
    ------
    ValueError
        If the network has no class labels, or an image cannot be read; the message says which.

    See Also
    --------
    DeCAFTransformer : Features from which to learn your own classes. With ``layer=8, dropout=False`` it returns the
        input of this classifier's softmax.

    Notes
    -----
    The embedded network is small, and only about 270 of its classes had labelled photos in training: for 100 photos of
    100 classes, its first prediction is right for 12, and one of its first five for 31. Its features are more useful
    than its class predictions.

    `sklearn.metrics.top_k_accuracy_score` accepts `predict_proba` with ``labels=classifier.classes_``.

    scikit-learn's estimator checks pass for inputs, parameters, pickles and order. Checks in which a classifier has to
    learn or refuse the labels given to `fit` do not apply.

    Examples
    --------
    A temple and a dahlia, neither of which is among the classes:

    >>> from sklearn.datasets import load_sample_images
    >>> from skdecaf import ImageNetClassifier
    >>> photos = load_sample_images().images
    >>> classifier = ImageNetClassifier()
    >>> classifier.predict(photos)
    array(['n02825657', 'n07734744'], dtype='<U9')
    >>> temple, dahlia = classifier.top_k(photos, k=3)
    >>> print(*temple, sep="\\n")
    bell cote, bell cot (16%)
    church, church building (11%)
    monastery (7%)
    >>> dahlia[0].name
    'mushroom'
    """

    @property
    def classes_(self):
        """Identifiers of the classes."""
        return self._label_column(0)

    @property
    def class_names_(self):
        """Names of the classes."""
        return self._label_column(1)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X=None, y=None):
        """Learn how to read images; labels are ignored.

        Parameters
        ----------
        X : list, array, Series or single-column frame of images, or array-like of shape (n_images, n_pixels), optional
            Any images that `DeCAFTransformer.fit` takes. None learns nothing, as if `fit` were not called.
        y : ignored

        Returns
        -------
        self
        """
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        network = self._network()
        if X is None:
            self.value_range_ = learn_value_range(check_images(Images([])), self.value_range)
        else:
            fit_input(self, X)
            self.network_fingerprint_ = network.fingerprint
        return self

    def predict_proba(self, X):
        """Compute the probability of each class.

        Parameters
        ----------
        X : list, array, Series or single-column frame of images, or array-like of shape (n_images, n_pixels)
            After `fit`, the kind of input that `fit` saw.

        Returns
        -------
        ndarray of shape (n_images, n_classes), float32
            Columns in the order of `classes_`; each row sums to 1.
        """
        fitted = hasattr(self, "network_fingerprint_")
        reader = self if fitted else clone(self).fit()
        if fitted or len(find_rows(X)[1]):
            checked = read_input(reader, X, reset=not fitted)
        else:
            checked = check_images(Images([]))
        return compute_blobs(reader, [self._network().layers[-1].name], checked)[0]

    def top_k(self, X, k=5):
        """Return the `k` most probable classes of each image.

        Parameters
        ----------
        X : as in `predict_proba`
        k : int, default=5

        Returns
        -------
        list of lists of Prediction
            One list for each image, the most probable class first. A `Prediction` is a named tuple (wnid, name,
            probability). The list is empty for a bad image, with ``on_error="nan"``.
        """
        labels = self._network().labels
        if not isinstance(k, Integral) or not 1 <= k <= len(labels):
            raise ValueError(f"k must be a whole number from 1 to {len(labels)}, the number of classes; got {k!r}")
        probabilities = self.predict_proba(X)
        best = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
        return [
            [] if np.isnan(row).any() else [Prediction(*labels[i], float(row[i])) for i in indices]
            for row, indices in zip(probabilities, best, strict=True)
        ]

    def score(self, X, y, sample_weight=None):
        """Compute the accuracy: the share of images whose most probable class is right.

        Parameters
        ----------
        X : as in `predict_proba`
        y : array-like of shape (n_images,), str or int
            The right classes: identifiers, names, or indices into `classes_`. A name is an element of `class_names_` or
            its first synonym; if it names two classes, as ``"crane"`` does, either is right.
        sample_weight : array-like of shape (n_images,), default=None
            Weights of the images.

        Returns
        -------
        float
            A bad image counts as wrong, with ``on_error="nan"``.
        """
        check_consistent_length(X, y, sample_weight)
        right = _classes_meant(column_or_1d(y), self._network().labels)
        hits = [identifier in meant for identifier, meant in zip(self.predict(X), right, strict=True)]
        return float(np.average(hits, weights=sample_weight))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.target_tags.required = False
        tags.classifier_tags.poor_score = True  # its classes are not those of y
        return tags

    def _label_column(self, column):
        try:
            labels = self._network().labels
        except (
            ImportError,
            OSError,
            TypeError,
            ValueError,
        ) as error:  # hasattr and dir must not fail
            raise AttributeError(f"there are no classes: {error}") from error
        return np.array([label[column] for label in labels])

    def _network(self):
        network = super()._network()
        check_names_classes(network)
        return network


def check_names_classes(network):
    """Refuse a network that does not give probabilities of classes that have names."""
    if not network.labels:
        raise ValueError(f"{network!r} has no labels, so it cannot name classes; give Network its labels")
    if not isinstance(network.layers[-1], Softmax):
        raise ValueError(f"{network!r} gives no probabilities; its last layer must be a Softmax")
    if len({identifier for identifier, _ in network.labels}) < len(network.labels):
        raise ValueError(f"{network!r} has two classes of one identifier; the identifiers of its labels must differ")


def _classes_meant(y, labels):
    """For each element of y, the identifiers of the classes that it may mean."""
    known = defaultdict(set)
    for i, (identifier, name) in enumerate(labels):
        for word in (i, identifier, name, name.split(", ")[0]):
            known[word].add(identifier)
    for i, word in enumerate(y.tolist()):
        if word not in known or isinstance(word, (bool, float)):  # True == 1 == 1.0
            raise ValueError(
                f"y[{i}] = {word!r} is not a class of the network: no identifier, no name and no index from 0 "
                f"to {len(labels) - 1}"
            )
    return [known[word] for word in y.tolist()]
