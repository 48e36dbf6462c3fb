"""Blobs of photos that are in memory."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf._utils.extras import require
from skdecaf.training._augmentation import center_crops
from skdecaf.training._optimization import limited_threads
from skdecaf.training._torch_modules import to_torch

torch = require("train", "training a network")


def blob_of_photos(network, blob, photos, batch_size, n_threads):
    """Compute a blob for the centres of photos.

    Parameters
    ----------
    network : Network
    blob : str
    photos : ndarray of shape (n, height, width, 3), uint8
        Of the network's resize size.
    batch_size, n_threads : int

    Returns
    -------
    ndarray of shape (n, n_features), float32
    """
    module, size = to_torch(network, until=blob), network.preprocessing.crop
    with limited_threads(n_threads), torch.inference_mode():
        batches = torch.from_numpy(photos).split(batch_size)
        pixels = (center_crops(batch.permute(0, 3, 1, 2), size).float() for batch in batches)
        return torch.cat([module(batch).flatten(1) for batch in pixels]).numpy()
