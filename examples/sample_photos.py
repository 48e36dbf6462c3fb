"""Photos for the examples: class folders that you name, or else pieces of scikit-learn's two sample photos."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import sys
from pathlib import Path

from sklearn.datasets import load_sample_images

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
TILE = 64  # pixels


def load_photos():
    """Photos and the class of each: a list of paths or arrays, and a list of str."""
    folder = _named_folder()
    if folder is None:
        return _tiles()
    paths = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in SUFFIXES)
    return paths, [path.parent.name for path in paths]


def load_whole_photos():
    """Photos as they are, not cut into pieces."""
    return load_sample_images().images if _named_folder() is None else load_photos()[0]


def _named_folder():
    name = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("SKDECAF_PHOTOS")
    return Path(name) if name else None


def _tiles():
    """Sixty tiles of each photo that do not overlap, so that none is in training and test at once."""
    photos, labels = [], []
    samples = load_sample_images()
    for photo, name in zip(samples.images, samples.filenames, strict=True):
        height, width, _ = photo.shape
        for top in range(0, height - TILE + 1, TILE):
            for left in range(0, width - TILE + 1, TILE):
                photos.append(photo[top : top + TILE, left : left + TILE])
                labels.append(Path(name).stem)
    return photos, labels
