"""scikit-learn's X as images: checked against what fit saw, the shape of flattened images, the range of their values.

``transform`` wants the kind of input that ``fit`` saw: a table of flattened images, or images one by one. What has no
kind of its own, because it is empty, has the one that ``fit`` saw.
"""

# SPDX-License-Identifier: BSD-3-Clause
import math
from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from skdecaf._inputs.kinds import CHANNELS, find_rows
from skdecaf._utils.warnings import warn_user
from skdecaf.images.decoding import (
    ImageError,
    check_source,
    decode,
    decode_reduced,
    describe,
    needs_value_range,
    to_rgb,
)

# Of the parameters that every estimator on images has.
PARAMETER_CONSTRAINTS = {
    "precision": [StrOptions({"float32", "compact"})],
    "crops": [StrOptions({"center", "ten"})],
    "resize": [StrOptions({"warp", "crop"}), None],
    "image_shape": [tuple, list, None],
    "value_range": [tuple, list, None],
    "fast_decode": ["boolean"],
    "on_error": [StrOptions({"raise", "nan"})],
    "batch_size": [Interval(Integral, 1, None, closed="left")],
    "n_jobs": [Interval(Integral, 1, None, closed="left"), Interval(Integral, None, -1, closed="right"), None],
    "verbose": ["verbose"],
}

_WIDEST_GUESS = 100
_KIND_IN_WORDS = {
    "table": "numbers, one flattened image a row",
    "images": "paths, photos or arrays of pixels, one an image",
}


class Images:
    """The images of one X, in order; nothing is read before it is asked for.

    Parameters
    ----------
    sources : sequence
        One source an image, or the table whose rows are the flattened images.
    image_shape : tuple of int or None
        Shape of the rows of a table; None where the sources are images as they are.

    Attributes
    ----------
    unscaled : dict
        Data type of the pixels of each row that says nothing of the range of its values, filled by
        :func:`check_images`.
    far_rows : set
        Rows with values of quite another range than the value range, filled by loading them, from any thread.
    """

    def __init__(self, sources, image_shape=None):
        self._sources = sources
        self._image_shape = image_shape
        self.unscaled = {}
        self.far_rows = set()

    def __len__(self):
        return len(self._sources)

    def __getitem__(self, i):
        source = self._sources[i]
        return source if self._image_shape is None else _unflatten(source, self._image_shape)

    def name(self, i):
        """What messages call image ``i``: ``image 17 ('cats/1.jpg')``."""
        description = describe(self._sources[i])
        return f"image {i} ({description})" if description else f"image {i}"


def read_images(estimator, X, *, reset):
    """Find the images in X.

    Parameters
    ----------
    estimator : estimator instance
        Its ``image_shape`` is read. With ``reset``, ``input_kind_`` ("table" or "images") and ``image_shape_`` are
        set, for tables, frames and (n, 1) columns also ``n_features_in_`` (and ``feature_names_in_``); what an
        earlier fit left of those goes.
    X : object
        What was given to ``fit`` or ``transform``.
    reset : bool
        Whether to learn the kind of input, as ``fit`` does, or to check it against the one learned.

    Returns
    -------
    images : Images

    Raises
    ------
    ValueError
        If X is no collection of images, is empty in ``fit``, or differs from what ``fit`` saw.
    TypeError
        If X is no sequence, or is sparse.
    """
    layout, rows = find_rows(X)
    if not reset and len(rows) == 0 and not layout == estimator.input_kind_ == "table":
        return Images([])
    kind = "table" if layout == "table" else "images"
    if not reset and kind != estimator.input_kind_:
        raise ValueError(
            f"fit saw {_KIND_IN_WORDS[estimator.input_kind_]}, but X holds {_KIND_IN_WORDS[kind]}; "
            f"give the kind of input that fit saw, or fit {type(estimator).__name__} again"
        )
    read = _read_table if kind == "table" else _read_sources
    rows = read(estimator, X, rows, layout, reset)
    if reset:
        estimator.input_kind_ = kind
    return Images(rows, image_shape=estimator.image_shape_)


def check_images(images, on_error="nan"):
    """Check every image as far as that goes without decoding it.

    Parameters
    ----------
    images : Images
    on_error : {"raise", "nan"}
        Whether to raise the error of the first bad row.

    Returns
    -------
    errors : dict of int to ImageError
        The bad rows; their messages begin with the image's name.
    """
    errors = {}
    for i in range(len(images)):
        try:
            dtype = check_source(images[i])
        except ImageError as error:
            errors[i] = _named_error(images, i, error)
        else:
            if needs_value_range(dtype):
                images.unscaled[i] = dtype
    if errors and on_error == "raise":
        raise errors[min(errors)]
    return errors


def learn_value_range(images, value_range, errors):
    """The values that mean black and white where the type of the pixels does not say so.

    That is so for floats and for integers other than uint8 and uint16. All of X within [0, 1] means 0 to 1, within
    [0, 255] 0 to 255, anything else from its smallest to its largest value.

    Parameters
    ----------
    images : Images
        Images that :func:`check_images` has seen.
    value_range : (low, high) or None
        The user's own range, taken as it is; None learns one.
    errors : container of int
        Rows to leave out. Rows found bad here stay out too; loading them tells why.

    Returns
    -------
    value_range : tuple of two floats, or None where no image needs one
    """
    if value_range is not None:
        return _check_value_range(value_range)
    low, high = math.inf, -math.inf
    for i in images.unscaled:
        if i in errors:
            continue
        try:
            pixels = decode(images[i])
        except ImageError:
            continue
        low, high = min(low, float(pixels.min())), max(high, float(pixels.max()))
    return None if low > high else _range_around(low, high)


def require_value_range(images, value_range):
    """Refuse images whose values have a range that ``fit`` did not see, rather than guess it.

    Parameters
    ----------
    images : Images
        Images that :func:`check_images` has seen.
    value_range : (low, high) or None
        What :func:`learn_value_range` gave in ``fit``.
    """
    if value_range is None and images.unscaled:
        i, dtype = next(iter(images.unscaled.items()))
        raise ValueError(
            f"{images.name(i)} has {dtype} pixels, and fit saw none from which to learn the range of their values; "
            "fit on such images, or set value_range=(low, high) to the values of black and white"
        )


def load_image(images, i, value_range):
    """Image ``i`` as RGB.

    Returns
    -------
    pixels : ndarray of shape (height, width, 3)
        uint8, or float32 where black is 0 and white 255; values outside the value range are not clipped.

    Raises
    ------
    ImageError
        If it cannot be read; the message begins with the image's name.
    """
    return load_reduced_image(images, i, value_range, least_side=None)[0]


def load_reduced_image(images, i, value_range, least_side):
    """Image ``i`` as RGB as :func:`load_image` gives it, and its box, both as `decode_reduced` has them."""
    try:
        pixels, box = decode_reduced(images[i], least_side)
        pixels = to_rgb(pixels, value_range)
    except ImageError as error:
        raise _named_error(images, i, error) from error
    if i in images.unscaled and _is_far(pixels, value_range):
        images.far_rows.add(i)
    return pixels, box


def _is_far(pixels, value_range):
    """Whether the values, of which 255 are as wide as the range, must have had another one."""
    low, high = pixels.min(), pixels.max()
    if low < -255 or high > 510:
        return True
    # From 0 to 1 where white is 255, and not by the few whole numbers that a black image has.
    return value_range == (0, 255) and low >= 0 and high <= 1 and bool((pixels % 1).any())


def warn_if_out_of_range(images, value_range):
    """Warn once of all loaded images whose values cannot have the range ``value_range``."""
    if images.far_rows:
        warn_user(
            f"{len(images.far_rows)} of {len(images)} images have values of quite another range than "
            f"{value_range[0]:g} to {value_range[1]:g} for black to white, the first is "
            f"{images.name(min(images.far_rows))}; scale them like the images that fit saw, or set value_range",
        )


def _named_error(images, i, error):
    """The error with the image's name in front, which says the path where the message itself began with it."""
    message = str(error)
    without_path = message.removeprefix(describe(images[i]) or "")
    return ImageError(f"{images.name(i)}{': ' if without_path == message else ''}{without_path}")


def _read_table(estimator, X, rows, layout, reset):
    # With on_error="nan" a row of NaN is a bad image like any other.
    finite = estimator.on_error == "raise"
    options = {"ensure_all_finite": finite, "ensure_min_samples": int(reset)}
    table = validate_data(estimator, X if _is_frame(X) else rows, reset=reset, **options)
    if reset:
        estimator.image_shape_ = _shape_of_rows(table.shape[1], _check_image_shape(estimator.image_shape))
    return table


def _read_sources(estimator, X, rows, layout, reset):
    """Set or check ``n_features_in_`` and ``feature_names_in_``.

    Only a column, which has two dimensions, sets them. After a column anything else counts as one without a name.
    """
    if len(rows) == 0:
        raise ValueError(f"Found 0 images in X while a minimum of 1 is required by {type(estimator).__name__}.")
    if reset:
        _check_image_shape(estimator.image_shape)
        estimator.image_shape_ = None
        for name in ("n_features_in_", "feature_names_in_"):
            vars(estimator).pop(name, None)
    if layout == "column" if reset else hasattr(estimator, "n_features_in_"):
        column = X if _is_frame(X) else np.empty((len(rows), 1), dtype=object)
        validate_data(estimator, column, reset=reset, skip_check_array=True)
    return rows


def _is_frame(X):
    return hasattr(X, "columns") and hasattr(X, "__array__")


def _check_image_shape(image_shape):
    if image_shape is None:
        return None
    try:
        shape = tuple(image_shape)
    except TypeError:
        shape = ()
    sizes_fit = all(isinstance(size, Integral) and not isinstance(size, bool) and size > 0 for size in shape)
    if sizes_fit and (len(shape) == 2 or (len(shape) == 3 and (shape[2] in CHANNELS or shape[0] in CHANNELS))):
        return tuple(int(size) for size in shape)
    raise ValueError(
        "image_shape must be None, (height, width), (height, width, channels) or (channels, height, width) "
        f"with 1, 3 or 4 channels; got {image_shape!r}"
    )


def _shape_of_rows(n_columns, image_shape):
    """The shape of flattened images of ``n_columns`` values: what the user says, else the likeliest."""
    if image_shape is not None:
        if math.prod(image_shape) != n_columns:
            raise ValueError(f"image_shape={image_shape} needs {math.prod(image_shape)} columns; X has {n_columns}")
        return image_shape
    side = math.isqrt(n_columns)
    colour_side = math.isqrt(n_columns // 3)
    if n_columns == 3 * colour_side**2:
        return colour_side, colour_side, 3
    if n_columns == side**2:
        if n_columns % 3 == 0 and n_columns > _WIDEST_GUESS:
            warn_user(
                f"The {n_columns} columns of X are taken as grey images of {side} x {side} pixels, but may be "
                f"colour images of another shape; set image_shape to what they are, as in ({side}, {side})",
            )
        return side, side
    if n_columns <= _WIDEST_GUESS:
        return 1, n_columns
    raise ValueError(
        f"The {n_columns} columns of X are neither square grey nor square colour images; "
        "set image_shape=(height, width) or (height, width, channels), or put a single grey image in a list: [X]"
    )


def _unflatten(row, image_shape):
    image = row.reshape(image_shape)
    channels_last = len(image_shape) == 2 or image_shape[2] in CHANNELS
    return image if channels_last else np.moveaxis(image, 0, -1)


def _check_value_range(value_range):
    try:
        low, high = (float(value) for value in value_range)
    except (TypeError, ValueError):
        low, high = math.nan, math.nan
    if not (low < high and math.isfinite(high - low)):
        raise ValueError(f"value_range must be None or (low, high), finite and low < high; got {value_range!r}")
    return low, high


def _range_around(low, high):
    for white in (1.0, 255.0):
        if low >= 0 and high <= white:
            return 0.0, white
    if low == high:  # a constant, and not 0: reach to 0, so that the range has a width
        return min(low, 0.0), max(high, 0.0)
    return low, high
