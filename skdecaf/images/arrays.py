"""Arrays of pixels: which are images, and how their values become RGB."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

from skdecaf.images.errors import ImageError

_DTYPES_WITH_RANGE = (np.dtype(bool), np.dtype(np.uint8), np.dtype(np.uint16))


def needs_value_range(dtype):
    """Whether the dtype of pixels does not define which values are black and white.

    Parameters
    ----------
    dtype : dtype-like

    Returns
    -------
    bool
        False for bool, uint8 and uint16.
    """
    dtype = np.dtype(dtype)
    return dtype not in _DTYPES_WITH_RANGE and dtype.newbyteorder("=") not in _DTYPES_WITH_RANGE


def to_rgb(pixels, value_range=None):
    """Convert pixels to RGB with values from 0 (black) to 255 (white).

    Parameters
    ----------
    pixels : ndarray of shape (height, width) or (height, width, 3)
        What `decode` returned.
    value_range : tuple (low, high), optional
        The values of black and white, for dtypes where `needs_value_range` is true. An alpha channel has the same
        range, from transparent to opaque.

    Returns
    -------
    ndarray of shape (height, width, 3)
        uint8 for uint8 and bool, otherwise float32. Values outside ``value_range`` are not clipped.

    Raises
    ------
    ImageError
        If ``value_range`` is needed and missing, or so narrow that pixels overflow.

    Examples
    --------
    >>> import numpy as np
    >>> from skdecaf.images import to_rgb
    >>> to_rgb(np.array([[0.0, 0.5, 1.0]]), value_range=(0, 1))[0, :, 0]
    array([  0. , 127.5, 255. ], dtype=float32)
    """
    if pixels.dtype == bool:
        pixels = pixels * np.uint8(255)
    elif pixels.dtype == np.uint16:
        pixels = pixels / np.float32(257)
    elif pixels.dtype != np.uint8:
        pixels = _rescaled(pixels, value_range)
    return pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, np.newaxis], 3, axis=2)


def check_array(array):
    """Return the dtype that `array_pixels` will give, or raise an error if the array is not an image."""
    if array.dtype.kind not in "buif":
        raise ImageError(f"has dtype {array.dtype}; pixels are booleans, integers or floats")
    if array.ndim not in (2, 3) or 0 in array.shape or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        hint = "; move the channels last" if array.ndim == 3 and array.shape[0] in (1, 3, 4) else ""
        raise ImageError(
            f"has shape {array.shape}, but an image has (height, width) or (height, width, 1, 3 or 4){hint}"
        )
    return array.dtype.newbyteorder("=")


def array_pixels(array):
    """The pixels of an array, as `decode` returns them."""
    dtype = check_array(array)
    pixels = check_finite(np.asarray(array).astype(dtype, copy=False))
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return pixels
    if pixels.shape[2] == 1:
        return pixels[:, :, 0]
    return pixels if needs_value_range(dtype) else on_white(pixels)


def check_finite(pixels):
    """Return the pixels, or raise an error if some are NaN or infinite."""
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise ImageError("has NaN or infinite pixels; replace them or leave it out")
    return pixels


def on_white(rgba):
    """Composite RGBA pixels of bool, uint8 or uint16 on white, rounded to the nearest value."""
    white = np.uint32(1 if rgba.dtype == bool else np.iinfo(rgba.dtype).max)
    alpha = rgba[:, :, 3:].astype(np.uint32)
    # The largest sum, white * white + white // 2, fits for 16 bits too.
    rgb = rgba[:, :, :3] * alpha + (white - alpha) * white
    return ((rgb + white // 2) // white).astype(rgba.dtype)


def _rescaled(pixels, value_range):
    """Map ``value_range`` to 0 to 255 in float64, composite an alpha channel on white, return float32."""
    if value_range is None:
        raise ImageError(f"pixels of dtype {pixels.dtype} have no range of their own; give value_range=(black, white)")
    low, high = (np.float64(value) for value in value_range)
    if low == high:
        return np.zeros((*pixels.shape[:2], 3), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        values = (pixels.astype(np.float64) - low) / (high - low)
        if values.ndim == 3 and values.shape[2] == 4:
            values = 1 + (values[:, :, :3] - 1) * values[:, :, 3:]
        values = (values * 255).astype(np.float32)
    if not np.isfinite(values).all():
        raise ImageError(f"pixels lie too far outside value_range={tuple(value_range)}; give a wider one")
    return values
