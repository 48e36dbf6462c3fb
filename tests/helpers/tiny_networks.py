"""Small architectures with everything in them that the large ones have."""

from skdecaf.weights import (
    Architecture,
    Convolution,
    Dropout,
    FullyConnected,
    MaxPool,
    Network,
    Preprocessing,
    ReLU,
    ResponseNorm,
    Softmax,
)

_PIXELS = {"mean": (120.0, 110.0, 100.0), "scale": (50.0, 60.0, 70.0)}

TINY = Architecture(
    (
        Convolution("conv1", 8, 5, stride=2), ReLU("relu1"), MaxPool("pool1", 3, 2), ResponseNorm("norm1", alpha=0.01),
        Convolution("conv2", 12, 3, pad=1, groups=2), ReLU("relu2"), ResponseNorm("norm2", size=3, beta=0.5, k=2.0),
        MaxPool("pool5", 2, 2, rounding="floor"),
        FullyConnected("fc6", 20), ReLU("relu6"), Dropout("drop6"),
        FullyConnected("fc7", 10), ReLU("relu7"), FullyConnected("fc8", 5), Softmax("prob"),
    ),
    Preprocessing((18, 20), (17, 19), channel_order="BGR", **_PIXELS),
)  # fmt: skip


def tiny_network(random_state=0):
    return Network.random(TINY, random_state)
