"""The layers of a network as torch modules."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

from skdecaf._utils.extras import require
from skdecaf.images import cut_crops
from skdecaf.weights import Convolution, Dropout, FullyConnected, MaxPool, ReLU, ResponseNorm

torch = require("train", "training a network")
nn, skip_init = torch.nn, torch.nn.utils.skip_init  # which draws no random numbers


class NetworkModule(nn.Sequential):
    """The layers of a network as torch modules of the same names.

    Parameters
    ----------
    network : Network
    modules : OrderedDict of str to torch.nn.Module
    """

    def __init__(self, network, modules):
        super().__init__(modules)
        self.network = network


class Normalization(nn.Module):
    """Pixels from 0 to 255 in the order red, green, blue to what the first layer reads."""

    def __init__(self, network):
        super().__init__()
        preprocessing = network.preprocessing
        if network.mean_image is None:
            mean = np.reshape(preprocessing.mean, (3, 1, 1))
        else:
            mean = cut_crops(network.mean_image, preprocessing.crop, "center")[0].transpose(2, 0, 1)
        self.register_buffer("mean", torch.tensor(np.array(mean, np.float32)), persistent=False)
        self.register_buffer("scale", torch.tensor(preprocessing.scale).reshape(3, 1, 1), persistent=False)
        self.flip_rows, self.flip_channels = preprocessing.flip, preprocessing.channel_order == "BGR"

    def forward(self, pixels):
        """Normalise a batch of shape (n, 3, height, width)."""
        pixels = pixels.flip(2) if self.flip_rows else pixels
        pixels = (pixels - self.mean) / self.scale
        return pixels.flip(1) if self.flip_channels else pixels


class LocalResponseNorm(nn.Module):
    """Response normalisation as a sum of shifted squares, which is faster than torch's own module."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, maps):
        """Normalise maps of shape (n, channels, height, width) across channels."""
        layer, n_channels, reach = self.layer, maps.shape[1], self.layer.size // 2
        squares = nn.functional.pad(maps * maps, (0, 0, 0, 0, reach, reach))
        total = sum(squares[:, i : i + n_channels] for i in range(layer.size))
        return maps * (layer.k + layer.alpha / layer.size * total).pow(-layer.beta)


def module_of_layer(layer, shape, arrays):
    """The module of a layer that reads ``shape``, with the network's weights."""
    if isinstance(layer, Convolution):
        sizes = shape[0], layer.out_channels, layer.kernel, layer.stride, layer.pad
        return _with_weights(skip_init(nn.Conv2d, *sizes, groups=layer.groups), layer, arrays)
    if isinstance(layer, FullyConnected):
        return _with_weights(skip_init(nn.Linear, int(np.prod(shape)), layer.out_features), layer, arrays)
    if isinstance(layer, MaxPool):
        return nn.MaxPool2d(layer.kernel, layer.stride, layer.pad, ceil_mode=layer.rounding == "ceil")
    if isinstance(layer, ResponseNorm):
        return LocalResponseNorm(layer)
    if isinstance(layer, Dropout):
        return nn.Dropout(layer.rate)
    return nn.ReLU() if isinstance(layer, ReLU) else nn.Softmax(dim=1)


def _with_weights(module, layer, arrays):
    with torch.no_grad():
        for name in ("weight", "bias"):
            getattr(module, name).copy_(torch.tensor(np.array(arrays[f"{layer.name}.{name}"])))
    return module


def fold_batch_norm(module, batch_norm):
    """Weight and bias of a convolution or fully connected layer with the batch normalisation that follows it."""
    weight, bias = module.weight, module.bias
    if batch_norm is None:
        return weight, bias
    scale = batch_norm.weight / torch.sqrt(batch_norm.running_var + batch_norm.eps)
    folded_bias = (bias - batch_norm.running_mean) * scale + batch_norm.bias
    return weight * scale.reshape(-1, *[1] * (weight.ndim - 1)), folded_bias


def to_numpy(tensor):
    """The values of a tensor on any device."""
    return tensor.detach().cpu().contiguous().numpy()
