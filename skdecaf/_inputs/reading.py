"""From scikit-learn's X to images, checked against what `fit` saw.

`transform` needs the kind of input that `fit` saw: a table of flattened images, or images one by one. An empty X has
the kind that `fit` saw.
"""

# SPDX-License-Identifier: BSD-3-Clause
import math
from numbers import Integral

import numpy as np
from sklearn.utils.validation import validate_data

from skdecaf._inputs.kinds import CHANNELS, find_rows
from skdecaf._inputs.sources import Images, check_images
from skdecaf._inputs.value_range import learn_value_range, require_value_range
from skdecaf._utils.warnings import warn_user

_MAX_GUESSED_COLUMNS = 100
_KIND_IN_WORDS = {
    "table": "numbers, one flattened image a row",
    "images": "paths, photos or arrays of pixels, one an image",
}


def fit_input(estimator, X):
    """Learn how an estimator reads X; return its images, checked as far as possible without decoding them."""
    checked = check_images(read_images(estimator, X, reset=True), estimator.on_error)
    estimator.value_range_ = learn_value_range(checked, estimator.value_range)
    return checked


def read_input(estimator, X, *, reset=False):
    """Read X as `fit_input` learned it; return its images, checked as far as possible without decoding them."""
    estimator._validate_params()  # set_params may have followed fit
    checked = check_images(read_images(estimator, X, reset=reset), estimator.on_error)
    return require_value_range(checked, estimator.value_range_, estimator.on_error)


def read_images(estimator, X, *, reset):
    """Find the images in X.

    Parameters
    ----------
    estimator : estimator instance
        Its ``image_shape`` and ``on_error`` are read. With ``reset``, this sets ``input_kind_`` ("table" or "images")
        and ``image_shape_``, and for tables, frames and (n, 1) columns ``n_features_in_`` (and ``feature_names_in_``);
        those of an earlier fit are removed.
    X : object
        The X of `fit` or `transform`; `Images` keep their way to name an image.
    reset : bool
        Whether to learn the kind of input, as in `fit`, or to check it, as in `transform`.

    Returns
    -------
    images : Images

    Raises
    ------
    ValueError
        If X is not a collection of images, is empty in `fit`, or differs from what `fit` saw.
    TypeError
        If X is not a sequence, or is sparse.
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
    return X if isinstance(X, Images) else Images(rows, image_shape=estimator.image_shape_)


def _read_table(estimator, X, rows, layout, reset):
    # With on_error="nan" a row with NaN is a bad image.
    finite = estimator.on_error == "raise"
    options = {"ensure_all_finite": finite, "ensure_min_samples": int(reset)}
    table = validate_data(estimator, X if _is_frame(X) else rows, reset=reset, **options)
    if reset:
        estimator.image_shape_ = _shape_of_rows(table.shape[1], _check_image_shape(estimator.image_shape))
    return table


def _read_sources(estimator, X, rows, layout, reset):
    """Set or check ``n_features_in_`` and ``feature_names_in_``.

    Only a column has two dimensions and sets them. If `fit` saw a column, other sequences count as one without a name.
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
    """The shape of flattened images of ``n_columns`` values: the user's, or the most likely one."""
    if image_shape is not None:
        if math.prod(image_shape) != n_columns:
            raise ValueError(f"image_shape={image_shape} needs {math.prod(image_shape)} columns; X has {n_columns}")
        return image_shape
    side = math.isqrt(n_columns)
    colour_side = math.isqrt(n_columns // 3)
    if n_columns == 3 * colour_side**2:
        return colour_side, colour_side, 3
    if n_columns == side**2:
        if n_columns % 3 == 0 and n_columns > _MAX_GUESSED_COLUMNS:
            warn_user(
                f"The {n_columns} columns of X are taken as grey images of {side} x {side} pixels, but may be "
                f"colour images of another shape; set image_shape to what they are, as in ({side}, {side})",
            )
        return side, side
    if n_columns <= _MAX_GUESSED_COLUMNS:
        return 1, n_columns
    raise ValueError(
        f"The {n_columns} columns of X are neither square grey nor square colour images; "
        "set image_shape=(height, width) or (height, width, channels), or put a single grey image in a list: [X]"
    )
