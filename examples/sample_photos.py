"""Photos for the examples: your class folders, or small pieces of the two sample photos of scikit-learn."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import sys

import numpy as np
from sklearn.datasets import load_sample_images

from skdecaf.datasets import load_image_folder

# Class -> which of the two photos, and where in it: top, left, bottom, right, in pixels.
REGIONS = {
    "bush": (0, 352, 0, 427, 192),
    "lake": (0, 224, 352, 296, 544),
    "leaf": (1, 64, 0, 320, 160),
    "petal": (1, 96, 208, 352, 432),
    "sky": (0, 0, 352, 144, 640),
    "temple": (0, 96, 128, 352, 320),
    "tree": (0, 330, 352, 427, 608),
}
SIDE = 24  # pixels of a piece
N_PIECES = 24  # of each class


def load_photos():
    """Return photos (paths or arrays) and the class of each (str)."""
    folder = named_folder()
    if folder is None:
        return _pieces()
    found = load_image_folder(folder)
    return list(found.filenames), np.array(found.target_names)[found.target]


def load_whole_photos():
    """Return photos that are not cut into pieces."""
    return load_sample_images().images if named_folder() is None else load_photos()[0]


def named_folder():
    """Return the folder given on the command line or by ``SKDECAF_PHOTOS``, or None."""
    return sys.argv[1] if len(sys.argv) > 1 else os.environ.get("SKDECAF_PHOTOS") or None


def _pieces():
    """Return pieces that do not overlap, so that training and test share no pixel; as many of each class."""
    images, photos = load_sample_images().images, []
    for i, top, left, bottom, right in REGIONS.values():
        corners = [(y, x) for y in range(top, bottom - SIDE + 1, SIDE) for x in range(left, right - SIDE + 1, SIDE)]
        for place in np.linspace(0, len(corners) - 1, N_PIECES).astype(int):
            y, x = corners[place]
            photos.append(images[i][y : y + SIDE, x : x + SIDE])
    return photos, np.repeat(list(REGIONS), N_PIECES)
