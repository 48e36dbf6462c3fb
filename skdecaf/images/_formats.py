"""The supported file formats, and Pillow's readers of them.

The readers are called directly, not by ``Image.open(formats=...)``: that hides what is wrong with a file, as in "cannot
identify image file <_io.BytesIO object at 0x7f3a>" for a PNG whose header is damaged.
"""

# SPDX-License-Identifier: BSD-3-Clause
import os
import re
import struct
from importlib.util import find_spec

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from skdecaf.images._errors import ImageError

try:
    from PIL import AvifImagePlugin
except ImportError:  # before Pillow 11.3
    AvifImagePlugin = None


class _JpegReader(JpegImagePlugin.JpegImageFile):
    def getexif(self):
        """Return nothing: Pillow only looks for the resolution, which takes as long as a small photo."""
        return Image.Exif()


def _read_heif(file):
    from pillow_heif import HeifImageFile  # imported for the first such file

    return HeifImageFile(file)


def _brands(head):
    """Brands (formats) in the first bytes of an ISO media file, such as HEIF, AVIF or MP4."""
    if head[4:8] != b"ftyp":
        return set()
    stop = min(int.from_bytes(head[:4]), len(head))
    return {head[8:12], *(head[i : i + 4] for i in range(16, stop, 4))}


def _is_avif(head):
    return bool(_brands(head) & {b"avif", b"avis"})


def _is_heif(head):
    return bool(_brands(head) & {b"heic", b"heim", b"heis", b"heix", b"hevc", b"hevx", b"mif1"}) and not _is_avif(head)


_READERS = {
    "BMP": BmpImagePlugin.BmpImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "JPEG": _JpegReader,  # MPO files begin with a JPEG
    "JPEG2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
}
# Tests of a file's first bytes; those of Pillow cannot tell AVIF from HEIF.
_ACCEPTS = {name: Image.OPEN[name][1] for name in _READERS} | {"AVIF": _is_avif, "HEIF": _is_heif}
# Formats that not every installation reads, and how to add them.
_REMEDIES = {"AVIF": 'run pip install "pillow>=11.3"', "HEIF": 'run pip install "skdecaf[heif]"'}
if AvifImagePlugin is not None and AvifImagePlugin.SUPPORTED:
    _READERS["AVIF"] = AvifImagePlugin.AvifImageFile
if find_spec("pillow_heif"):
    _READERS["HEIF"] = _read_heif

# Usual files have up to 10. A scan may have 20 bytes, and takes as long as all pixels; libtiff has the same limit.
_MAX_SCANS = 100
_CHECKED = 2**26  # bytes in which scans are counted; a larger file may take long
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
_START_OF_SCAN, _END_OF_IMAGE = b"\xda", b"\xd9"

# The number of first bytes that these tests and the first fields of a PNG need.
HEAD_SIZE = 32

_ORIENTATION_TAG = 0x0112
# Views of an upright image, oriented as it is stored.
_AS_STORED = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels, -1),
}
# How a box is turned: whether x and y are swapped, and whether x, and y, are then mirrored.
_TURNS = {
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}


def format_name(head):
    """Detect the format of a file from its first bytes."""
    if not head:
        raise ImageError("is empty (zero bytes)")
    for name, accept in _ACCEPTS.items():
        if accept(head):
            if name not in _READERS:
                raise ImageError(f"is a photo in the format {name}; {_REMEDIES[name]} to read it, or leave it out")
            return name
    raise ImageError(f"is in none of the formats {', '.join(_READERS)}; convert it or leave it out")


def read_header(file):
    """Open a file as a PIL image, without reading its pixels."""
    name = format_name(file.read(HEAD_SIZE))
    file.seek(0)
    if name == "JPEG":
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        _check_scans(file.read(min(size, _CHECKED)))  # Python allocates all bytes that it is asked for
        file.seek(0)
    image = _READERS[name](file)
    (width, height), limit = image.size, Image.MAX_IMAGE_PIXELS
    if limit is not None and width * height > 2 * limit:
        raise Image.DecompressionBombError(f"{width} x {height} pixels exceed Pillow's limit of {2 * limit}")
    return image


def _check_scans(jpeg):
    """Refuse a JPEG with many scans."""
    n_scans, place = 0, 2
    while (marker := _MARKER.search(jpeg, place)) and marker[1] != _END_OF_IMAGE:
        n_scans += marker[1] == _START_OF_SCAN
        if n_scans > _MAX_SCANS:
            raise ImageError(f"has more than {_MAX_SCANS} scans, which take long to decode; save it again")
        place = marker.end() + int.from_bytes(jpeg[marker.end() : marker.end() + 2])


def max_halvings(image, min_side):
    """How often a JPEG 2000 file can be halved until a side is shorter than ``min_side``; 0 for other formats."""
    if image.format != "JPEG2000" or min_side is None or image.mode in ("P", "PA"):  # colour numbers have no mean
        return 0
    return max(0, (min(image.size) // min_side).bit_length() - 1)


def reduce_on_load(image, min_side, halvings):
    """Make a JPEG file or a JPEG 2000 file load at a reduced size.

    Parameters
    ----------
    image : PIL image
        Not loaded.
    min_side : int or None
        A JPEG is reduced to a half, a quarter or an eighth, with no side shorter than this.
    halvings : int
        How often a JPEG 2000 file is halved.

    Returns
    -------
    tuple of float, or None
        Edges (left, top, right, bottom) of the photo in the reduced pixels; None if it is not reduced.
    """
    if halvings:
        return _reduce_jpeg2000(image, 2**halvings)
    if image.format != "JPEG" or min_side is None:  # a HEIF would be replaced by its embedded thumbnail
        return None
    size = image.size
    reduction = image.draft(None, (min_side, min_side))
    return reduction[1] if reduction is not None and image.size != size else None


def _reduce_jpeg2000(image, factor):
    """Reduce an image, whose edges then reach beyond its pixels by up to half of one."""
    size = image.size
    # Pillow would round the reduced size to the nearest, but OpenJPEG rounds it up.
    image._size = tuple(-(-side // factor) * factor for side in size)
    image.reduce = factor.bit_length() - 1
    # Wavelets keep the pixels 0, factor, 2 * factor, ... in their places.
    shift = 0.5 - 0.5 / factor
    return shift, shift, size[0] / factor + shift, size[1] / factor + shift


def empty_upright(image, n_channels, dtype):
    """Allocate the pixels of a loaded PIL image.

    Parameters
    ----------
    image : PIL image
    n_channels : tuple of int
        Empty for a grey image, otherwise one number.
    dtype : dtype-like

    Returns
    -------
    upright : ndarray
        Turned by the EXIF orientation.
    stored : ndarray
        A view of it, oriented as the image.
    """
    orientation, (width, height) = _orientation(image), image.size
    shape = (width, height) if orientation in (5, 6, 7, 8) else (height, width)
    upright = np.empty((*shape, *n_channels), dtype)
    return upright, _AS_STORED.get(orientation, lambda pixels: pixels)(upright)


def is_upright(image):
    """Whether a loaded PIL image is upright by its EXIF orientation."""
    return _orientation(image) not in _AS_STORED


def first_frame_box(image):
    """Edges (left, top, right, bottom) of a GIF's first frame, outside which it is transparent; None for others."""
    if isinstance(image, GifImagePlugin.GifImageFile) and image.tell() == 0:
        return image.dispose_extent
    return None


def turned_box(box, image):
    """Turn a box of a loaded PIL image upright."""
    (left, top, right, bottom), (width, height) = box, image.size
    swapped, mirrored_x, mirrored_y = _TURNS.get(_orientation(image), (False, False, False))
    if swapped:
        left, top, right, bottom, width, height = top, left, bottom, right, height, width
    if mirrored_x:
        left, right = width - right, width - left
    if mirrored_y:
        top, bottom = height - bottom, height - top
    return left, top, right, bottom


def _orientation(image):
    """The EXIF orientation of a loaded PIL image; 1 is upright.

    Pillow's EXIF reader reads all tags and fails on damage in any of them, as in a JPEG whose EXIF directory ends too
    early. So it is used for TIFFs only, whose tags are their EXIF data.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        # 1 in versions of Pillow that turn TIFFs themselves.
        return image.getexif().get(_ORIENTATION_TAG, 1)
    exif = image.info.get("exif")
    if not isinstance(exif, bytes):  # pillow-heif sets None
        return 1
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (n_entries,) = struct.unpack_from(f"{order}H", exif, start)
        for entry in range(n_entries):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", exif, start + 2 + 12 * entry)
            if tag == _ORIENTATION_TAG:
                return value
    except struct.error:
        pass
    return 1
