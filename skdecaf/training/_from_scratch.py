"""Train a network of any architecture from random weights."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from sklearn.utils.validation import _check_sample_weight, check_consistent_length

from skdecaf._inputs.reading import fit_input, read_input
from skdecaf._photo_estimator import PhotoReader
from skdecaf._utils.extras import require
from skdecaf._utils.random import draw_seed
from skdecaf._utils.threads import resolve_n_jobs
from skdecaf.training._classification_layer import with_classes
from skdecaf.training._photos import load_photos
from skdecaf.weights import Architecture, Convolution, FullyConnected, Network
from skdecaf.weights._architectures import find_architecture


def train_network(
    architecture,
    X,
    y,
    *,
    sample_weight=None,
    validation=None,
    labels=None,
    epochs=20,
    batch_size=64,
    learning_rate=0.05,
    schedule="cosine",
    momentum=0.9,
    weight_decay=5e-4,
    label_smoothing=0.0,
    augmentation=("crop", "mirror", "color"),
    smallest_area=0.5,
    batch_norm=True,
    average=None,
    n_iter_no_change=None,
    checkpoint=None,
    resize=None,
    image_shape=None,
    value_range=None,
    n_jobs=None,
    random_state=None,
    verbose=False,
):
    """Train a network from random weights by stochastic gradient descent (Donahue et al., ICML 2014, Section 3.1).

    Parameters
    ----------
    architecture : str, Architecture or Network
        A name in `skdecaf.weights.ARCHITECTURES`, or layers and preprocessing of your own. Its last layer is fully
        connected, and a softmax may follow; it gets as many outputs as there are classes. A network is trained further,
        with all its weights, if its number of outputs fits.
    X : list, array, Series or single-column frame of images, or array-like of shape (n_images, n_pixels)
        Images of every kind that `DeCAFTransformer.fit` takes.
    y : array-like of shape (n_images,) or (n_images, n_classes)
        The class of each image; or, for soft targets such as another network's predictions, the probability of each
        class.
    sample_weight : array-like of shape (n_images,), default=None
        Weights of the images in the loss.
    validation : tuple (X, y), default=None
        Further images and their targets. The weights with the highest accuracy on them are returned, those of an epoch
        or of the start; among equals, those with the lowest loss.
    labels : sequence of (identifier, name), default=None
        Labels of the classes; by default the classes of ``y``, or their numbers.
    epochs : int, default=20
        How many times each image is used.
    batch_size : int, default=64
        Images per step.
    learning_rate : float, default=0.05
        Learning rate at the beginning.
    schedule : {"cosine", "step", "constant"}, default="cosine"
        How the learning rate changes: to zero along half a cosine; to a tenth after each third of the epochs; or not.
    momentum : float, default=0.9
        Nesterov's momentum.
    weight_decay : float, default=5e-4
        Strength of the L2 penalty on weights; biases have none.
    label_smoothing : float, default=0.0
        Share of each target's probability that is spread over all classes.
    augmentation : sequence of {"crop", "mirror", "color"}, default=("crop", "mirror", "color")
        Random changes of the images, new ones in each epoch. Leave out ``"mirror"`` where left and right matter, as in
        digits.
    smallest_area : float, default=0.5
        Least share of an image that a random window covers.
    batch_norm : bool, default=True
        Whether batch normalisation is used in training; it is folded into the weights at the end.
    average : float or None, default=None
        Decay of an exponential moving average of the weights, such as 0.999, which is returned in place of the last
        weights.
    n_iter_no_change : int or None, default=None
        Epochs without a better accuracy on `validation` after which training stops.
    checkpoint : str or path, default=None
        A file in which training is stored every minute. If the process is killed, the same call resumes from it,
        and ends with the same weights to the last bit.
    resize : {"warp", "crop"} or None, default=None
        How images are resized, as in `DeCAFTransformer`.
    image_shape : tuple of int, default=None
        Shape of flattened images, as in `DeCAFTransformer`.
    value_range : tuple (low, high), default=None
        Black and white of float images, as in `DeCAFTransformer`.
    n_jobs : int, default=None
        Threads, as in `DeCAFTransformer`.
    random_state : int, RandomState instance or None, default=None
        Seeds the weights, the order of the images, their random changes and dropout.
    verbose : bool, default=False
        Whether to show a progress bar with the loss.

    Returns
    -------
    network : Network
        Store it with its method `save`, and pass it to `DeCAFTransformer` or `ImageNetClassifier` as `weights`.
    history : list of dict
        "loss" of each epoch, and "accuracy" on `validation`.

    Raises
    ------
    ImportError
        Without torch (``pip install "skdecaf[train]"``).
    ValueError
        If the targets do not fit the images, or an option has no such value; the message says which.

    See Also
    --------
    FineTunedClassifier : Training of a network's last layers, as a scikit-learn classifier.

    Examples
    --------
    >>> import numpy as np
    >>> from skdecaf.training import train_network
    >>> from skdecaf.weights import Architecture, Convolution, FullyConnected, MaxPool, Preprocessing, ReLU
    >>> layers = Convolution("conv1", 8, 5), ReLU("relu1"), MaxPool("pool1", 3, 2), FullyConnected("fc2", 2)
    >>> architecture = Architecture(layers, Preprocessing(resize=(18, 18), crop=(16, 16), mean=(128, 128, 128)))
    >>> stripes = np.tile(np.uint8([[0], [255]]), (8, 16))
    >>> network, history = train_network(
    ...     architecture, [stripes, stripes.T] * 8, ["rows", "columns"] * 8, augmentation=(), epochs=5, random_state=0
    ... )
    >>> network.labels
    (('columns', 'columns'), ('rows', 'rows'))
    """
    require("train", "train_network")
    from skdecaf.training._optimization import Options, train

    reader = PhotoReader(resize=resize, image_shape=image_shape, value_range=value_range, n_jobs=n_jobs)
    targets, classes = _check_targets(y)
    network = _untrained(architecture, labels or [(str(each), str(each)) for each in classes], random_state)
    photos = _load(reader, network, X, targets, verbose, fitted=False)
    if validation is not None:
        aside, _ = _check_targets(validation[1], classes)
        validation = _load(reader, network, validation[0], aside, verbose, fitted=True), aside
    sample_weight = _check_sample_weight(sample_weight, np.empty((len(targets), 1)), dtype=np.float32)
    options = Options(
        epochs, batch_size, learning_rate, momentum, weight_decay, schedule, label_smoothing, tuple(augmentation),
        smallest_area, average, n_iter_no_change,
    )  # fmt: skip
    rates = {layer.name: 1.0 for layer in network.layers if isinstance(layer, Convolution | FullyConnected)}
    seed = draw_seed(random_state)
    return train(
        network, photos, targets, sample_weight / sample_weight.mean(), options, rates, seed,
        batch_norm=batch_norm, validation=validation, checkpoint=checkpoint, n_threads=resolve_n_jobs(n_jobs),
        verbose=verbose,
    )  # fmt: skip


def _check_targets(y, classes=None):
    """Probabilities of the classes, and the classes; their numbers where y has probabilities."""
    y = np.asarray(y)
    if y.ndim == 2:
        targets = y.astype(np.float32)
        if not (np.isfinite(targets).all() and (targets >= 0).all() and np.allclose(targets.sum(axis=1), 1, atol=1e-3)):
            raise ValueError("y of two dimensions must hold probabilities: not negative, with a sum of 1 in each row")
        return targets, np.arange(y.shape[1])
    if y.ndim != 1:
        raise ValueError(f"y must have one or two dimensions, not shape {y.shape}")
    classes = np.unique(y) if classes is None else classes
    if unknown := sorted(set(y.tolist()) - set(classes.tolist())):
        raise ValueError(
            f"the validation images have the class {unknown[0]!r}, which does not occur in the training images"
        )
    return np.eye(len(classes), dtype=np.float32)[np.searchsorted(classes, y)], classes


def _untrained(architecture, labels, random_state):
    """A network of the architecture with as many outputs as labels."""
    if isinstance(architecture, Network):
        if architecture.layers != with_classes(architecture.layers, len(labels)):
            raise ValueError(f"{architecture!r} does not end with {len(labels)} scores and a softmax, one per class")
        return architecture.replace(labels=labels)
    found = find_architecture(architecture)
    drawn = Network.random(Architecture(with_classes(found.layers, len(labels)), found.preprocessing), random_state)
    return drawn.replace(labels=labels, name="trained")


def _load(reader, network, X, targets, verbose, fitted):
    checked = read_input(reader, X) if fitted else fit_input(reader, X)
    check_consistent_length(checked.images, targets)
    photos, _ = load_photos(
        checked, network.preprocessing, reader.value_range_,
        resize=reader.resize, fast_decode=True, on_error="raise", n_threads=resolve_n_jobs(reader.n_jobs),
        verbose=verbose,
    )  # fmt: skip
    return photos
