"""Photos to measure with, of any size, made of the two that come with scikit-learn."""

# SPDX-License-Identifier: BSD-3-Clause
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

from skdecaf._inputs.sources import check_images
from skdecaf.cli._photos import PhotoFiles

_N_PHOTOS = 4
_QUALITY = 90
_NOISE = 4.0  # standard deviation; enlarged photos are too smooth otherwise, and decode too fast


def check_photos(files):
    """Refuse files that are no photos, as far as that shows without decoding them.

    Parameters
    ----------
    files : sequence of str, or None

    Raises
    ------
    ImageError
        Names the first that is none.
    """
    check_images(PhotoFiles(files or ()), "raise")


def write_photos(folder, size):
    """Write a few JPEG files with the grain that cameras leave.

    Parameters
    ----------
    folder : str or PathLike
    size : tuple (height, width)

    Returns
    -------
    list of str
        Their paths.
    """
    generator, paths = np.random.default_rng(0), []
    for i in range(_N_PHOTOS):
        photo = Image.fromarray(load_sample_images().images[i % 2]).resize(size[::-1], Image.Resampling.BICUBIC)
        photo = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if i // 2 else photo
        noise = generator.standard_normal((*size, 1), np.float32) * np.float32(_NOISE)
        grainy = np.clip(np.asarray(photo) + noise, 0, 255).astype(np.uint8)
        paths.append(str(Path(folder) / f"{size[1]}x{size[0]}-{i}.jpg"))
        Image.fromarray(grainy).save(paths[-1], quality=_QUALITY)
    return paths
