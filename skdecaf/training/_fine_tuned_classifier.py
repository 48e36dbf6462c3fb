"""A network that is trained further on the user's own photos, as a scikit-learn classifier."""

# SPDX-License-Identifier: BSD-3-Clause
import os
from numbers import Integral, Real

import numpy as np
from sklearn.base import _fit_context
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, compute_sample_weight
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from skdecaf._inputs.reading import fit_input, read_input
from skdecaf._photo_estimator import PhotoClassifierMixin, PhotoReader, compute_blobs
from skdecaf._utils.extras import require
from skdecaf._utils.progress import progress_bar
from skdecaf._utils.random import draw_seed
from skdecaf._utils.threads import resolve_n_jobs
from skdecaf.training._classification_layer import read_by_last_layer, replace_classification_layer
from skdecaf.training._photos import load_photos
from skdecaf.weights import Convolution, FullyConnected, Network, resolve_network
from skdecaf.weights._blob_names import resolve_blobs
from skdecaf.weights._native_format import arrays_and_mean_image, parameters_of_network, to_metadata

# Inverse regularisation of the logistic regression that the last layer starts from, on features whose root mean square
# norm is 1.
_LINEAR_C = 100.0
# Learning rate of the last layer over that of the one before, for such features.
_LAST_RATE = 10.0


class FineTunedClassifier(PhotoClassifierMixin, PhotoReader):
    """A classifier of photos whose network is trained further on them.

    The network's last layers are replaced by one for the classes of ``y``, which reads pool5. It starts as a logistic
    regression; then stochastic gradient descent trains the last layers together. With up to 30 photos per class
    `DeCAFTransformer` and a linear classifier are as accurate and much faster. Fine-tuning is for more photos, and for
    photos that do not resemble ImageNet's (Donahue et al., ICML 2014, Section 5, name it as the next step).

    Training needs torch (``pip install "skdecaf[train]"``) and uses a GPU if torch finds one. Prediction does not need
    torch.

    Parameters
    ----------
    network : str, path or Network, default="mini"
        The network to start from, as `weights` in `DeCAFTransformer`.
    n_layers : int or None, default=3
        How many layers are trained, counted from the last; those before stay as they are. None trains all.
    layer : int, str or "auto", default="auto"
        The activations that the new last layer reads, as in `DeCAFTransformer`; the network's layers after these are
        left out. "auto" is pool5, or what the network's last layer reads if there is no pool5.
    learning_rate : float, default=3e-4
        Learning rate of the layer before the last. That of the last layer is ten times as high, over the mean square
        norm of what it reads.
    layer_decay : float, default=0.5
        Learning rate of each other layer over that of the layer after it.
    epochs : int, default=5
        How many times each photo is used, at most.
    schedule : {"cosine", "step", "constant"}, default="cosine"
        How the learning rates change: to zero along half a cosine; to a tenth after each third of the epochs; or not.
    momentum : float, default=0.9
        Nesterov's momentum.
    mixing : float, default=1.0
        Share of the trained weights in the weights that are kept, which are averaged with those of the start (WiSE-FT,
        Wortsman et al.). 1 keeps the trained weights alone. 0.5 may be more accurate than either, but with much higher
        learning rates the average of two good networks can be a bad one. `partial_fit` does not mix.
    weight_decay : float, default=5e-4
        Strength of the L2 penalty on weights; biases have none.
    label_smoothing : float, default=0.0
        Share of each target's probability that is spread over all classes.
    augmentation : sequence of {"crop", "mirror", "color"}, default=("crop", "mirror")
        Random changes of the photos, new ones in each epoch: windows of other size and place, left and right
        exchanged, other brightness, contrast and saturation. ``()`` trains on the centres of the photos.
    smallest_area : float, default=0.8
        Least share of a photo that a random window covers.
    early_stopping : bool, default=False
        Whether part of the photos is set aside, to stop when the accuracy on them no longer rises, and to keep the
        weights with the highest accuracy, among equals those with the lowest loss. These may be those of the start.
    validation_fraction : float, default=0.1
        Share of the photos that `early_stopping` sets aside, of each class alike.
    n_iter_no_change : int, default=5
        Epochs without a better accuracy after which `early_stopping` stops.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in the loss.
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the last `fit`, if the classes are the same.
    checkpoint : str or path, default=None
        A file in which training is stored every minute. If the process is killed, the same `fit` resumes from it,
        and ends with the same weights to the last bit. The file is removed when training is complete.
    crops : {"center", "scales", "ten"}, default="center"
        Crops, as in `DeCAFTransformer`, whose probabilities are averaged for prediction.
    resize : {"warp", "crop"} or None, default=None
        How photos are resized, as in `DeCAFTransformer`.
    image_shape : tuple of int, default=None
        Shape of flattened images, as in `DeCAFTransformer`.
    value_range : tuple (low, high), default=None
        Black and white of float images, as in `DeCAFTransformer`.
    fast_decode : bool, default=True
        Whether large JPEG and JPEG 2000 files may be decoded at a reduced size, as in `DeCAFTransformer`.
    on_error : {"raise", "nan"}, default="raise"
        What to do with an image that cannot be read: stop; or leave it out of training, and predict NaN for it and no
        class, with one warning.
    batch_size : int, default=32
        Photos per step of training, and per pass of prediction.
    n_jobs : int, default=None
        Threads, as in `DeCAFTransformer`.
    random_state : int, RandomState instance or None, default=None
        Seeds the order of the photos, their random changes, dropout and the part that is set aside. On a CPU, the same
        seed and number of threads give the same weights.
    verbose : bool, default=False
        Whether to show a progress bar with the loss.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of ``y``.
    network_ : Network
        The trained network. Pass it to `DeCAFTransformer` as `weights`, or store it with its method `save`.
    history_ : list of dict
        "loss" of each epoch, and "accuracy" on the photos set aside by `early_stopping`.
    n_iter_ : int
        How many epochs were run.
    input_kind_ : str
        "images", or "table" for flattened images.
    image_shape_ : tuple or None
        Shape of the images in the rows of a table.
    value_range_ : tuple or None
        Black and white of images whose dtype does not define them.
    n_features_in_ : int
        Number of columns, if `fit` saw a table or a data frame.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if `fit` saw a data frame with names.

    Raises
    ------
    ImportError
        In `fit` and `partial_fit`, without torch.

    See Also
    --------
    DeCAFTransformer : Features of a network that stays as it is.
    skdecaf.training.train_network : Training from random weights.

    References
    ----------
    Kumar, Raghunathan, Jones, Ma and Liang. Fine-Tuning Can Distort Pretrained Features and Underperform
    Out-of-Distribution. ICLR 2022. (The last layer starts as a linear classifier.)

    Wortsman et al. Robust Fine-Tuning of Zero-Shot Models. CVPR 2022. (Parameter `mixing`.)

    Examples
    --------
    >>> from sklearn.datasets import load_sample_images
    >>> from skdecaf.training import FineTunedClassifier
    >>> photos = load_sample_images().images
    >>> classifier = FineTunedClassifier(n_layers=1, epochs=2, random_state=0).fit(photos, ["temple", "flower"])
    >>> print(*classifier.predict(photos))
    temple flower
    """

    _parameter_constraints: dict = {
        **PhotoReader._parameter_constraints,
        "network": [str, os.PathLike, Network],
        "n_layers": [Interval(Integral, 1, None, closed="left"), None],
        "layer": [Integral, str],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "layer_decay": [Interval(Real, 0, 1, closed="right")],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "schedule": [StrOptions({"constant", "cosine", "step"})],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "mixing": [Interval(Real, 0, 1, closed="right")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "augmentation": [tuple, list],
        "smallest_area": [Interval(Real, 0, 1, closed="right")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "warm_start": ["boolean"],
        "checkpoint": [str, os.PathLike, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        network="mini",
        n_layers=3,
        *,
        layer="auto",
        learning_rate=3e-4,
        layer_decay=0.5,
        epochs=5,
        schedule="cosine",
        momentum=0.9,
        mixing=1.0,
        weight_decay=5e-4,
        label_smoothing=0.0,
        augmentation=("crop", "mirror"),
        smallest_area=0.8,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        class_weight=None,
        warm_start=False,
        checkpoint=None,
        crops="center",
        resize=None,
        image_shape=None,
        value_range=None,
        fast_decode=True,
        on_error="raise",
        batch_size=32,
        n_jobs=None,
        random_state=None,
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
        self.network = network
        self.n_layers = n_layers
        self.layer = layer
        self.learning_rate = learning_rate
        self.layer_decay = layer_decay
        self.epochs = epochs
        self.schedule = schedule
        self.momentum = momentum
        self.mixing = mixing
        self.weight_decay = weight_decay
        self.label_smoothing = label_smoothing
        self.augmentation = augmentation
        self.smallest_area = smallest_area
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Train the network on photos and their classes.

        Parameters
        ----------
        X : list, array, Series or single-column frame of images, or array-like of shape (n_images, n_pixels)
            Images of every kind that `DeCAFTransformer.fit` takes.
        y : array-like of shape (n_images,)
            The class of each image.
        sample_weight : array-like of shape (n_images,), default=None
            Weights of the images in the loss.

        Returns
        -------
        self
        """
        require("train", "FineTunedClassifier.fit")
        checked = fit_input(self, X)
        classes, targets, sample_weight = self._check_targets(len(checked.images), y, sample_weight)
        if len(classes) < 2:
            raise ValueError(f"FineTunedClassifier needs photos of at least 2 classes; y has 1 class, {classes[0]!r}")
        photos, rows = self._load(checked)
        samples = photos, targets[rows], sample_weight[rows]
        seed, validation = draw_seed(check_random_state(self.random_state)), None
        if self.early_stopping:
            *samples, photos_aside, targets_aside, _ = self._set_aside(samples, seed)
            validation = photos_aside, _one_hot(targets_aside, len(classes))
        goes_on = self.warm_start and hasattr(self, "network_") and np.array_equal(classes, self.classes_)
        start = self.network_ if goes_on else self._with_new_layer(*samples, classes)
        self.classes_ = classes
        self._train(start, *samples, seed, self.epochs, validation, self.checkpoint)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on a chunk of photos, at the full learning rate.

        Parameters
        ----------
        X : as in `fit`
        y : as in `fit`
        classes : array-like of shape (n_classes,), optional
            All classes that any chunk holds; needed in the first call.
        sample_weight : as in `fit`

        Returns
        -------
        self
        """
        require("train", "FineTunedClassifier.partial_fit")
        first = not hasattr(self, "network_")
        if first and classes is None:
            raise ValueError("classes must be passed to the first call of partial_fit")
        if not first and classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError("classes differ from those of the first call of partial_fit")
        checked = fit_input(self, X) if first else read_input(self, X)
        known = np.unique(classes) if first else self.classes_
        _, targets, sample_weight = self._check_targets(len(checked.images), y, sample_weight, known)
        photos, rows = self._load(checked)
        samples = photos, targets[rows], sample_weight[rows]
        start = self._with_new_layer(*samples, known) if first else self.network_
        self.classes_ = known
        self._train(start, *samples, draw_seed(check_random_state(self.random_state)), epochs=None)
        return self

    def predict_proba(self, X):
        """Compute the probability of each class.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray of shape (n_images, n_classes), float32
            Columns in the order of `classes_`; each row sums to 1.
        """
        check_is_fitted(self)
        return compute_blobs(self, [self.network_.layers[-1].name], read_input(self, X))[0]

    def __getstate__(self):
        """Pickle the trained network by its arrays, since it is in no file."""
        state = dict(super().__getstate__())
        if "network_" in state:
            state["network_"] = _to_state(state["network_"])
        return state

    def __setstate__(self, state):
        if "network_" in state:
            state = {**state, "network_": _from_state(state["network_"])}
        super().__setstate__(state)

    def _check_targets(self, n_images, y, sample_weight, classes=None):
        """The classes, the index of each image's class, and its weight."""
        y = self._check_classes(y, n_images)
        found = np.unique(y)
        classes = found if classes is None else classes
        if unknown := sorted(set(found.tolist()) - set(classes.tolist())):
            raise ValueError(f"y has the class {unknown[0]!r}, which is none of the classes {classes.tolist()}")
        sample_weight = _check_sample_weight(sample_weight, np.empty((len(y), 1)), dtype=np.float32)
        if self.class_weight is not None:
            sample_weight = sample_weight * compute_sample_weight(self.class_weight, y)
        return classes, np.searchsorted(classes, y), sample_weight.astype(np.float32)

    def _load(self, checked):
        photos, rows = load_photos(
            checked, self._start().preprocessing, self.value_range_,
            resize=self.resize, fast_decode=self.fast_decode, on_error=self.on_error, n_threads=self._n_threads(),
            verbose=self.verbose,
        )  # fmt: skip
        if not len(rows):
            raise ValueError("none of the images can be read, so there is nothing to learn from")
        return photos, rows

    def _network(self):
        return self.network_

    def _start(self):
        return resolve_network(self.network)

    def _with_new_layer(self, photos, targets, sample_weight, classes):
        """The network with a last layer that is a logistic regression on the blob that it reads."""
        from skdecaf.training._features import blob_of_photos

        network = self._start()
        blob = read_by_last_layer(network) if self.layer == "auto" else resolve_blobs(self.layer, network)[0]
        features = blob_of_photos(network, blob, photos, self.batch_size, self._n_threads(), self.verbose)
        self._mean_square_norm = float(np.square(features, dtype=np.float64).sum(axis=1).mean()) or 1.0
        with progress_bar(1, self.verbose, unit="fits", name="new layer") as bar:
            weight, bias = _linear_layer(features, targets, sample_weight, len(classes))
            bar.update()
        labels = [(str(each), str(each)) for each in classes]
        return replace_classification_layer(network, blob, labels, weight, bias)

    def _set_aside(self, samples, seed):
        """Split arrays of samples: all but the validation part, and that part."""
        options = {"test_size": self.validation_fraction, "stratify": samples[1], "random_state": seed}
        kept, aside = train_test_split(np.arange(len(samples[0])), **options)
        return *(array[kept] for array in samples), *(array[aside] for array in samples)

    def _train(self, network, photos, targets, sample_weight, seed, epochs, validation=None, checkpoint=None):
        from skdecaf.training._optimization import Options, train

        options = Options(
            epochs=epochs or 1,
            schedule=self.schedule if epochs else "constant",
            n_iter_no_change=self.n_iter_no_change,
            average=None,
            mixing=self.mixing if epochs else 1.0,
            augmentation=tuple(self.augmentation),
            **{
                name: getattr(self, name)
                for name in (
                    "batch_size", "learning_rate", "momentum", "weight_decay", "label_smoothing", "smallest_area",
                )
            },
        )  # fmt: skip
        self.network_, self.history_ = train(
            network, photos, _one_hot(targets, len(self.classes_)), sample_weight / sample_weight.mean(), options,
            self._rates(network), seed, validation=validation, checkpoint=checkpoint,
            n_threads=self._n_threads(), verbose=self.verbose,
        )  # fmt: skip
        self.n_iter_ = len(self.history_)

    def _rates(self, network):
        """Factor of the learning rate of each layer that is trained."""
        names = [layer.name for layer in network.layers if isinstance(layer, Convolution | FullyConnected)]
        n_layers = len(names) if self.n_layers is None else self.n_layers
        if n_layers > len(names):
            raise ValueError(f"n_layers={n_layers}, but {network!r} has {len(names)} layers with weights")
        last, *others = names[::-1][:n_layers]
        return {
            last: _LAST_RATE / self._mean_square_norm,
            **{name: self.layer_decay**depth for depth, name in enumerate(others)},
        }

    def _n_threads(self):
        return resolve_n_jobs(self.n_jobs)


def _to_state(network):
    """A network as plain values and arrays."""
    arrays = {name: np.asarray(array) for name, array in arrays_and_mean_image(network).items()}
    return {"description": to_metadata(network), "arrays": arrays}


def _from_state(state):
    return Network(**parameters_of_network(**state))


def _one_hot(targets, n_classes):
    return np.eye(n_classes, dtype=np.float32)[targets]


def _linear_layer(features, targets, sample_weight, n_classes):
    """Weights and biases of a logistic regression; zero for classes without photos."""
    scale = np.sqrt(np.square(features, dtype=np.float64).sum(axis=1).mean()) or 1.0
    weight, bias = np.zeros((n_classes, features.shape[1])), np.zeros(n_classes)
    present = np.unique(targets)
    if len(present) > 1:
        model = LogisticRegression(C=_LINEAR_C, max_iter=200).fit(features / scale, targets, sample_weight)
        rows, intercepts = model.coef_ / scale, model.intercept_
        if len(present) == 2:
            rows, intercepts = np.vstack([-rows, rows]) / 2, np.concatenate([-intercepts, intercepts]) / 2
        weight[present], bias[present] = rows, intercepts
    return weight, bias
