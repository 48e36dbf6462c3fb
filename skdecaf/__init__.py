"""DeCAF: activations of a deep convolutional network as image features for scikit-learn."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf._crops import BoxCropper
from skdecaf._decaf import DeCAFTransformer
from skdecaf._dropout import DropoutFeatures
from skdecaf._dropout_classifier import DropoutClassifier
from skdecaf._feature_cache import FeatureCache
from skdecaf._imagenet import ImageNetClassifier
from skdecaf.weights import Network

__version__ = "0.1.0"

__all__ = [
    "BoxCropper",
    "DeCAFTransformer",
    "DropoutClassifier",
    "DropoutFeatures",
    "FeatureCache",
    "ImageNetClassifier",
    "Network",
    "__version__",
]
