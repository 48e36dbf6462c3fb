"""Photos decoded once and kept in memory at the size to which a network resizes them."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

from skdecaf._inputs.extraction import FAST_DECODE_FACTOR
from skdecaf._inputs.sources import load_image
from skdecaf._utils.warnings import warn_user
from skdecaf.images import ImageError, fit_image, map_chunks

_CHUNK = 16


def load_photos(checked, preprocessing, value_range, *, resize, fast_decode, on_error, n_threads):
    """Decode and resize photos.

    Parameters
    ----------
    checked : CheckedImages
        Bad images are left out, and so are those that turn out to be bad.
    preprocessing : Preprocessing
    value_range : tuple (low, high) or None
    resize : {"warp", "crop"} or None
    fast_decode : bool
    on_error : {"raise", "nan"}
    n_threads : int

    Returns
    -------
    photos : ndarray of shape (n_good, height, width, 3), uint8
        Of the network's resize size, which takes height x width x 3 bytes per photo.
    rows : ndarray of int
        Rows of the good images.
    """
    images = checked.images
    photos = np.empty((len(images), *preprocessing.resize, 3), np.uint8)
    least_side = FAST_DECODE_FACTOR * max(preprocessing.resize) if fast_decode else None

    def work(start, stop, cancelled):
        bad = []
        for i in range(start, stop):
            if cancelled.is_set() or i in checked.errors:
                continue
            try:
                loaded = load_image(images, i, value_range, least_side)
            except ImageError:
                if on_error == "raise":
                    raise
                bad.append(i)
                continue
            policy = resize or preprocessing.policy
            pixels = fit_image(loaded.pixels, preprocessing.resize, policy, preprocessing.resample, loaded.box)
            photos[i] = np.rint(pixels).clip(0, 255)
        return bad

    bad = set(checked.errors)
    for found in map_chunks(work, len(images), _CHUNK, n_threads):
        bad.update(found)
    if bad:
        names = ", ".join(images.name(i) for i in sorted(bad)[:3])
        more = ", …" if len(bad) > 3 else ""
        warn_user(f"{len(bad)} of {len(images)} images cannot be read and are left out: {names}{more}")
    rows = np.array([i for i in range(len(images)) if i not in bad], int)
    return photos[rows] if bad else photos, rows
