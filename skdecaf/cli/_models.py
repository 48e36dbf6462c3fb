"""The files that store classifiers that ``skdecaf train`` made."""

# SPDX-License-Identifier: BSD-3-Clause
import os
from contextlib import contextmanager
from types import FunctionType, ModuleType

import numpy as np
from PIL import Image
from sklearn.pipeline import Pipeline

from skdecaf._decaf import DeCAFTransformer, network_of
from skdecaf._dropout import DropoutFeatures
from skdecaf._dropout_classifier import DropoutClassifier
from skdecaf._linear_model.scaled_linear_svc import ScaledLinearSVC
from skdecaf._utils.extras import require
from skdecaf._utils.files import atomic_write
from skdecaf.cli._model_size import check_size
from skdecaf.weights import _store as store


def model_of(classifier):
    """The pipeline of a trained classifier, without how the training photos were processed."""
    classifier.pipeline_[0].set_params(on_error="raise", batch_size=64, n_jobs=None, memory=None, verbose=False)
    return classifier.pipeline_


def save_model(model, path):
    """Write a model to a skops file, atomically."""
    skops_io = model_files()
    with atomic_write(path) as temporary:
        skops_io.dump(model, temporary)


def load_model(path, memory=None, allow_download=False):
    """Read a model from a skops file without running code from it.

    What the file says about cache folders, downloads and the number of threads is ignored.

    Parameters
    ----------
    path : str
    memory : str, optional
        Folder of the feature cache.
    allow_download : bool
        Whether the weights of the model may be downloaded.

    Returns
    -------
    Pipeline
        A `DeCAFTransformer` followed by a classifier with ``predict_proba``.

    Raises
    ------
    FileNotFoundError
        If the file or its weights do not exist.
    ValueError
        If it is not a skops file, is damaged, contains types that are not trusted, or is not such a pipeline.
    """
    skops_io = model_files()
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no model {path!r}; make one with: skdecaf train FOLDER -o {path}")
    with open(path, "rb"):  # an error of the disk is not damage
        pass
    damaged = f"{path!r} is not a skops file, or it is damaged; give one that skdecaf train or skops.io.dump wrote"
    with _errors_as(damaged):
        check_size(path)
        trusted = _trusted_types()
        untrusted = sorted(set(skops_io.get_untrusted_types(file=path)) - set(trusted))
    if untrusted:
        raise ValueError(
            f"{path!r} is refused: it contains {', '.join(untrusted)}, which is not part of scikit-learn or skdecaf "
            "and could run code; train the model again"
        )
    with _errors_as(damaged):
        model = skops_io.load(path, trusted=trusted)
    with _errors_as(damaged, except_for=(ImportError, OSError, ValueError)), _naming(path):
        _check_steps(model, path)
        for part in _parts(model):
            for name in ("memory", "n_jobs"):
                if getattr(part, name, None) is not None:
                    setattr(part, name, None)
            if isinstance(part, DeCAFTransformer):
                _check_weights(getattr(part, "weights", None), path, allow_download)
        model[0].memory = memory
        network_of(model[0])
    with _errors_as(damaged):  # before the first row is printed
        model[1:].predict_proba(model[0].transform([Image.new("RGB", (8, 8))]))
    return model


def model_files():
    """The module that reads and writes model files; an ImportError that names the extra if it is not installed."""
    return require("cli", "a model file")


def _trusted_types():
    """This package's estimators by name: trusting a whole package would let a file call any of its functions."""
    estimators = DeCAFTransformer, DropoutFeatures, DropoutClassifier, ScaledLinearSVC
    return [f"{one.__module__}.{one.__name__}" for one in estimators]


@contextmanager
def _errors_as(message, except_for=()):
    """Turn all errors but some into a ValueError: damaged files raise whatever their readers happen to meet."""
    try:
        yield
    except except_for:
        raise
    except Exception as error:
        raise ValueError(f"{message} ({type(error).__name__}: {error})") from None


@contextmanager
def _naming(path):
    """Put the path in front of a ValueError that lacks it."""
    try:
        yield
    except ValueError as error:
        raise error if repr(path) in str(error) else ValueError(f"{path!r}: {error}") from None


def _parts(model):
    """Yield all objects inside a model, which may hold transformers in any attribute."""
    remaining, seen = [model], set()
    while remaining:
        part = remaining.pop()
        if id(part) in seen or isinstance(part, (type, FunctionType, ModuleType)):
            continue
        seen.add(id(part))
        yield part
        if isinstance(part, dict):
            remaining += [*part, *part.values()]
        elif isinstance(part, (list, tuple, set, frozenset)):
            remaining += part
        elif isinstance(part, np.ndarray):
            remaining += part.ravel().tolist() if part.dtype == object else ()
        else:
            remaining += getattr(part, "__dict__", {}).values()


def _check_weights(weights, path, allow_download):
    if not isinstance(weights, str):
        return
    if os.path.isabs(weights) and not os.path.isfile(weights):
        raise FileNotFoundError(
            f"{path!r} was trained with the weights {weights!r}, which no longer exist; put them back, or train again"
        )
    if weights in store.names() and store.missing(weights) and not allow_download:
        raise FileNotFoundError(
            f"{path!r} needs the weights {weights!r}, which are not on this computer; --allow-download gets them"
        )


def _check_steps(model, path):
    steps = model.steps if isinstance(model, Pipeline) else []
    if len(steps) < 2 or not isinstance(model[0], DeCAFTransformer):
        raise ValueError(
            f"{path!r} contains a {type(model).__name__}, not a pipeline of a DeCAFTransformer and a classifier"
        )
    if not hasattr(model[1:], "predict_proba"):
        raise ValueError(
            f"{path!r} ends with {type(model[-1]).__name__}, which gives no probabilities; "
            "use LogisticRegression, or wrap it in CalibratedClassifierCV"
        )
