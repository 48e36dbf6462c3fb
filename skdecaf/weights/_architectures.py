"""The architectures of the AlexNet family, as data."""

# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import dataclass

from skdecaf.weights._layers import Convolution, Dropout, FullyConnected, MaxPool, ReLU, ResponseNorm, Softmax
from skdecaf.weights._preprocessing import Preprocessing


@dataclass(frozen=True)
class Architecture:
    """Layers and preprocessing: a network without its arrays."""

    layers: tuple
    preprocessing: Preprocessing


def _classifier_layers(sizes, dropout=True):
    """fc6, fc7, fc8 and the softmax; ``sizes`` are the three widths."""
    layers = []
    for name, size in zip(("fc6", "fc7"), sizes, strict=False):
        layers += [FullyConnected(name, size), ReLU(f"relu{name[2]}")]
        layers += [Dropout(f"drop{name[2]}")] if dropout else []
    return (*layers, FullyConnected("fc8", sizes[2]), Softmax("prob"))


def _upper_convolutions():
    """conv3 to pool5 of the original two-tower network."""
    return (
        Convolution("conv3", 384, 3, pad=1), ReLU("relu3"),
        Convolution("conv4", 384, 3, pad=1, groups=2), ReLU("relu4"),
        Convolution("conv5", 256, 3, pad=1, groups=2), ReLU("relu5"),
        MaxPool("pool5", 3, 2),
    )  # fmt: skip


# DeCAF and its successor, BVLC's Reference CaffeNet; pooling before normalisation.
_CAFFENET = (
    Convolution("conv1", 96, 11, stride=4), ReLU("relu1"), MaxPool("pool1", 3, 2), ResponseNorm("norm1"),
    Convolution("conv2", 256, 5, pad=2, groups=2), ReLU("relu2"), MaxPool("pool2", 3, 2), ResponseNorm("norm2"),
    *_upper_convolutions(), *_classifier_layers((4096, 4096, 1000)),
)  # fmt: skip

# Krizhevsky et al. (2012), as trained by BVLC; normalisation before pooling.
_ALEXNET = (
    Convolution("conv1", 96, 11, stride=4), ReLU("relu1"), ResponseNorm("norm1"), MaxPool("pool1", 3, 2),
    Convolution("conv2", 256, 5, pad=2, groups=2), ReLU("relu2"), ResponseNorm("norm2"), MaxPool("pool2", 3, 2),
    *_upper_convolutions(), *_classifier_layers((4096, 4096, 1000)),
)  # fmt: skip

# Krizhevsky (2014), one tower, in the version of torchvision.
_TORCHVISION_ALEXNET = (
    Convolution("conv1", 64, 11, stride=4, pad=2), ReLU("relu1"), MaxPool("pool1", 3, 2, rounding="floor"),
    Convolution("conv2", 192, 5, pad=2), ReLU("relu2"), MaxPool("pool2", 3, 2, rounding="floor"),
    Convolution("conv3", 384, 3, pad=1), ReLU("relu3"),
    Convolution("conv4", 256, 3, pad=1), ReLU("relu4"),
    Convolution("conv5", 256, 3, pad=1), ReLU("relu5"), MaxPool("pool5", 3, 2, rounding="floor"),
    *_classifier_layers((4096, 4096, 1000)),
)  # fmt: skip

# The network that ships with the package.
_MINI = (
    Convolution("conv1", 96, 7, stride=2, pad=2), ReLU("relu1"), MaxPool("pool1", 3, 2, rounding="floor"),
    Convolution("conv2", 256, 5, pad=2, groups=2), ReLU("relu2"), MaxPool("pool2", 3, 2, rounding="floor"),
    Convolution("conv3", 384, 3, pad=1), ReLU("relu3"),
    Convolution("conv4", 384, 3, pad=1, groups=2), ReLU("relu4"),
    Convolution("conv5", 256, 3, pad=1, groups=2), ReLU("relu5"), MaxPool("pool5", 3, 2, rounding="floor"),
    *_classifier_layers((2048, 1024, 1000), dropout=False),
)  # fmt: skip

_CAFFE_PREPROCESSING = Preprocessing(
    resize=(256, 256),
    crop=(227, 227),
    mean=(122.67891434, 116.66876762, 104.00698793),
    channel_order="BGR",
)

ARCHITECTURES = {
    "caffenet": Architecture(_CAFFENET, _CAFFE_PREPROCESSING),
    "alexnet": Architecture(_ALEXNET, _CAFFE_PREPROCESSING),
    "torchvision_alexnet": Architecture(
        _TORCHVISION_ALEXNET,
        Preprocessing(
            resize=(256, 256),
            crop=(224, 224),
            mean=(123.675, 116.28, 103.53),
            scale=(58.395, 57.12, 57.375),
            policy="crop",
        ),
    ),
    "mini": Architecture(
        _MINI,
        Preprocessing(
            resize=(72, 72),
            crop=(64, 64),
            mean=(123.0, 117.0, 104.0),
            scale=(58.0, 58.0, 58.0),
            resample="bicubic",
        ),
    ),
}


def find_architecture(architecture):
    """Look up an architecture by its name; an `Architecture` is returned as it is."""
    if isinstance(architecture, Architecture):
        return architecture
    if architecture not in ARCHITECTURES:
        raise ValueError(f"architecture is one of {', '.join(ARCHITECTURES)}, not {architecture!r}")
    return ARCHITECTURES[architecture]
