"""From RGB pixels to the input that a network's preprocessing describes."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

from skdecaf.images._geometry import cut_crops, fit_image, resize_image

# A large JPEG may be reduced while it is decoded, to no less than so many times the size that it is resized to. With
# twice, features of some photos fall below a cosine of 0.999 to those of the full size; with three times, none did.
FAST_DECODE_FACTOR = 3

_ENLARGEMENT = 10 / 9  # of a photo at the second of two scales


def min_side(preprocessing, fast_decode):
    """The side to which `decode_reduced` may reduce a photo; None unless ``fast_decode``."""
    return FAST_DECODE_FACTOR * max(preprocessing.resize) if fast_decode else None


def resize_photo(pixels, preprocessing, resize=None, box=None, size=None):
    """Resize a photo to the size from which crops are cut.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, 3)
    preprocessing : Preprocessing
    resize : {"warp", "crop"}, optional
        Replaces the policy of the preprocessing.
    box : tuple of four floats, optional
        As for `fit_image`.
    size : tuple (height, width), optional
        Replaces the size of the preprocessing.

    Returns
    -------
    ndarray of shape (*size, 3)
    """
    policy = resize or preprocessing.policy
    return fit_image(pixels, size or preprocessing.resize, policy, preprocessing.resample, box)


def prepare_image(pixels, preprocessing, *, resize=None, crops="center", box=None, mean_image=None):
    """Resize a photo, subtract a mean image and cut out the crops that a network reads.

    Parameters
    ----------
    pixels, preprocessing, resize, box
        As for `resize_photo`.
    crops : {"center", "scales", "ten"}
        As for `cut_crops`, or "scales": the centre, and the centre of the photo enlarged by a ninth.
    mean_image : ndarray of shape (*preprocessing.resize, 3), optional

    Returns
    -------
    ndarray of shape (n_crops, *preprocessing.crop, 3)
        With reversed rows if ``preprocessing.flip``.
    """

    def cut(size, crops):
        resized = resize_photo(pixels, preprocessing, resize, box, size)
        if preprocessing.flip:
            resized = resized[::-1]
        if mean_image is not None:
            resized = resized - resize_image(mean_image, size, "bilinear")
        return cut_crops(resized, preprocessing.crop, crops)

    if crops != "scales":
        return cut(preprocessing.resize, crops)
    enlarged = tuple(int(side * _ENLARGEMENT + 0.5) for side in preprocessing.resize)
    return np.concatenate([cut(size, "center") for size in (preprocessing.resize, enlarged)])


def central_crop(pixels, preprocessing, resize=None):
    """The central crop that a network reads, upright."""
    crop = prepare_image(pixels, preprocessing, resize=resize)[0]
    return crop[::-1] if preprocessing.flip else crop
