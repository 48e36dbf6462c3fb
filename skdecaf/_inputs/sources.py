"""The images of one X: checked, named and loaded one by one."""

# SPDX-License-Identifier: BSD-3-Clause
from typing import NamedTuple

import numpy as np

from skdecaf._inputs.kinds import CHANNELS
from skdecaf._inputs.value_range import is_out_of_range
from skdecaf._utils.warnings import UnreadableImageWarning, warn_user
from skdecaf.images import ImageError, check_source, describe, needs_value_range, to_rgb
from skdecaf.images._arrays import as_uint8
from skdecaf.images._decoding import decode_reduced
from skdecaf.images._digests import file_size, read_and_digest
from skdecaf.images._pixel_budget import BYTES_PER_PIXEL
from skdecaf.images._remote import RemoteFile


class LoadedImage(NamedTuple):
    """What `load_image` returns.

    Attributes
    ----------
    pixels : ndarray of shape (height, width, 3)
        uint8, or float32 where black is 0 and white 255; values outside the value range are not clipped.
    box : tuple of float, or None
        The photo's edges in the pixels, as from `decode_reduced`.
    out_of_range : bool
        Whether the values lie far outside the value range.
    digest : bytes or None
        Digest of what was decoded, if asked for.
    """

    pixels: np.ndarray
    box: tuple | None
    out_of_range: bool
    digest: bytes | None


class Images:
    """The images of one X, in order; none is read before it is loaded.

    Parameters
    ----------
    sources : sequence
        One source per image, or the table whose rows are the flattened images.
    image_shape : tuple of int or None
        Shape of the flattened images; None if the sources are images.
    """

    def __init__(self, sources, image_shape=None):
        self._sources = sources
        self._image_shape = image_shape

    def __len__(self):
        return len(self._sources)

    def __getitem__(self, i):
        source = self._sources[i]
        return source if self._image_shape is None else _unflatten(source, self._image_shape)

    def name(self, i):
        """Name image ``i`` for messages: ``image 17 ('cats/1.jpg')``."""
        description = describe(self._sources[i])
        return f"image {i} ({description})" if description else f"image {i}"


class CheckedImages(NamedTuple):
    """What `check_images` returns.

    Attributes
    ----------
    images : Images
    errors : dict of int to ImageError
        The bad rows; their messages begin with the image's name.
    unscaled : dict of int to dtype
        Rows of the images whose dtype does not define black and white.
    """

    images: Images
    errors: dict
    unscaled: dict


def check_images(images, on_error="nan"):
    """Check every image as far as possible without decoding it.

    Parameters
    ----------
    images : Images
    on_error : {"raise", "nan"}
        Whether to raise the error of the first bad row.

    Returns
    -------
    CheckedImages
    """
    errors, unscaled = {}, {}
    for i in range(len(images)):
        try:
            dtype = check_source(images[i])
        except ImageError as error:
            errors[i] = _named_error(images, i, error)
        else:
            if needs_value_range(dtype):
                unscaled[i] = dtype
    if errors and on_error == "raise":
        raise errors[min(errors)]
    return CheckedImages(images, errors, unscaled)


def warn_unreadable(images, errors, consequence):
    """Warn once about the images with errors."""
    if errors:
        first, more = ", ".join(images.name(i) for i in sorted(errors)[:3]), ", …" if len(errors) > 3 else ""
        message = f"{len(errors)} of {len(images)} images cannot be read{consequence}: {first}{more}"
        warn_user(UnreadableImageWarning(message, errors))


def load_image(images, i, value_range, min_side=None, *, with_digest=False, reserve=lambda n_pixels: None):
    """Load image ``i`` as RGB.

    Parameters
    ----------
    images : Images
    i : int
    value_range : (low, high) or None
    min_side : int, optional
        A large JPEG may be reduced until its shorter side has so many pixels, see `decode_reduced`.
    with_digest : bool
        Whether to compute the digest of what is decoded, for the feature cache.
    reserve : callable
        Called with the number of pixels before they are decoded. The bytes of a file that is read into memory for its
        digest count as well. A second call replaces the first.

    Returns
    -------
    LoadedImage

    Raises
    ------
    ImageError
        If the image cannot be read; the message begins with its name.
    """
    try:
        source, digest, n_held = images[i], None, 0
        if with_digest:
            n_held = file_size(source) // BYTES_PER_PIXEL
            reserve(n_held)
            source, digest = read_and_digest(source)
        pixels, box = decode_reduced(source, min_side, lambda n_pixels: reserve(n_held + n_pixels))
        is_unscaled = needs_value_range(pixels.dtype)
        if is_unscaled and isinstance(images[i], RemoteFile):
            raise ImageError(f"has {pixels.dtype} pixels, which only local files may have; download it")
        pixels = to_rgb(pixels, value_range)
    except ImageError as error:
        raise _named_error(images, i, error) from error
    except MemoryError as error:
        error.add_note(images.name(i))
        raise
    out_of_range = is_unscaled and is_out_of_range(pixels, value_range)
    return LoadedImage(as_uint8(pixels), box, out_of_range, digest)


def _named_error(images, i, error):
    """The error with the image's name in front, without the path where the name contains it."""
    message = str(error)
    without_path = message.removeprefix(describe(images[i]) or "")
    return ImageError(f"{images.name(i)}{': ' if without_path == message else ''}{without_path}")


def _unflatten(row, image_shape):
    image = row.reshape(image_shape)
    channels_last = len(image_shape) == 2 or image_shape[2] in CHANNELS
    return image if channels_last else np.moveaxis(image, 0, -1)
