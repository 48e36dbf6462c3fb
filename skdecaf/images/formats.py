"""The file formats that are read, and Pillow's readers of them."""

# SPDX-License-Identifier: BSD-3-Clause
import re
import struct

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


class ImageError(ValueError):
    """An image that cannot be read; the message is one sentence that names the file where there is one."""


class _JpegReader(JpegImagePlugin.JpegImageFile):
    def getexif(self):
        """Nothing: Pillow asks for the resolution, and warns of damage that does not concern the pixels."""
        return Image.Exif()


class _TiffReader(TiffImagePlugin.TiffImageFile):
    def load_prepare(self):
        """Make room for the pixels first, since Pillow would warn of large images that `read_header` let pass."""
        if getattr(self, "_im", None) is None and hasattr(self, "_tile_size"):
            self.im = Image.new(self.mode, self._tile_size).im
        super().load_prepare()


# Pillow's readers are called directly. Image.open would try formats that run other programs, and warn of large
# images, which cannot be silenced in one thread without silencing it in others. An MPO file starts with a JPEG.
_READERS = {
    "BMP": BmpImagePlugin.BmpImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "JPEG": _JpegReader,
    "JPEG2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
    "TIFF": _TiffReader,
    "WEBP": WebPImagePlugin.WebPImageFile,
}
_SIGNATURE = re.compile(
    rb"(?P<BMP>BM)|(?P<GIF>GIF8[79]a)|(?P<JPEG>\xff\xd8\xff)"
    rb"|(?P<JPEG2000>\xff\x4f\xff\x51|\0\0\0\x0cjP  \r\n\x87\n)|(?P<PNG>\x89PNG\r\n\x1a\n)"
    rb"|(?P<PPM>P[1-6f]\s)|(?P<TIFF>II[*+]\0|MM\0[*+])|(?P<WEBP>RIFF.{4}WEBP)",
    re.DOTALL,
)
# As many first bytes as the signatures and the first fields of a PNG need.
HEAD_SIZE = 32

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# The same for a box: whether x and y change places, and whether x, and y, are then mirrored.
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
    """The format of a file by its first bytes."""
    if not head:
        raise ImageError("is empty (zero bytes)")
    match = _SIGNATURE.match(head)
    if match is None:
        raise ImageError(f"is in none of the formats {', '.join(_READERS)}; convert it or leave it out")
    return match.lastgroup


def read_header(file):
    """Return a PIL image whose pixels are not read yet."""
    head = file.read(HEAD_SIZE)
    file.seek(0)
    image = _READERS[format_name(head)](file)
    (width, height), limit = image.size, Image.MAX_IMAGE_PIXELS
    if limit is not None and width * height > 2 * limit:
        raise Image.DecompressionBombError(f"{width} x {height} pixels exceed Pillow's limit of {2 * limit}")
    return image


def reduce_on_load(image, least_side):
    """Let a JPEG be loaded at a half, a quarter or an eighth of its size, with no side shorter than ``least_side``.

    Returns
    -------
    tuple of float, or None
        Edges (left, top, right, bottom) of the photo in the pixels to come; None where nothing is reduced.
    """
    size = image.size
    reduction = image.draft(None, (least_side, least_side))  # None for other formats
    return reduction[1] if reduction is not None and image.size != size else None


def turned_upright(image):
    """Turn a loaded PIL image by its EXIF orientation."""
    orientation = _orientation(image)
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def turned_box(box, image):
    """Turn a box of a loaded PIL image as `turned_upright` turns the image."""
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

    Pillow's own reader of EXIF data warns where any of it is damaged, as often happens in sound photos; so it is asked
    for TIFFs only, whose tags are EXIF data themselves.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        # 1 in versions of Pillow that turn TIFFs themselves.
        return image.getexif().get(_ORIENTATION_TAG, 1)
    exif = image.info.get("exif", b"").removeprefix(b"Exif\0\0")
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
