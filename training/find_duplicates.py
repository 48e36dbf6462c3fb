"""Leave out prepared photos that are near-duplicates of photos to evaluate on.

    python training/find_duplicates.py DATA/photos CALTECH101 OFFICE …

Two photos are near-duplicates if their grey thumbnails of 16 × 16 pixels have a correlation above 0.985. The numbers of
the rows are written to ``left_out.npy``, beside the photos, which training does not use.
"""

# SPDX-License-Identifier: BSD-3-Clause
import argparse
from pathlib import Path

import numpy as np
from photo_sources import PhotoSource
from prepare_photos import decode_photo, resized
from tqdm import tqdm

SIDE, CORRELATION = 16, 0.985
_CHUNK, _DECODED_SIDE = 1000, 144
_EXTENSIONS = {".jpg", ".jpeg", ".png"}


def thumbnails(photos):
    """Grey thumbnails as rows of zero mean and unit length.

    Parameters
    ----------
    photos : ndarray of shape (n, side, side, 3), uint8
        The side is a multiple of 16.

    Returns
    -------
    ndarray of shape (n, 256), float32
    """
    n, side = photos.shape[:2]
    grey = photos.astype(np.float32).mean(axis=3)
    rows = grey.reshape(n, SIDE, side // SIDE, SIDE, side // SIDE).mean(axis=(2, 4)).reshape(n, -1)
    rows -= rows.mean(axis=1, keepdims=True)
    return rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-6)


def find_duplicates(photos, evaluation):
    """Find the rows of ``photos`` whose thumbnails are near to one of ``evaluation``."""
    found = []
    for start in range(0, len(photos), _CHUNK):
        correlation = thumbnails(photos[start : start + _CHUNK]) @ evaluation.T
        found.extend(start + np.flatnonzero(correlation.max(axis=1) > CORRELATION))
    return np.array(found, int)


def evaluation_thumbnails(folders):
    """Thumbnails of all photos below folders."""
    paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix.lower() in _EXTENSIONS]
    rows = []
    for path in tqdm(paths, unit="photos"):
        image = decode_photo(path.read_bytes(), _DECODED_SIDE)
        rows.append(thumbnails(resized(image, _DECODED_SIDE)[None])[0])
    return np.stack(rows)


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("evaluation", type=Path, nargs="+")
    options = parser.parse_args(arguments)
    found = find_duplicates(PhotoSource(options.photos).pixels, evaluation_thumbnails(options.evaluation))
    np.save(options.photos / "left_out.npy", found)
    print(f"{len(found)} photos are left out")


if __name__ == "__main__":
    main()
