"""Networks as data: architectures, arrays, preprocessing, labels and the files that hold them."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf.weights._architectures import ARCHITECTURES, Architecture
from skdecaf.weights._file_formats import read_network
from skdecaf.weights._layers import Convolution, Dropout, FullyConnected, MaxPool, ReLU, ResponseNorm, Softmax
from skdecaf.weights._network import Network
from skdecaf.weights._preprocessing import Preprocessing
from skdecaf.weights._readers.caffe_mean import read_mean
from skdecaf.weights._resolving import resolve_network

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "Convolution",
    "Dropout",
    "FullyConnected",
    "MaxPool",
    "Network",
    "Preprocessing",
    "ReLU",
    "ResponseNorm",
    "Softmax",
    "read_mean",
    "read_network",
    "resolve_network",
]
