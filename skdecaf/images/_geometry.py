"""From RGB pixels to a network's input: resizing, centre crop, ten crops."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from PIL import Image

from skdecaf.images._arrays import row_bands

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}

# The largest ratio of an image's longer side to that of its new size; longer images are cut before they are scaled.
_MAX_LENGTH = 16


def resize_image(pixels, size, resample, box=None):
    """Resize an image, antialiased.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, 3), uint8 or float32
    size : tuple (height, width)
    resample : {"bilinear", "bicubic"}
        Pillow's filter.
    box : tuple of four floats, optional
        Edges (left, top, right, bottom), in pixels, of the part to resize; by default all.

    Returns
    -------
    ndarray of shape (*size, 3) and the same dtype
        uint8 is exactly what Pillow returns; float32 is not rounded. The input itself if it has the size.

    Examples
    --------
    >>> import numpy as np
    >>> from skdecaf.images import resize_image
    >>> resize_image(np.zeros((40, 60, 3), np.uint8), (72, 72), "bicubic").shape
    (72, 72, 3)
    """
    resample = _FILTERS[_one_of("resample", resample, _FILTERS)]
    if pixels.shape[:2] == tuple(size) and box is None:
        return pixels
    if pixels.strides[2] == 0:  # a grey image
        return np.broadcast_to(_resize(pixels[:, :, 0], size, resample, box)[:, :, np.newaxis], (*size, 3))
    if pixels.dtype == np.uint8:
        return _resize(pixels, size, resample, box)
    # Pillow's float images have one channel.
    return np.stack([_resize(pixels[:, :, channel], size, resample, box) for channel in range(3)], axis=2)


def fit_image(pixels, size, policy, resample, box=None):
    """Resize an image to the size from which crops are cut.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, 3), uint8 or float32
    size : tuple (height, width)
    policy : {"warp", "crop"}
        "warp" ignores the aspect ratio; "crop" scales the image until it just covers ``size``, and cuts the centre.
    resample : {"bilinear", "bicubic"}
        Pillow's filter, antialiased.
    box : tuple of four floats, optional
        Edges (left, top, right, bottom) of the image in the pixels, if these reach a little beyond it; by default all.

    Returns
    -------
    ndarray of shape (*size, 3) and the dtype of ``pixels``

    Raises
    ------
    ValueError
        If ``policy`` or ``resample`` is not one of these.

    Notes
    -----
    The paper (Donahue et al., ICML 2014, section 3) warps. If an image is more than 16 times longer than ``size``,
    "crop" scales its middle only, which saves memory; the rest would be cut off anyway.

    Examples
    --------
    >>> import numpy as np
    >>> from skdecaf.images import fit_image
    >>> fit_image(np.zeros((40, 60, 3), np.uint8), (72, 72), policy="crop", resample="bicubic").shape
    (72, 72, 3)
    """
    if _one_of("policy", policy, ("warp", "crop")) == "warp":
        return resize_image(pixels, size, resample, box)
    return _covering(pixels, size, resample, box)


def cut_crops(pixels, size, crops):
    """Cut out the crops that the network reads.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, 3)
    size : tuple (height, width)
        Of a crop.
    crops : {"center", "ten"}
        The centre, or ten: top left, top right, bottom left, bottom right and centre, then the mirror images of these
        five.

    Returns
    -------
    ndarray of shape (n_crops, *size, 3) and the dtype of ``pixels``

    Raises
    ------
    ValueError
        If ``crops`` is not one of these.

    Notes
    -----
    The centre starts at half the difference in size, rounded down: at 14 for 256 to 227.

    Examples
    --------
    >>> import numpy as np
    >>> from skdecaf.images import cut_crops
    >>> cut_crops(np.zeros((72, 72, 3), np.uint8), (64, 64), "ten").shape
    (10, 64, 64, 3)
    """
    if _one_of("crops", crops, ("center", "ten")) == "center":
        return _center(pixels, size)[np.newaxis]
    (height, width), (bottom, right) = size, np.subtract(pixels.shape[:2], size)
    corners = [(0, 0), (0, right), (bottom, 0), (bottom, right)]
    five = [pixels[top : top + height, left : left + width] for top, left in corners]
    five = np.stack([*five, _center(pixels, size)])
    return np.concatenate([five, five[:, :, ::-1]])


def _resize(pixels, size, resample, box):
    """Resize uint8 pixels, with or without channels, or one channel of float32."""
    height, width = pixels.shape[:2]
    left, top, right, bottom = box or (0, 0, width, height)
    bands = row_bands(height, width)
    if len(bands) == 1 and pixels.dtype == np.uint8:
        return np.asarray(Image.fromarray(pixels).resize(size[::-1], resample, box))

    # Pillow resizes rows first, too. It clips uint8, so that the bicubic filter gives no value beyond black and white.
    is_clipped = pixels.dtype != np.uint8 and pixels.min() >= 0 and pixels.max() <= 255

    def resize(part, new_size, part_box):
        resized = np.asarray(Image.fromarray(part).resize(new_size[::-1], resample, part_box))
        return resized.clip(0, 255) if is_clipped else resized

    def resize_rows(part):
        rows = [part[band] for band in row_bands(*part.shape[:2])]
        return np.concatenate([resize(one, (len(one), size[1]), (left, 0, right, len(one))) for one in rows])

    def resize_columns(part):
        return resize(part, (size[0], part.shape[1]), (0, top, part.shape[1], bottom))

    if len(bands) > 1 and width < size[1]:  # a long image, whose longer rows would take much memory
        return resize_rows(resize_columns(pixels))
    return resize_columns(resize_rows(pixels))


def _covering(pixels, size, resample, box):
    """Scale the image until it just covers ``size``, and cut the centre."""
    pixels, box = _without_far_ends(pixels, size, box)
    sides = (box[3] - box[1], box[2] - box[0]) if box else pixels.shape[:2]
    ratio = max(target / side for target, side in zip(size, sides, strict=True))
    scaled = tuple(int(side * ratio + 0.5) for side in sides)
    return _center(resize_image(pixels, scaled, resample, box), size)


def _without_far_ends(pixels, size, box):
    """Shorten an extremely long image equally at both ends."""
    height, width = pixels.shape[:2]
    longest = (-(-_MAX_LENGTH * width * size[0] // size[1]), -(-_MAX_LENGTH * height * size[1] // size[0]))
    top, left = (max(0, side - most) // 2 for side, most in zip((height, width), longest, strict=True))
    box = box and (box[0], box[1], box[2] - 2 * left, box[3] - 2 * top)
    return pixels[top : height - top, left : width - left], box


def _center(pixels, size):
    top, left = ((side - target) // 2 for side, target in zip(pixels.shape[:2], size, strict=True))
    return pixels[top : top + size[0], left : left + size[1]]


def _one_of(name, value, allowed):
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, not {value!r}")
    return value
