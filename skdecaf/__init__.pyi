# SPDX-License-Identifier: BSD-3-Clause
from . import baselines, datasets, domain_adaptation, images, model_selection, plotting, training, weights
from ._box_cropper import BoxCropper
from ._decaf import DeCAFTransformer
from ._decaf_classifier import DeCAFClassifier
from ._dropout import DropoutFeatures
from ._dropout_classifier import DropoutClassifier
from ._extraction import extract
from ._feature_cache import FeatureCache
from ._imagenet import ImageNetClassifier
from .weights import Network

__version__: str
__all__ = [
    "BoxCropper",
    "DeCAFClassifier",
    "DeCAFTransformer",
    "DropoutClassifier",
    "DropoutFeatures",
    "FeatureCache",
    "ImageNetClassifier",
    "Network",
    "baselines",
    "datasets",
    "domain_adaptation",
    "extract",
    "images",
    "model_selection",
    "plotting",
    "training",
    "weights",
]
