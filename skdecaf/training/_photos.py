"""Photos decoded once and kept in memory at the size to which a network resizes them."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

from skdecaf._inputs.sources import load_image, warn_unreadable
from skdecaf._utils.progress import progress_bar
from skdecaf._utils.threaded_map import map_chunks
from skdecaf.images import ImageError
from skdecaf.images._pixel_budget import pixel_budget
from skdecaf.images._preparing import min_side, resize_photo

_CHUNK = 16


def load_photos(checked, preprocessing, value_range, *, resize, fast_decode, on_error, n_threads, verbose):
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
    verbose : bool
        Whether to show a progress bar.

    Returns
    -------
    photos : ndarray of shape (n_good, height, width, 3), uint8
        Of the network's resize size, which takes height x width x 3 bytes per photo.
    rows : ndarray of int
        Rows of the good images.
    """
    images = checked.images
    photos = np.empty((len(images), *preprocessing.resize, 3), np.uint8)
    side = min_side(preprocessing, fast_decode)

    def work(start, stop, cancelled):
        bad = {}
        for i in range(start, stop):
            if cancelled.is_set() or i in checked.errors:
                continue
            try:
                with pixel_budget.reservation() as reserve:
                    loaded = load_image(images, i, value_range, side, reserve=reserve)
                    photos[i] = np.rint(resize_photo(loaded.pixels, preprocessing, resize, loaded.box)).clip(0, 255)
            except ImageError as error:
                if on_error == "raise":
                    raise
                bad[i] = error
        return bad

    bad = dict(checked.errors)
    with progress_bar(len(images), verbose, name="reading") as bar:
        for i, found in enumerate(map_chunks(work, len(images), _CHUNK, n_threads)):
            bad.update(found)
            bar.update(min(_CHUNK, len(images) - i * _CHUNK))
    warn_unreadable(images, bad, " and are left out")
    rows = np.array([i for i in range(len(images)) if i not in bad], int)
    return photos[rows] if bad else photos, rows
