"""DeCAF: activations of a deep convolutional network as image features for scikit-learn."""

# SPDX-License-Identifier: BSD-3-Clause
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for editors and type checkers
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

_PUBLIC_ROOMS = ("benchmark", "datasets", "images", "model_selection", "paper", "plotting", "weights")
_ROOMS = {
    "BoxCropper": "_crops",
    "DeCAFTransformer": "_decaf",
    "DropoutClassifier": "_dropout_classifier",
    "DropoutFeatures": "_dropout",
    "FeatureCache": "_feature_cache",
    "ImageNetClassifier": "_imagenet",
    "Network": "weights",
}


def __getattr__(name):
    """Import what is asked for when it is: scikit-learn takes seconds, for which ``skdecaf --help`` need not wait."""
    if name in _PUBLIC_ROOMS:
        return import_module(f"{__name__}.{name}")
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
    return value


def __dir__():
    return sorted({*globals(), *__all__, *_PUBLIC_ROOMS})
