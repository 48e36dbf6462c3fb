"""Convert a network for 64 × 64 pixels, with a first layer of 7 × 7 and stride 2, to one for 128 × 128 pixels.

    python training/double_resolution.py DATA/photos START

The new first layer has filters of 11 × 11 with stride 4, the paper's, so that all maps keep their sizes. On a photo
that is halved by the means of 2 × 2 pixels, a filter of 7 × 7 equals one of 14 × 14 on the photo itself. The new
filters are those of 11 × 11 whose outputs on photos are nearest to it in the least squares sense.
"""

# SPDX-License-Identifier: BSD-3-Clause
import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from photo_sources import PhotoSource
from torch.nn import functional

from skdecaf.training._augmentation import center_crops
from skdecaf.weights import resolve_network

KERNEL, STRIDE, PAD = 11, 4, 2
_RIDGE = 2e-4  # of the mean variance of a pixel: keeps differences that photos hardly have from growing
_N_PHOTOS, _MARGIN = 500, 2


def double_resolution(network, photos):
    """Convert a network.

    Parameters
    ----------
    network : Network
        Its first layer is a convolution of 7 × 7 with stride 2 and padding 2.
    photos : ndarray of shape (n, height, width, 3), uint8
        Of twice the network's resize size.

    Returns
    -------
    Network
    """
    preprocessing = network.preprocessing
    resize, crop = (tuple(2 * side for side in sides) for sides in (preprocessing.resize, preprocessing.crop))
    pixels = center_crops(torch.from_numpy(photos).permute(0, 3, 1, 2).double(), crop)
    mean, scale = (torch.tensor(values).reshape(3, 1, 1) for values in (preprocessing.mean, preprocessing.scale))
    arrays = {name: np.array(network.arrays[name]) for name in network.arrays}
    weight, bias = arrays["conv1.weight"], arrays["conv1.bias"]
    weight, bias = fit_filters((pixels - mean) / scale, torch.from_numpy(weight).double(), torch.from_numpy(bias))
    arrays |= {"conv1.weight": weight.float().numpy(), "conv1.bias": bias.float().numpy()}
    layers = [replace(network.layers[0], kernel=KERNEL, stride=STRIDE, pad=PAD), *network.layers[1:]]
    preprocessing = replace(preprocessing, resize=resize, crop=crop)
    return network.replace(layers=layers, arrays=arrays, preprocessing=preprocessing)


def fit_filters(pixels, weight, bias):
    """Find the filters, and say how much of the outputs' variance they explain."""
    halved = functional.avg_pool2d(pixels, 2)
    wanted = _inner(functional.conv2d(halved, weight, stride=2, padding=2)).permute(0, 2, 3, 1).flatten(0, 2)
    windows = functional.unfold(pixels, KERNEL, padding=PAD, stride=STRIDE)
    side = int(windows.shape[2] ** 0.5)
    windows = _inner(windows.unflatten(2, (side, side))).permute(0, 2, 3, 1).flatten(0, 2)
    mean_window, mean_wanted = windows.mean(0), wanted.mean(0)
    centred = windows - mean_window
    covariance = centred.T @ centred / len(centred)
    covariance += _RIDGE * covariance.diagonal().mean() * torch.eye(len(covariance))
    filters = torch.linalg.solve(covariance, centred.T @ (wanted - mean_wanted) / len(centred))
    missed = (centred @ filters - (wanted - mean_wanted)).pow(2).sum() / (wanted - mean_wanted).pow(2).sum()
    print(f"explained variance of the first layer's outputs: {100 * (1 - missed):.1f} %")
    return filters.T.reshape(len(weight), 3, KERNEL, KERNEL), bias + mean_wanted - mean_window @ filters


def _inner(maps):
    """Leave out the margin, which sees padding."""
    return maps[:, :, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN]


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("start", type=Path)
    parser.add_argument("--weights", default="mini", help="the network to convert (default: mini)")
    options = parser.parse_args(arguments)
    source = PhotoSource(options.photos)
    photos = source.pixels[source.rows[:: max(1, len(source.rows) // _N_PHOTOS)]][:_N_PHOTOS]
    double_resolution(resolve_network(options.weights), photos).save(options.start)


if __name__ == "__main__":
    main()
