"""Round a trained network to 8-bit integers, with features at a scale that suits linear models.

    python training/export_network.py RUN.safetensors DATA/photos decaf-mini.safetensors

A network of convolutions, ReLU and max-pooling keeps its scores if a layer is multiplied by a factor and the next one
divided by it. The factors of conv5, fc6 and fc7 are chosen so that pool5, fc6 and fc7 have a root mean square norm of
`FEATURE_NORM` over photos: linear models with C = 1 are then near their best.
"""

# SPDX-License-Identifier: BSD-3-Clause
import argparse
import math
from pathlib import Path

import numpy as np
from photo_sources import PhotoSource

from skdecaf import DeCAFTransformer
from skdecaf.weights import Network

FEATURE_NORM = math.sqrt(3)  # the best of 1, sqrt(3) and sqrt(10) on photos of sports, sea animals and groceries
_SCALED = {"conv5": "pool5", "fc6": "fc6", "fc7": "fc7", "fc8": None}  # a layer, and the features that it scales
_N_PHOTOS = 1000


def scale_features(network, photos):
    """Scale pool5, fc6 and fc7, and keep the scores.

    Parameters
    ----------
    network : Network
    photos : ndarray of shape (n, height, width, 3), uint8

    Returns
    -------
    Network
    """
    arrays, before = {name: np.array(network.arrays[name]) for name in network.arrays}, 1.0
    for layer, blob in _SCALED.items():
        factor = 1.0 if blob is None else FEATURE_NORM / _norm(network, blob, photos)
        arrays[f"{layer}.weight"] *= factor / before
        arrays[f"{layer}.bias"] *= factor
        before = factor
    return network.replace(arrays=arrays, name="decaf-mini")


def _norm(network, blob, photos):
    features = DeCAFTransformer(weights=network, layer=blob, dropout=False).fit_transform(list(photos))
    return math.sqrt((features.astype(np.float64) ** 2).sum(axis=1).mean())


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("file", type=Path)
    options = parser.parse_args(arguments)
    source = PhotoSource(options.photos)
    photos = source.pixels[source.rows[:: max(1, len(source.rows) // _N_PHOTOS)]]
    scale_features(Network.load(options.network), photos).save(options.file, dtype="int8")


if __name__ == "__main__":
    main()
