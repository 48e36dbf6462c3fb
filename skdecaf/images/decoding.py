"""Anything image-like becomes an array of pixels: files, their contents, PIL images, arrays."""

# SPDX-License-Identifier: BSD-3-Clause
import io
import os
import stat
import threading
from contextlib import contextmanager

import numpy as np
import PIL
from PIL import Image, features

from skdecaf.images.crops import Crop
from skdecaf.images.file_facts import fact_of_file
from skdecaf.images.formats import (
    HEAD_SIZE,
    ImageError,
    format_name,
    read_header,
    reduce_on_load,
    turned_box,
    turned_upright,
)

# Raise it with every change that gives some image other pixels.
_DECODING = 1

_DTYPE_NEEDS_HEADER = ("JPEG2000", "PPM", "TIFF")
_UINT8, _UINT16 = np.dtype(np.uint8), np.dtype(np.uint16)
_OWN_RANGE = (np.dtype(bool), _UINT8, _UINT16)

# The same lazily opened PIL image or open file may stand in several rows, and be read by several threads.
_locks = [threading.Lock() for _ in range(64)]


def _renew_locks():
    """In a forked process the threads are gone that held them."""
    _locks[:] = [threading.Lock() for _ in _locks]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)


def check_source(source):
    """Check what can be known without decoding.

    Parameters
    ----------
    source : str, PathLike, bytes-like, binary file, PIL image, ndarray or Crop
        As for `decode`. Of a file the first bytes are read, of a TIFF, PPM or JPEG 2000 file the header; of a path's
        file once per process, and again when it has changed.

    Returns
    -------
    numpy.dtype
        The dtype that `decode` will give.

    Raises
    ------
    ImageError
        Where there is no such file, it is a directory or empty or in no known format, or where an array's shape
        or dtype is not that of an image.

    Examples
    --------
    >>> import numpy as np
    >>> from skdecaf.images import check_source
    >>> check_source(np.zeros((4, 6, 3), np.uint8))
    dtype('uint8')
    """
    if isinstance(source, Crop):
        return check_source(source.photo)
    if isinstance(source, (str, os.PathLike)):
        return fact_of_file(source, _file_dtype)
    with _errors_name(source):
        if isinstance(source, np.ndarray):
            return _array_dtype(source)
        if isinstance(source, Image.Image):
            return _image_dtype(source)
    return _file_dtype(source)


def decode(source):
    """Read an image.

    Parameters
    ----------
    source : str, PathLike, bytes-like, binary file, PIL image, ndarray or Crop
        A path; the contents of a file; an open file, which is read from where it stands and set back to there; a PIL
        image, which is taken at its current frame; an array of shape (height, width) or (height, width, 1|3|4)
        of booleans, integers or floats; or a `Crop` of one of these.

    Returns
    -------
    ndarray of shape (height, width) or (height, width, 3)
        Pixels in their own dtype: uint8, except 16-bit grey (uint16), TIFFs of 32-bit integers (int32) or floats
        (float32), and arrays. They may be read-only, and an array's are its own memory. Only an RGBA array of floats
        or wider integers keeps its four channels, since what counts as opaque and white depends on the range of its
        values: `to_rgb` composites it.

    Raises
    ------
    ImageError
        Where the image cannot be read, exceeds Pillow's error limit for decompression bombs
        (twice ``PIL.Image.MAX_IMAGE_PIXELS``), or has NaN or infinite pixels.

    Notes
    -----
    Files and PIL images are turned upright by their EXIF orientation. Palettes, CMYK and the other colour spaces
    become RGB; what is transparent is composited on white; of several frames the first is read.

    Examples
    --------
    >>> from PIL import Image
    >>> from skdecaf.images import decode
    >>> decode(Image.new("CMYK", (6, 4))).shape
    (4, 6, 3)
    """
    if isinstance(source, Crop):
        pixels = decode(source.photo)
        with _errors_name(source):
            return source.cut(pixels)
    with _errors_name(source):
        if isinstance(source, np.ndarray):
            return _array_pixels(source)
        if isinstance(source, Image.Image):
            with _lock_of(source):
                source.load()
            return _image_pixels(source)
        return _file_pixels(source)[0]


def decode_reduced(source, least_side):
    """Read an image, and if it is a large JPEG file, at a half, a quarter or an eighth of its size.

    Libjpeg then leaves out the fine detail from the start, which takes a fraction of the time.

    Parameters
    ----------
    source : str, PathLike, bytes-like, binary file, PIL image, ndarray or Crop
        As for `decode`. The photo of a crop keeps its size, since the box counts pixels.
    least_side : int or None
        No side gets shorter than this; None leaves every size as it is.

    Returns
    -------
    pixels : ndarray of shape (height, width) or (height, width, 3)
    box : tuple of float, or None
        Edges (left, top, right, bottom) of a reduced photo: where its size is no multiple of the reduction, the
        pixels at an edge stand in part for what is beyond. For `fit_image`.
    """
    if least_side is None or isinstance(source, (Crop, np.ndarray, Image.Image)):
        return decode(source), None
    with _errors_name(source):
        return _file_pixels(source, least_side)


def decoder_version():
    """Name what decides which pixels a file has: this module and the libraries that it decodes with.

    Returns
    -------
    str
    """
    libraries = [f"{name} {features.version(name)}" for name in ("libjpeg_turbo", "jpg", "webp", "libtiff", "jpg_2000")]
    return ", ".join([f"decoding {_DECODING}", f"Pillow {PIL.__version__}", *libraries])


def file_contents(source):
    """Read the bytes of a file.

    Parameters
    ----------
    source : str, PathLike, bytes-like or binary file
        As for `decode`.

    Returns
    -------
    bytes

    Raises
    ------
    ImageError
        Where it cannot be read.
    """
    with _errors_name(source):
        if not isinstance(source, (str, os.PathLike)):
            return _contents(source)
        with _open_path(source, buffering=0) as file:
            return file.read()


def needs_value_range(dtype):
    """Whether the dtype of pixels leaves open which value is black and which is white.

    Parameters
    ----------
    dtype : dtype-like

    Returns
    -------
    bool
        False for bool, uint8 and uint16.
    """
    dtype = np.dtype(dtype)
    return dtype not in _OWN_RANGE and dtype.newbyteorder("=") not in _OWN_RANGE


def to_rgb(pixels, value_range=None):
    """Bring pixels to RGB with values from 0 (black) to 255 (white).

    Parameters
    ----------
    pixels : ndarray of shape (height, width) or (height, width, 3)
        What `decode` returned.
    value_range : tuple (low, high), optional
        The values of black and white, for dtypes where `needs_value_range` says so; others follow their type. An
        alpha channel has the same range, from transparent to opaque.

    Returns
    -------
    ndarray of shape (height, width, 3)
        uint8 for uint8 and bool, else float32. Values outside ``value_range`` are not clipped.

    Raises
    ------
    ImageError
        Where ``value_range`` is needed and missing, or so narrow that pixels overflow.

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


def describe(source):
    """How messages name a source.

    Parameters
    ----------
    source : object
        As for `decode`.

    Returns
    -------
    str or None
        The quoted path or file name; None where there is none.

    Examples
    --------
    >>> from skdecaf.images import describe
    >>> describe("cats/1.jpg")
    "'cats/1.jpg'"
    """
    if isinstance(source, Crop):
        return describe(source.photo)
    if isinstance(source, Image.Image):
        source = getattr(source, "filename", None)
    elif hasattr(source, "read"):
        source = getattr(source, "name", None)
    if not isinstance(source, (str, os.PathLike)) or not source:
        return None
    name = os.fsdecode(source)
    # Someone may have passed a whole file as text.
    return repr(name if len(name) <= 200 else f"{name[:90]}...{name[-90:]}")


@contextmanager
def _errors_name(source):
    """Turn whatever goes wrong into an `ImageError` that names the source."""
    try:
        yield
    except ImageError as error:
        raise ImageError(f"{_subject(source)} {error}") from None
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"{_subject(source)} is too large to be safe ({error}); scale it down, or raise "
            "PIL.Image.MAX_IMAGE_PIXELS if you trust it"
        ) from error
    except Exception as error:
        # Pillow raises nearly every kind of exception for a damaged file.
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        raise ImageError(
            f"{_subject(source)} cannot be read ({reason}); repair it, replace it or leave it out"
        ) from error


def _subject(source):
    if (name := describe(source)) is not None:
        return name
    for types, words in (
        (np.ndarray, "the array"),
        (Image.Image, "the PIL image"),
        ((str, os.PathLike), "the path ''"),
        ((bytes, bytearray, memoryview), "the file content"),
        (Crop, "the photo"),
    ):
        if isinstance(source, types):
            return words
    return "the open file" if hasattr(source, "read") else f"a value of type {type(source).__name__!r}"


def _lock_of(source):
    return _locks[id(source) // 16 % len(_locks)]


# Files


def _file_dtype(source):
    """The dtype of a file's pixels, or the error that shows at its beginning."""
    with _errors_name(source):
        head = _first_bytes(source)
        name = format_name(head)
        if name in _DTYPE_NEEDS_HEADER:
            with _open_binary(source) as file:
                return _image_dtype(read_header(file))
    # Of the others only a grey PNG can be deeper than 8 bits; depth and colour type stand in its first chunk.
    return _UINT16 if name == "PNG" and head[24:26] == b"\x10\x00" else _UINT8


def _first_bytes(source):
    if isinstance(source, (str, os.PathLike)):
        with _open_path(source, buffering=0) as file:
            return file.read(HEAD_SIZE)
    head = _contents(source, HEAD_SIZE)
    if not head and hasattr(source, "read"):
        raise ImageError("has nothing left to read; rewind it with seek(0)")
    return head


def _open_binary(source):
    """A binary file at its start; it holds its own position, so that threads do not disturb each other."""
    return _open_path(source) if isinstance(source, (str, os.PathLike)) else io.BytesIO(_contents(source))


def _open_path(path, **options):
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise ImageError("does not exist") from None
    if stat.S_ISDIR(mode):
        raise ImageError("is a directory; give the files in it")
    if not stat.S_ISREG(mode):
        # To open a pipe would wait for its other end, and it could be read only once.
        raise ImageError("is a pipe or device; give a regular file")
    return open(path, "rb", **options)


def _contents(source, size=-1):
    """The first ``size`` bytes of file contents or of an open file, which stays where it is."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)[: size if size >= 0 else None]
    if not hasattr(source, "read"):
        raise ImageError("is no image; give a path, the contents of a file, an open file, a PIL image or an array")
    if isinstance(source, io.TextIOBase):
        raise ImageError('is open as text; open it with mode "rb"')
    with _lock_of(source):
        try:
            position = source.tell()
            source.seek(position)
        except (AttributeError, OSError):
            raise ImageError("cannot be rewound; give its contents, file.read(), instead") from None
        try:
            return source.read(size)
        finally:
            source.seek(position)


def _file_pixels(source, least_side=None):
    """The pixels of a file, and the box of the photo in them where it is reduced."""
    with _open_binary(source) as file:
        image = read_header(file)
        box = reduce_on_load(image, least_side) if least_side else None
        image.load()
        return _image_pixels(image), box and turned_box(box, image)


# PIL images


def _image_dtype(image):
    if 0 in image.size:
        raise ImageError(f"has no pixels: its width and height are {image.size}")
    mode = image.mode
    # PPM, and PNG in older Pillow, hold 16-bit pixels in mode "I".
    if mode.startswith("I;16") or (mode == "I" and image.format in ("PNG", "PPM")):
        return _UINT16
    return np.dtype({"I": np.int32, "F": np.float32}.get(mode, np.uint8))


def _image_pixels(image):
    """The pixels of a loaded PIL image."""
    dtype = _image_dtype(image)
    transparency = image.info.get("transparency")
    image = turned_upright(image)
    if dtype == _UINT8:
        if image.has_transparency_data:
            return _on_white(np.asarray(_converted(image, "RGBA")))
        return np.asarray(_converted(image, "L" if image.mode in ("1", "L") else "RGB"))
    pixels = _finite(np.asarray(image).astype(dtype, copy=False))
    if dtype == _UINT16 and isinstance(transparency, int):
        return np.where(pixels == transparency, np.uint16(65535), pixels)
    return pixels


def _converted(image, mode):
    """Convert, without the copy that Pillow makes where nothing is to be done."""
    if image.mode == mode:
        return image
    # From premultiplied grey Pillow goes to plain grey only.
    return (image.convert("LA") if image.mode == "La" else image).convert(mode)


# Arrays


def _array_dtype(array):
    if array.dtype.kind not in "buif":
        raise ImageError(f"has dtype {array.dtype}; pixels are booleans, integers or floats")
    if array.ndim not in (2, 3) or 0 in array.shape or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        hint = "; move the channels last" if array.ndim == 3 and array.shape[0] in (1, 3, 4) else ""
        raise ImageError(
            f"has shape {array.shape}, but an image has (height, width) or (height, width, 1, 3 or 4){hint}"
        )
    return array.dtype.newbyteorder("=")


def _array_pixels(array):
    dtype = _array_dtype(array)
    pixels = _finite(np.asarray(array).astype(dtype, copy=False))
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return pixels
    if pixels.shape[2] == 1:
        return pixels[:, :, 0]
    return pixels if needs_value_range(dtype) else _on_white(pixels)


def _finite(pixels):
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise ImageError("has NaN or infinite pixels; replace them or leave it out")
    return pixels


def _on_white(rgba):
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
