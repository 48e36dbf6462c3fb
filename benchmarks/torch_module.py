"""A network as a torch module, for comparison; torch is imported where it is needed."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

from skdecaf.images import cut_windows
from skdecaf.weights.layers import Convolution, Dropout, FullyConnected, MaxPool, ReLU, ResponseNorm, output_shape


def build_module(network, blob):
    """Make a `torch.nn.Sequential` from pixels (n, 3, height, width) to a blob, flattened.

    Parameters
    ----------
    network : Network
    blob : str

    Returns
    -------
    torch.nn.Module
        In evaluation mode, channels last.
    """
    from torch import channels_last, nn

    modules, shape = [_preprocessing(network)], network.input_shape
    reverse_channels, reached = network.preprocessing.channel_order == "BGR", False
    for layer in network.layers:
        if reached and (blob.endswith("_pre") or not isinstance(layer, ReLU)):
            break
        below, shape = shape, output_shape(layer, shape)
        if isinstance(layer, FullyConnected) and len(below) == 3:
            modules.append(nn.Flatten())
        if not isinstance(layer, Dropout):
            modules.append(_module(layer, below, network.arrays, reverse_channels))
        reverse_channels = reverse_channels and not isinstance(layer, Convolution)
        reached = reached or layer.name == blob.removesuffix("_pre")
    return nn.Sequential(*modules, nn.Flatten()).eval().to(memory_format=channels_last)


def _preprocessing(network):
    """What stands before the first layer, but for the order of channels, which its filters take."""
    import torch

    preprocessing, mean_image = network.preprocessing, network.mean_image
    if mean_image is None:
        mean = np.reshape(preprocessing.mean, (3, 1, 1))
    else:
        mean = cut_windows(mean_image, preprocessing.crop, "center")[0].transpose(2, 0, 1)

    class Preprocessing(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", torch.tensor(np.array(mean, np.float32)))
            self.register_buffer("scale", torch.tensor(preprocessing.scale).reshape(3, 1, 1))

        def forward(self, pixels):
            pixels = pixels.flip(2) if preprocessing.flip else pixels
            return (pixels - self.mean) / self.scale

    return Preprocessing()


def _module(layer, shape, arrays, reverse_channels):
    import torch
    from torch import nn

    if isinstance(layer, Convolution):
        module = nn.Conv2d(
            shape[0], layer.out_channels, layer.kernel, layer.stride, layer.pad, groups=layer.groups
        )  # fmt: skip
    elif isinstance(layer, FullyConnected):
        module = nn.Linear(int(np.prod(shape)), layer.out_features)
    elif isinstance(layer, MaxPool):
        return nn.MaxPool2d(layer.kernel, layer.stride, layer.pad, ceil_mode=layer.rounding == "ceil")
    elif isinstance(layer, ResponseNorm):
        return _response_norm(layer)
    else:
        return nn.ReLU() if isinstance(layer, ReLU) else nn.Softmax(dim=1)
    weight = arrays[f"{layer.name}.weight"]
    weight = weight[:, ::-1] if reverse_channels else weight
    with torch.no_grad():
        module.weight.copy_(torch.tensor(np.array(weight)))
        module.bias.copy_(torch.tensor(np.array(arrays[f"{layer.name}.bias"])))
    return module


def _response_norm(layer):
    """As a sum of shifted squares, which is faster than torch's own module, compiled or not."""
    import torch

    class ResponseNormModule(torch.nn.Module):
        def forward(self, maps):
            n_channels, reach = maps.shape[1], layer.size // 2
            squares = torch.nn.functional.pad(maps * maps, (0, 0, 0, 0, reach, reach))
            total = sum(squares[:, i : i + n_channels] for i in range(layer.size))
            return maps * (layer.k + layer.alpha / layer.size * total).pow(-layer.beta)

    return ResponseNormModule()
