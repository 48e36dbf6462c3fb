"""The arrays that `prepare_photos.py` wrote, as random batches."""

# SPDX-License-Identifier: BSD-3-Clause
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from skdecaf.training._augmentation import mirror_half, random_colors, random_crops


class PhotoSource:
    """Prepared photos of one kind.

    Parameters
    ----------
    folder : Path
        From `prepare_photos.py`. Rows that ``left_out.npy`` names, if there is such a file, are not used.
    """

    def __init__(self, folder):
        folder = Path(folder)
        n_photos = json.loads((folder / "state.json").read_text())["n_photos"]
        self.pixels = np.load(folder / "pixels.npy", mmap_mode="r")[:n_photos]
        self.labels = np.load(folder / "labels.npy")[:n_photos].astype(np.int64)
        self.has_teacher = (folder / "scores.npy").exists()
        if self.has_teacher:
            self.scores = np.load(folder / "scores.npy", mmap_mode="r")[:n_photos]
            self.features = np.load(folder / "features.npy", mmap_mode="r")[:n_photos]
        self.rows = np.arange(n_photos)
        if (folder / "left_out.npy").exists():
            self.rows = np.setdiff1d(self.rows, np.load(folder / "left_out.npy"))


@dataclass(frozen=True)
class Share:
    """The part of each batch that comes from a source.

    Parameters
    ----------
    source : PhotoSource
    n_photos : int
    smallest_area : float
        Least share of a photo that a random window covers.
    teacher_weight : float
        Of the teacher's scores in the loss of photos that have a label too; the label has the rest.
    """

    source: PhotoSource
    n_photos: int
    smallest_area: float
    teacher_weight: float


@dataclass(frozen=True)
class Batch:
    """Pixels and targets of a batch, as tensors.

    Parameters
    ----------
    pixels : tensor of shape (n, 3, height, width)
    labels : tensor of shape (n,)
        Number of the class, or -1.
    scores, features : tensor of shape (n, n_outputs)
        Of the teacher; zero where it was not asked.
    label_weights, teacher_weights : tensor of shape (n,)
        Of the two losses of the scores.
    has_features : tensor of shape (n,), bool
    """

    pixels: torch.Tensor
    labels: torch.Tensor
    scores: torch.Tensor
    features: torch.Tensor
    label_weights: torch.Tensor
    teacher_weights: torch.Tensor
    has_features: torch.Tensor


def draw_batch(shares, size, seed, step):
    """Draw the batch of a step; it depends on ``seed`` and ``step`` alone.

    Also seeds torch, for the random changes of the photos and for dropout.
    """
    generator = np.random.default_rng([seed, step])
    torch.manual_seed(int(generator.integers(2**63)))
    parts = [_draw_share(share, size, generator) for share in shares]
    return Batch(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))


def _draw_share(share, size, generator):
    source, n = share.source, share.n_photos
    rows = np.sort(generator.choice(source.rows, n, replace=n > len(source.rows)))
    photos = torch.from_numpy(source.pixels[rows]).permute(0, 3, 1, 2).float()
    pixels = random_colors(mirror_half(random_crops(photos, size, share.smallest_area)))
    labels = torch.from_numpy(source.labels[rows])
    if source.has_teacher:
        scores, features = (torch.from_numpy(array[rows]).float() for array in (source.scores, source.features))
        teacher_weights = torch.where(labels >= 0, share.teacher_weight, 1.0)
        label_weights = 1 - teacher_weights
    else:
        scores, features = torch.zeros(n, 1000), torch.zeros(n, 1280)
        teacher_weights, label_weights = torch.zeros(n), torch.full((n,), 1 - share.teacher_weight)
    has_features = torch.full((n,), source.has_teacher)
    return pixels, labels, scores, features, label_weights * (labels >= 0), teacher_weights, has_features
