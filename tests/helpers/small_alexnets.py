"""The architectures of the AlexNet family with few filters, and random weights and biases."""

from dataclasses import replace

import numpy as np

from skdecaf.weights import ARCHITECTURES, Architecture, Convolution, FullyConnected, Network

_SIZES = {"conv1": 4, "conv2": 8, "conv3": 6, "conv4": 8, "conv5": 4, "fc6": 16, "fc7": 12}

_TORCHVISION_KEYS = ["features.0", "features.3", "features.6", "features.8", "features.10"]
_TORCHVISION_KEYS += ["classifier.1", "classifier.4", "classifier.6"]


def small_network(name, n_classes=7, random_state=0):
    layers = []
    for layer in ARCHITECTURES[name].layers:
        if isinstance(layer, Convolution):
            layer = replace(layer, out_channels=_SIZES[layer.name])
        elif isinstance(layer, FullyConnected):
            layer = replace(layer, out_features=_SIZES.get(layer.name, n_classes))
        layers.append(layer)
    preprocessing = ARCHITECTURES[name].preprocessing
    drawn = Network.random(Architecture(tuple(layers), preprocessing), random_state)
    generator = np.random.default_rng(random_state)
    arrays = {
        key: generator.normal(0, 0.1, array.shape).astype(np.float32) if key.endswith(".bias") else array
        for key, array in drawn.arrays.items()
    }
    return Network(layers, arrays, preprocessing)


def torchvision_arrays(network):
    """The arrays by torchvision's keys."""
    layers = dict.fromkeys(name.split(".")[0] for name in network.arrays)
    names = dict(zip(layers, _TORCHVISION_KEYS, strict=True))
    return {
        f"{names[layer]}.{part}": network.arrays[f"{layer}.{part}"] for layer in layers for part in ("weight", "bias")
    }


def photos(network, n=2, seed=0):
    """Photos of the size that the network reads."""
    return np.random.default_rng(seed).integers(0, 256, (n, *network.preprocessing.crop, 3), dtype=np.uint8)


def first_input(network, batch):
    """What the first layer reads, float32 of shape (n, 3, height, width), as any other engine would be given it."""
    preprocessing = network.preprocessing
    pixels = (batch - np.array(preprocessing.mean)) / np.array(preprocessing.scale)
    if preprocessing.channel_order == "BGR":
        pixels = pixels[..., ::-1]
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), dtype=np.float32)


def torch_model(torch, n_classes=7, seed=0):
    """torchvision's AlexNet, as torch's own modules make it, with few filters."""
    nn, (c1, c2, c3, c4, c5, n6, n7) = torch.nn, _SIZES.values()
    torch.manual_seed(seed)

    def pool():
        return nn.MaxPool2d(kernel_size=3, stride=2)

    class AlexNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(
                nn.Conv2d(3, c1, 11, stride=4, padding=2), nn.ReLU(), pool(),
                nn.Conv2d(c1, c2, 5, padding=2), nn.ReLU(), pool(),
                nn.Conv2d(c2, c3, 3, padding=1), nn.ReLU(),
                nn.Conv2d(c3, c4, 3, padding=1), nn.ReLU(),
                nn.Conv2d(c4, c5, 3, padding=1), nn.ReLU(), pool(),
            )  # fmt: skip
            self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
            self.classifier = nn.Sequential(
                nn.Dropout(), nn.Linear(36 * c5, n6), nn.ReLU(),
                nn.Dropout(), nn.Linear(n6, n7), nn.ReLU(), nn.Linear(n7, n_classes),
            )  # fmt: skip

        def forward(self, x):
            return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))

    return AlexNet().eval()
