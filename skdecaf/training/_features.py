"""Blobs of photos that are in memory."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf._utils.extras import require
from skdecaf._utils.progress import progress_bar
from skdecaf.training._augmentation import center_crops
from skdecaf.training._optimization import limited_threads
from skdecaf.training._torch_modules import to_torch

torch = require("train", "training a network")


def blob_of_photos(network, blob, photos, batch_size, n_threads, verbose):
    """Compute a blob for the centres of photos.

    Parameters
    ----------
    network : Network
    blob : str
    photos : ndarray of shape (n, height, width, 3), uint8
        Of the network's resize size.
    batch_size, n_threads : int
    verbose : bool
        Whether to show a progress bar.

    Returns
    -------
    ndarray of shape (n, n_features), float32
    """
    module, size = to_torch(network, until=blob), network.preprocessing.crop
    features = []
    with (
        limited_threads(n_threads), torch.inference_mode(), progress_bar(len(photos), verbose, name="features") as bar
    ):  # fmt: skip
        for batch in torch.from_numpy(photos).split(batch_size):
            pixels = center_crops(batch.permute(0, 3, 1, 2), size).float()
            features.append(module(pixels).flatten(1))
            bar.update(len(batch))
        return torch.cat(features).numpy()
