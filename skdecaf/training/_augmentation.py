"""Random changes of photos while a network is trained: crops, mirrors, colours."""

# SPDX-License-Identifier: BSD-3-Clause
import math

from skdecaf._utils.extras import require

torch = require("train", "training a network")

# Aspect ratios and factors of brightness, contrast and saturation are drawn between these.
_ASPECT = 3 / 4, 4 / 3
_COLOR = 0.7, 1.3


def random_crops(photos, size, smallest_area):
    """Cut a random window out of each photo, and resize it.

    Parameters
    ----------
    photos : tensor of shape (n, 3, height, width), float32
    size : tuple (height, width)
    smallest_area : float
        Least share of a photo's area that its window covers.

    Returns
    -------
    tensor of shape (n, 3, *size), float32
    """
    n = len(photos)
    area = _uniform(photos, smallest_area, 1)
    aspect = torch.exp(_uniform(photos, *map(math.log, _ASPECT)))
    width, height = (area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1)
    windows = torch.zeros(n, 2, 3, device=photos.device)
    windows[:, 0, 0], windows[:, 1, 1] = width, height
    windows[:, 0, 2], windows[:, 1, 2] = (1 - width) * _uniform(photos, -1, 1), (1 - height) * _uniform(photos, -1, 1)
    grid = torch.nn.functional.affine_grid(windows, (n, 3, *size), align_corners=False)
    return torch.nn.functional.grid_sample(photos, grid, padding_mode="reflection", align_corners=False)


def mirror_half(photos):
    """Mirror about half of the photos left to right.

    Parameters
    ----------
    photos : tensor of shape (n, 3, height, width)

    Returns
    -------
    tensor of shape (n, 3, height, width)
    """
    chosen = torch.rand(len(photos), 1, 1, 1, device=photos.device) < 0.5
    return torch.where(chosen, photos.flip(3), photos)


def random_colors(photos):
    """Change brightness, contrast and saturation of each photo.

    Parameters
    ----------
    photos : tensor of shape (n, 3, height, width), float32
        Values from 0 to 255.

    Returns
    -------
    tensor of shape (n, 3, height, width), float32
        Values from 0 to 255.
    """
    brightness, contrast, saturation = (_uniform(photos, *_COLOR).reshape(-1, 1, 1, 1) for _ in range(3))
    grey, mean = photos.mean(1, keepdim=True), photos.mean((1, 2, 3), keepdim=True)
    photos = grey + (photos - grey) * saturation
    return ((mean + (photos - mean) * contrast) * brightness).clamp(0, 255)


def center_crops(photos, size):
    """Cut out the centre of each photo.

    Parameters
    ----------
    photos : tensor of shape (n, 3, height, width)
    size : tuple (height, width)

    Returns
    -------
    tensor of shape (n, 3, *size)
    """
    top, left = ((side - target) // 2 for side, target in zip(photos.shape[2:], size, strict=True))
    return photos[:, :, top : top + size[0], left : left + size[1]]


def _uniform(photos, low, high):
    """One number for each photo."""
    return torch.empty(len(photos), device=photos.device).uniform_(low, high)
