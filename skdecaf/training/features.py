"""The features that a network's last layer reads."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf._utils.extras import require
from skdecaf.training.augmentation import center_crops
from skdecaf.training.optimization import limited_threads
from skdecaf.training.torch_modules import to_torch

torch = require("train", "training a network")


def features_below(network, layer, photos, batch_size, n_threads):
    """Compute what a layer reads, for the centres of photos.

    Parameters
    ----------
    network : Network
    layer : str
    photos : ndarray of shape (n, height, width, 3), uint8
        Of the network's resize size.
    batch_size, n_threads : int

    Returns
    -------
    ndarray of shape (n, n_features), float32
    """
    module = to_torch(network)
    names = [name for name, _ in module.named_children()]
    below = torch.nn.Sequential(*list(module)[: names.index(layer)]).eval()
    size = network.preprocessing.crop
    with limited_threads(n_threads), torch.inference_mode():
        batches = torch.from_numpy(photos).split(batch_size)
        pixels = (center_crops(batch.permute(0, 3, 1, 2), size).float() for batch in batches)
        return torch.cat([below(batch) for batch in pixels]).numpy()
