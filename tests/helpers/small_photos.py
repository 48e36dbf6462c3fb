"""Small photos of noise for the tests of the transformer, in all sizes, as arrays and as files."""

import numpy as np
from PIL import Image

N_CLASSES = 3


def photo_arrays(n=9):
    """Photos of shape (height, width, 3), uint8; photo i is of class i % 3 and has a tint of its own for each."""
    generator = np.random.default_rng(0)
    photos = []
    for i in range(n):
        height, width = generator.integers(15, 60, 2)
        photo = generator.integers(0, 256, (height, width, 3))
        photo[:, :, i % N_CLASSES] //= 4
        photo[0, 0], photo[0, 1] = 0, 255  # so that the whole range is there
        photos.append(photo.astype(np.uint8))
    return photos


def write_photos(folder, n=9):
    """Write them as PNG, which keeps every value; return the paths."""
    paths = [str(folder / f"{i}.png") for i in range(n)]
    for path, photo in zip(paths, photo_arrays(n), strict=True):
        Image.fromarray(photo).save(path)
    return paths


def truncated_png(path):
    """The head of a PNG: sound at first sight, and broken where its pixels are read."""
    with open(path, "rb") as file:
        return file.read(400)
