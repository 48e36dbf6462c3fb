"""From RGB pixels to the input that a network's preprocessing describes."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf.images.geometry import cut_windows, fit_image

# A large JPEG may be reduced while it is decoded, to no less than so many times the size that it is resized to. With
# twice, features of some photos fall below a cosine of 0.999 to those of the full size; with three times, none did.
_FAST_DECODE_FACTOR = 3


def least_side(preprocessing, fast_decode):
    """The side to which `decode_reduced` may reduce a photo; None unless ``fast_decode``."""
    return _FAST_DECODE_FACTOR * max(preprocessing.resize) if fast_decode else None


def resize_photo(pixels, preprocessing, resize=None, box=None):
    """Resize a photo to the size from which crops are cut.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, 3)
    preprocessing : Preprocessing
    resize : {"warp", "crop"}, optional
        Replaces the policy of the preprocessing.
    box : tuple of four floats, optional
        As for `fit_image`.

    Returns
    -------
    ndarray of shape (*preprocessing.resize, 3)
    """
    return fit_image(pixels, preprocessing.resize, resize or preprocessing.policy, preprocessing.resample, box)


def prepare_image(pixels, preprocessing, *, resize=None, crops="center", box=None, mean_image=None):
    """Resize a photo, subtract a mean image and cut out the crops that a network reads.

    Parameters
    ----------
    pixels, preprocessing, resize, box
        As for `resize_photo`.
    crops : {"center", "ten"}
    mean_image : ndarray of shape (*preprocessing.resize, 3), optional

    Returns
    -------
    ndarray of shape (n_crops, *preprocessing.crop, 3)
        With reversed rows if ``preprocessing.flip``.
    """
    pixels = resize_photo(pixels, preprocessing, resize, box)
    if preprocessing.flip:
        pixels = pixels[::-1]
    if mean_image is not None:
        pixels = pixels - mean_image
    return cut_windows(pixels, preprocessing.crop, crops)


def central_crop(pixels, preprocessing, resize=None):
    """The central crop that a network reads, upright."""
    crop = prepare_image(pixels, preprocessing, resize=resize)[0]
    return crop[::-1] if preprocessing.flip else crop
