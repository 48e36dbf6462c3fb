"""Images to measure with: random pixels, and JPEG files made from the two photos that scikit-learn ships."""

# SPDX-License-Identifier: BSD-3-Clause
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

_N_PHOTOS = 4
_QUALITY = 90
_NOISE = 4.0  # standard deviation; without noise, enlarged photos are too smooth and decode too fast


def random_images(network, n):
    """Make n images of random pixels, of the size that the network reads."""
    return np.random.default_rng(0).integers(0, 256, (n, *network.preprocessing.crop, 3), dtype=np.uint8)


def write_photos(folder, size):
    """Write four JPEG files of a size (height, width), with the grain of a camera, and return their paths."""
    generator, paths = np.random.default_rng(0), []
    for i in range(_N_PHOTOS):
        photo = Image.fromarray(load_sample_images().images[i % 2]).resize(size[::-1], Image.Resampling.BICUBIC)
        photo = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if i // 2 else photo
        noise = generator.standard_normal((*size, 1), np.float32) * np.float32(_NOISE)
        grainy = np.clip(np.asarray(photo) + noise, 0, 255).astype(np.uint8)
        paths.append(str(Path(folder) / f"{size[1]}x{size[0]}-{i}.jpg"))
        Image.fromarray(grainy).save(paths[-1], quality=_QUALITY)
    return paths
