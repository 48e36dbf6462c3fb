"""Decoding: files, their contents, PIL images and arrays become arrays of pixels."""

# SPDX-License-Identifier: BSD-3-Clause
from contextlib import nullcontext
from functools import cache, partial
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np
import PIL
from PIL import Image, features

from skdecaf.images._arrays import array_pixels, check_array, check_finite, on_white, row_bands
from skdecaf.images._crops import Crop
from skdecaf.images._errors import ImageError
from skdecaf.images._files import first_bytes, is_path, open_binary
from skdecaf.images._formats import (
    HEAD_SIZE,
    empty_upright,
    first_frame_box,
    format_name,
    is_upright,
    max_halvings,
    read_header,
    reduce_on_load,
    turned_box,
)
from skdecaf.images._locks import image_locked
from skdecaf.images._naming import as_image_error
from skdecaf.images._per_file_cache import cached_per_file
from skdecaf.images._remote import RemoteFile

# Increase it with every change that gives some image other pixels.
_DECODING = 3

_DTYPE_NEEDS_HEADER = ("JPEG2000", "PPM", "TIFF")
# Times as much memory as the decoders of other formats take, about 7 bytes a pixel.
_WEIGHTS = {"JPEG2000": 3, "WEBP": 2}
_UINT8, _UINT16 = np.dtype(np.uint8), np.dtype(np.uint16)


def check_source(source):
    """Check an image as far as possible without decoding it.

    Parameters
    ----------
    source : str, PathLike, bytes-like, binary file, PIL image, ndarray or Crop
        As for `decode`. Only the first bytes of a file are read, or the header of a TIFF, PPM or JPEG 2000 file. A path
        is read once per process, and again when the file has changed.

    Returns
    -------
    numpy.dtype
        The dtype that `decode` will give.

    Raises
    ------
    ImageError
        If the file does not exist, is a directory, is empty or has an unknown format, or if an array's shape or dtype
        is not that of an image.

    Examples
    --------
    >>> import numpy as np
    >>> from skdecaf.images import check_source
    >>> check_source(np.zeros((4, 6, 3), np.uint8))
    dtype('uint8')
    """
    if isinstance(source, Crop):
        return check_source(source.photo)
    if is_path(source):
        return cached_per_file(source, _open_file_dtype)
    if isinstance(source, RemoteFile):  # each look at it is a request; `load_image` refuses other dtypes
        return _UINT8
    with as_image_error(source):
        if isinstance(source, np.ndarray):
            return check_array(source)
        if isinstance(source, Image.Image):
            return _image_dtype(source)
        return _dtype_at_start(first_bytes(source, HEAD_SIZE), partial(open_binary, source))


def decode(source):
    """Read an image.

    Parameters
    ----------
    source : str, PathLike, bytes-like, binary file, PIL image, ndarray or Crop
        A path; the contents of a file; an open file, which is read from its position and set back to it; a PIL image,
        of which the current frame is used; an array of shape (height, width) or (height, width, 1|3|4) of booleans,
        integers or floats; or a `Crop` of one of these.

    Returns
    -------
    ndarray of shape (height, width) or (height, width, 3)
        Pixels in their own dtype: uint8, except 16-bit grey (uint16), TIFFs of 32-bit integers (int32) or floats
        (float32), and arrays. They may be read-only, and may share memory with an array that was given. Only RGBA
        arrays of floats or wider integers keep their four channels, because their value range defines what is opaque
        and white: `to_rgb` composites them.

    Raises
    ------
    ImageError
        If the image cannot be read, exceeds Pillow's error limit for decompression bombs
        (twice ``PIL.Image.MAX_IMAGE_PIXELS``), or has NaN or infinite pixels.

    Notes
    -----
    Files and PIL images are turned upright by their EXIF orientation. Palettes, CMYK and other colour spaces become
    RGB; transparent parts are composited on white; the first of several frames is read.

    Examples
    --------
    >>> from PIL import Image
    >>> from skdecaf.images import decode
    >>> decode(Image.new("CMYK", (6, 4))).shape
    (4, 6, 3)
    """
    return decode_reduced(source, None)[0]


def decode_reduced(source, min_side, reserve=lambda n_pixels: None):
    """Read an image; decode a large JPEG or JPEG 2000 file at a reduced size.

    The decoder then skips the fine detail, which takes a fraction of the time. JPEGs have a half, a quarter or an
    eighth of their size. JPEG 2000 files are halved up to as often as they were when they were written.

    Parameters
    ----------
    source : str, PathLike, bytes-like, binary file, PIL image, ndarray or Crop
        As for `decode`. The photo of a crop keeps its size, because its box counts pixels.
    min_side : int or None
        No side becomes shorter than this; None never reduces.
    reserve : callable
        Called with the number of pixels of a file or PIL image before they are decoded, more for formats that take
        more memory. A second call replaces the first.

    Returns
    -------
    pixels : ndarray of shape (height, width) or (height, width, 3)
    box : tuple of float, or None
        Edges (left, top, right, bottom) of a reduced photo in the pixels, for `fit_image`. The pixels at the right and
        bottom edges reach beyond the photo where its size is not a multiple of the reduction.
    """
    if isinstance(source, Crop):
        pixels, _ = decode_reduced(source.photo, None, reserve)
        with as_image_error(source):
            return source.cut(pixels), None
    with as_image_error(source):
        if isinstance(source, np.ndarray):
            return array_pixels(source), None
        if isinstance(source, Image.Image):
            reserve(_weight(source) * source.width * source.height)
            with image_locked(source):
                source.load()
            return _image_pixels(source), None
        return _file_pixels(source, min_side, reserve)


@cache
def decoder_version():
    """Name everything that decides which pixels a file has: this module and the libraries it decodes with.

    Returns
    -------
    str
    """
    names = ["libjpeg_turbo", "jpg", "webp", "libtiff", "jpg_2000", *(["avif"] if "avif" in features.modules else [])]
    libraries = [f"{name} {features.version(name)}" for name in names]
    if find_spec("pillow_heif"):
        libraries.append(f"pillow-heif {version('pillow-heif')}")
    return ", ".join([f"decoding {_DECODING}", f"Pillow {PIL.__version__}", *libraries])


def _open_file_dtype(file):
    return _dtype_at_start(file.read(HEAD_SIZE), partial(nullcontext, file))


def _dtype_at_start(head, open_file):
    """The dtype of a file's pixels, from its first bytes and, for some formats, its header."""
    name = format_name(head)
    if name in _DTYPE_NEEDS_HEADER:
        with open_file() as file:
            file.seek(0)
            return _image_dtype(read_header(file))
    # Among the others only grey PNGs can have more than 8 bits; the first chunk holds depth and colour type.
    return _UINT16 if name == "PNG" and head[24:26] == b"\x10\x00" else _UINT8


def _file_pixels(source, min_side, reserve):
    """The pixels of a file, and the photo's box in them if it is reduced."""
    with open_binary(source) as file:
        image = read_header(file)
        for halvings in range(max_halvings(image, min_side), -1, -1):
            box = reduce_on_load(image, min_side, halvings)
            reserve(_weight(image) * image.width * image.height // 4**halvings)
            try:
                image.load()
            except OSError:
                if not halvings:
                    raise
                file.seek(0)  # it may have been halved less often
                image = read_header(file)
                continue
            pixels = _image_pixels(image)
            if halvings:  # the box reaches beyond them
                pixels = np.pad(pixels, [(0, 1), (0, 1), (0, 0)][: pixels.ndim], mode="edge")
            return pixels, box and turned_box(box, image)


def _weight(image):
    return _WEIGHTS.get(image.format, 1)


def _image_dtype(image):
    if 0 in image.size:
        raise ImageError(f"has no pixels: its width and height are {image.size}")
    mode = image.mode
    # 16-bit PPMs, and PNGs in older versions of Pillow, have mode "I".
    if mode.startswith("I;16") or (mode == "I" and image.format in ("PNG", "PPM")):
        return _UINT16
    return np.dtype({"I": np.int32, "F": np.float32}.get(mode, np.uint8))


def _image_pixels(image):
    """The pixels of a loaded PIL image, converted band by band."""
    dtype, (width, height), frame = _image_dtype(image), image.size, first_frame_box(image)
    bands = row_bands(height, width)
    if len(bands) == 1 and is_upright(image) and frame in (None, (0, 0, width, height)):
        return _converted_pixels(image, dtype)
    upright = None
    for rows in bands:
        pixels = _converted_pixels(image.crop((0, rows.start, width, min(rows.stop, height))), dtype)
        if upright is None:
            upright, stored = empty_upright(image, pixels.shape[2:], dtype)
        stored[rows] = pixels
    if frame is not None:
        left, top, right, bottom = frame
        stored[:top] = stored[bottom:] = stored[:, :left] = stored[:, right:] = 255
    return upright


def _converted_pixels(image, dtype):
    if dtype == _UINT8:
        if image.has_transparency_data:
            return on_white(np.asarray(_converted(image, "RGBA")))
        return np.asarray(_converted(image, "L" if image.mode in ("1", "L") else "RGB"))
    pixels = check_finite(np.asarray(image).astype(dtype, copy=False))
    transparency = image.info.get("transparency")
    if dtype == _UINT16 and isinstance(transparency, int):
        return np.where(pixels == transparency, np.uint16(65535), pixels)
    return pixels


def _converted(image, mode):
    """Convert an image, without Pillow's copy if it has the mode."""
    if image.mode == mode:
        return image
    # Pillow converts premultiplied grey to plain grey only.
    return (image.convert("LA") if image.mode == "La" else image).convert(mode)
