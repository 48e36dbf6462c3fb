"""The values of black and white, for images whose dtype does not define them.

These are floats, and integers other than uint8 and uint16.
"""

# SPDX-License-Identifier: BSD-3-Clause
import math

import numpy as np

from skdecaf._utils.warnings import warn_user
from skdecaf.images import Crop, ImageError, decode
from skdecaf.images._arrays import row_bands


def learn_value_range(checked, value_range):
    """Learn the values of black and white.

    If all values lie within [0, 1], the range is 0 to 1; if within [0, 255], 0 to 255; otherwise it reaches from the
    smallest to the largest value.

    Parameters
    ----------
    checked : CheckedImages
        Bad images are ignored, and so are those that cannot be decoded; loading them raises the error.
    value_range : (low, high) or None
        The user's range, used as it is; None learns one.

    Returns
    -------
    value_range : tuple of two floats, or None if no image needs one
    """
    if value_range is not None:
        return _check_value_range(value_range)
    low, high = math.inf, -math.inf
    for i in checked.unscaled.keys() - checked.errors.keys():
        try:
            pixels = decode(checked.images[i])
        except ImageError:
            continue
        low, high = min(low, float(pixels.min())), max(high, float(pixels.max()))
    return None if low > high else _range_around(low, high)


def require_value_range(checked, value_range, on_error="raise"):
    """Reject images that need a range of values if `fit` learned none.

    Parameters
    ----------
    checked : CheckedImages
    value_range : (low, high) or None
        What `learn_value_range` returned in `fit`.
    on_error : {"raise", "nan"}
        Whether to raise the error of the first such row. Arrays always raise an error.

    Returns
    -------
    CheckedImages
        With these images among the bad ones.
    """
    images, errors = checked.images, dict(checked.errors)
    for i, dtype in checked.unscaled.items() if value_range is None else ():
        error = ImageError(
            f"{images.name(i)} has {dtype} pixels, and fit saw none from which to learn the range of their values; "
            "fit on such images, or set value_range=(low, high) to the values of black and white"
        )
        source = images[i].photo if isinstance(images[i], Crop) else images[i]
        if on_error == "raise" or isinstance(source, np.ndarray):
            raise error
        errors[i] = error
    return checked._replace(errors=errors)


def is_out_of_range(pixels, value_range):
    """Whether RGB pixels, scaled so that the value range is 0 to 255, must have had another range."""
    low, high = pixels.min(), pixels.max()
    if low < -255 or high > 510:
        return True
    # Values from 0 to 1 where white is 255; a black image has a few whole numbers only.
    if value_range != (0, 255) or low < 0 or high > 1:
        return False
    return any((pixels[rows] % 1).any() for rows in row_bands(*pixels.shape[:2]))


def warn_if_out_of_range(images, rows, value_range):
    """Warn once about the images in these rows, whose values are out of range."""
    if rows:
        warn_user(
            f"{len(rows)} of {len(images)} images have values of quite another range than "
            f"{value_range[0]:g} to {value_range[1]:g} for black to white, the first is "
            f"{images.name(min(rows))}; scale them like the images that fit saw, or set value_range",
        )


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
    if low == high:  # a constant other than 0: extend the range to 0 so that it has a width
        return min(low, 0.0), max(high, 0.0)
    return low, high
