"""Arrays of pixels: which are images, and how their values become RGB."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

from skdecaf.images._errors import ImageError

_DTYPES_WITH_RANGE = (np.dtype(bool), np.dtype(np.uint8), np.dtype(np.uint16))


_BAND_PIXELS = 2**18
_FLOAT16_ERROR = 2**-10.9  # largest relative error of a number that was stored as float16, and a little more


def row_bands(height, width):
    """Slices of rows: large images are converted band by band, which saves memory and suits the processor's cache."""
    step = max(1, _BAND_PIXELS // width)
    return [slice(top, top + step) for top in range(0, height, step)]


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
        uint8 for uint8 and bool, otherwise float32. Values outside ``value_range`` are not clipped. The channels of
        grey images share memory.

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
    return pixels if pixels.ndim == 3 else np.broadcast_to(pixels[:, :, np.newaxis], (*pixels.shape, 3))


def as_uint8(pixels):
    """Turn RGB pixels of floats into uint8 if all are whole numbers from 0 to 255, up to the precision of float16.

    So an image of 8 bits has the same features in any dtype, because uint8 is rounded when it is resized.
    """
    if pixels.dtype == np.uint8 or pixels.min() < 0 or pixels.max() > 255 * (1 + _FLOAT16_ERROR):
        return pixels
    values = pixels[:, :, 0] if pixels.strides[2] == 0 else pixels
    out = np.empty(values.shape, np.uint8)
    for rows in row_bands(*values.shape[:2]):
        rounded = np.rint(values[rows])
        if (np.abs(values[rows] - rounded) > _FLOAT16_ERROR * rounded).any():
            return pixels
        out[rows] = rounded
    return to_rgb(out)


def check_array(array):
    """Return the dtype that `array_pixels` will give, or raise an error if the array is not an image."""
    if np.ma.is_masked(array):
        raise ImageError("has masked pixels; fill them with array.filled(value) or leave it out")
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
    if pixels.dtype.kind == "f" and not (np.isfinite(pixels.min()) and np.isfinite(pixels.max())):
        raise ImageError("has NaN or infinite pixels; replace them or leave it out")
    return pixels


def on_white(rgba):
    """Composite RGBA pixels of bool, uint8 or uint16 on white, rounded to the nearest value."""
    white = np.uint32(1 if rgba.dtype == bool else np.iinfo(rgba.dtype).max)
    out = np.empty((*rgba.shape[:2], 3), rgba.dtype)
    for rows in row_bands(*rgba.shape[:2]):
        alpha = rgba[rows, :, 3:].astype(np.uint32)
        # The largest sum, white * white + white // 2, fits for 16 bits too.
        out[rows] = (rgba[rows, :, :3] * alpha + (white - alpha) * white + white // 2) // white
    return out


def _rescaled(pixels, value_range):
    """Map ``value_range`` to 0 to 255 in float64, composite an alpha channel on white, return float32."""
    if value_range is None:
        raise ImageError(f"pixels of dtype {pixels.dtype} have no range of their own; give value_range=(black, white)")
    low, high = (np.float64(value) for value in value_range)
    out = np.zeros(pixels.shape[:2] if pixels.ndim == 2 else (*pixels.shape[:2], 3), np.float32)
    if low == high:
        return out
    for rows in row_bands(*pixels.shape[:2]):
        with np.errstate(over="ignore", invalid="ignore"):
            values = (pixels[rows].astype(np.float64) - low) / (high - low)
            if values.ndim == 3 and values.shape[2] == 4:
                values = 1 + (values[:, :, :3] - 1) * values[:, :, 3:]
            out[rows] = values * 255
        if not np.isfinite(out[rows]).all():
            raise ImageError(f"pixels lie too far outside value_range={tuple(value_range)}; give a wider one")
    return out
