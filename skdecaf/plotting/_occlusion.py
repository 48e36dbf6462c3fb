"""Which parts of a photo a classifier's decision rests on."""

# SPDX-License-Identifier: BSD-3-Clause
from itertools import chain, islice, product
from math import ceil, prod
from numbers import Real

import numpy as np
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from skdecaf._utils.progress import progress_bar
from skdecaf.images import decode, needs_value_range, resize_image
from skdecaf.plotting._drawing import axes_for, require_matplotlib, visible_pixels

_LONGEST_SIDE = 640  # pixels; networks read fewer
_MAX_AT_ONCE = 256  # photos in memory
_MAX_OPAQUE = 0.75
_SCORE_NAMES = {"predict_proba": "probability", "decision_function": "decision value"}


class OcclusionDisplay:
    """The parts of a photo that a classifier's decision rests on, found by covering them.

    A grey square covers one part of the photo after another. Where it lowers the score of a class, the photo looks like
    that class.

    Parameters
    ----------
    photo : path, PIL image, array, or any other image that `DeCAFTransformer.fit` takes
        The photo.
    drops : ndarray of shape (n_rows, n_columns)
        How much lower the score is with each square. The squares are evenly spaced, from the upper left corner of the
        photo to the lower right one.
    size : float
        Side of the squares, as a share of the photo's shorter side.
    label : object, default=None
        The class, for the title.
    score : float, default=None
        The class's score for the whole photo, for the title.
    score_name : str, default="score"
        What the score is.

    Attributes
    ----------
    photo, drops, size, label, score, score_name
        The parameters.
    ax_ : matplotlib Axes
        The axes of the drawing.
    figure_ : matplotlib Figure
        The figure of `ax_`.
    image_ : matplotlib AxesImage
        The map over the photo. Its value at a pixel is the mean drop of the squares that cover the pixel.

    See Also
    --------
    BlobDisplay : The maps of a layer, which do not depend on a classifier.

    Notes
    -----
    Zeiler and Fergus (Visualizing and Understanding Convolutional Networks, ECCV 2014, Section 4.2) made such maps. The
    grey is the mean value of the photo's pixels.

    Examples
    --------
    >>> from sklearn.datasets import load_sample_images
    >>> from skdecaf import ImageNetClassifier
    >>> from skdecaf.plotting import OcclusionDisplay
    >>> temple = load_sample_images().images[0]
    >>> display = OcclusionDisplay.from_estimator(ImageNetClassifier(), temple, size=0.5)
    >>> display.label, display.drops.shape
    ('bell cote, bell cot', (3, 5))
    """

    def __init__(self, photo, drops, *, size, label=None, score=None, score_name="score"):
        self.photo = photo
        self.drops = drops
        self.size = size
        self.label = label
        self.score = score
        self.score_name = score_name

    @classmethod
    def from_estimator(
        cls,
        estimator,
        photo,
        *,
        label=None,
        response_method="auto",
        size=0.25,
        step=0.5,
        verbose=False,
        ax=None,
        **imshow_kw,
    ):
        """Classify a photo with each of its parts covered, and draw how much the score of a class drops.

        Parameters
        ----------
        estimator : fitted classifier of photos
            `DeCAFClassifier`, `ImageNetClassifier`, `FineTunedClassifier`, a pipeline or a grid search of one, or any
            other classifier with `predict_proba` or `decision_function` that takes a list of arrays of pixels.
        photo : path, PIL image, array, or any other image that `DeCAFTransformer.fit` takes
        label : object, default=None
            The class, one of `classes_`. None is the class with the highest score.
        response_method : {"auto", "predict_proba", "decision_function"}, default="auto"
            The method that computes the scores. "auto" is `predict_proba` if the classifier has it.
        size : float in (0, 1], default=0.25
            Side of the square, as a share of the photo's shorter side.
        step : float in (0, 1], default=0.5
            Distance between neighbouring positions of the square, as a share of its side. It may be a little smaller,
            so that squares reach both edges of the photo.
        verbose : bool, default=False
            Whether to show a progress bar of the covered photos.
        ax : matplotlib Axes, default=None
            Where to draw; None creates a figure.
        **imshow_kw : dict
            For matplotlib's ``imshow`` of the map.

        Returns
        -------
        OcclusionDisplay
            Its `photo` is an array of RGB pixels.

        Raises
        ------
        TypeError
            If the estimator has no such method.
        ValueError
            If the photo cannot be read, `label` is not a class, `size` or `step` is out of range, or there is no score
            for each class.
        NotFittedError
            If the estimator is not fitted.
        ImportError
            If matplotlib is not installed.

        Notes
        -----
        Photos with a side of more than 640 pixels are reduced first. A photo of 640 x 427 pixels is classified 78
        times; half the `size` or `step` takes about four times as many.
        """
        require_matplotlib(cls)
        options = {"response_method": response_method, "size": size, "step": step, "verbose": verbose}
        return cls(**measure_drops(estimator, photo, label=label, **options)).plot(ax, **imshow_kw)

    def plot(self, ax=None, **imshow_kw):
        """Draw the photo in grey, and over it a map of the drops.

        Red parts support the class, and blue parts speak against it. Parts that matter little are transparent.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None creates a figure.
        **imshow_kw : dict
            For matplotlib's ``imshow`` of the map.

        Returns
        -------
        OcclusionDisplay

        Raises
        ------
        ValueError
            If the photo cannot be read.
        ImportError
            If matplotlib is not installed.
        """
        ax = axes_for(self, ax, figsize=(6, 4))
        photo = visible_pixels(decode(self.photo))
        drops = drop_of_each_pixel(photo, np.asarray(self.drops), self.size)
        largest = np.abs(drops).max() or 1
        options = {"cmap": "coolwarm", "alpha": _MAX_OPAQUE * np.abs(drops) / largest, **imshow_kw}
        if options.get("norm") is None:  # a norm has its own limits
            options = {"vmin": -largest, "vmax": largest, **options}
        ax.imshow(photo.mean(axis=2), cmap="gray", vmin=0, vmax=255)
        self.image_ = ax.imshow(drops, **options)
        bar = ax.figure.colorbar(self.image_, ax=ax, shrink=0.8, label=f"drop of the {self.score_name} if covered")
        bar.outline.set_visible(False)
        score = "" if self.score is None else f"{self.score_name} {self.score:.2f}"
        ax.set_title(": ".join(filter(None, ["" if self.label is None else str(self.label), score])))
        ax.set_axis_off()
        self.ax_, self.figure_ = ax, ax.figure
        return self


def measure_drops(estimator, photo, *, label=None, response_method="auto", size=0.25, step=0.5, verbose=False):
    """Classify a photo with each of its parts covered.

    Parameters
    ----------
    estimator, photo, label, response_method, size, step, verbose
        As for `OcclusionDisplay.from_estimator`.

    Returns
    -------
    dict
        The parameters of `OcclusionDisplay`.
    """
    check_scalar(size, "size", Real, min_val=0, max_val=1, include_boundaries="right")
    check_scalar(step, "step", Real, min_val=0, max_val=1, include_boundaries="right")
    method = _response_method(estimator, response_method)
    classes = _classes(estimator, label)
    pixels = _rgb(photo)
    side = _side(pixels, size)
    shape = [1 + ceil((length - side) / (step * side)) for length in pixels.shape[:2]]
    photos = chain([pixels], _covered(pixels, side, shape))
    scores = []
    with progress_bar(1 + prod(shape), verbose) as bar:
        while some := list(islice(photos, _MAX_AT_ONCE)):
            scores.append(_scores(estimator, method, some))
            bar.update(len(some))
    scores = np.concatenate(scores)
    chosen = scores[0].argmax() if label is None else classes.index(label)
    names = getattr(estimator, "class_names_", None)  # of ImageNetClassifier
    whole, *covered = scores[:, chosen]
    return {
        "photo": pixels,
        "drops": (whole - covered).reshape(shape),
        "size": size,
        "label": classes[chosen] if names is None else str(names[chosen]),
        "score": float(whole),
        "score_name": _SCORE_NAMES[method],
    }


def drop_of_each_pixel(pixels, drops, size):
    """The mean drop of the squares that cover each pixel; zero where there is none."""
    total, count = np.zeros(pixels.shape[:2]), np.zeros(pixels.shape[:2])
    for square, drop in zip(_squares(pixels, _side(pixels, size), drops.shape), drops.flat, strict=True):
        total[square] += drop
        count[square] += 1
    return total / np.maximum(count, 1)


def _response_method(estimator, response_method):
    """The name of the method that computes scores."""
    names = tuple(_SCORE_NAMES) if response_method == "auto" else (response_method,)
    if not set(names) <= set(_SCORE_NAMES):
        raise ValueError(f"response_method is 'auto', {', '.join(map(repr, _SCORE_NAMES))}; got {response_method!r}")
    found = next((name for name in names if hasattr(estimator, name)), None)
    if found is None:
        raise TypeError(
            f"{OcclusionDisplay.__name__}.from_estimator needs a classifier with {' or '.join(names)}; "
            f"got {type(estimator).__name__}, which has none"
        )
    return found


def _classes(estimator, label):
    """List the classes of a fitted estimator; label must be one of them, or None."""
    check_is_fitted(estimator)
    classes = np.asarray(estimator.classes_).tolist()
    if label is not None and label not in classes:
        some = ", ".join(map(repr, classes[:5])) + (", ..." if len(classes) > 5 else "")
        raise ValueError(f"label={label!r} is no class of the estimator, whose classes are {some}")
    return classes


def _rgb(photo):
    """Decode a photo and reduce it if it is large. Only pixels whose black and white are not known are floats."""
    pixels = decode(photo)
    if not needs_value_range(pixels.dtype):
        pixels = visible_pixels(pixels)
    elif pixels.ndim == 3 and pixels.shape[2] == 4:
        raise ValueError("photos with an alpha channel of floats or wide integers cannot be covered; give RGB pixels")
    else:
        pixels = pixels.astype(np.float32)
        pixels = pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, np.newaxis], 3, axis=2)
    scale = min(1, _LONGEST_SIDE / max(pixels.shape))
    return resize_image(pixels, [max(1, round(scale * length)) for length in pixels.shape[:2]], "bicubic")


def _side(pixels, size):
    return max(1, round(size * min(pixels.shape[:2])))


def _squares(pixels, side, shape):
    """Slices of evenly spaced squares, row by row."""
    tops, lefts = (
        np.linspace(0, length - side, n).astype(int) for length, n in zip(pixels.shape[:2], shape, strict=True)
    )
    return [(slice(top, top + side), slice(left, left + side)) for top, left in product(tops, lefts)]


def _covered(pixels, side, shape):
    """Copies of the photo, each with one square in grey."""
    grey = pixels.mean(dtype=np.float64)
    for square in _squares(pixels, side, shape):
        covered = pixels.copy()
        covered[square] = grey
        yield covered


def _scores(estimator, method, photos):
    """The scores of photos, one column for each class."""
    scores = np.asarray(getattr(estimator, method)(photos))
    if scores.ndim == 1:
        scores = np.column_stack([-scores, scores])
    if scores.shape[1] != len(estimator.classes_):
        raise ValueError(
            f"{method} returns {scores.shape[1]} columns for {len(estimator.classes_)} classes; it must return one "
            "for each class, as with decision_function_shape='ovr'"
        )
    return scores
