"""Classifiers trained on a folder of class folders, and the files that store them."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import zipfile
from collections import Counter
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline

from skdecaf._decaf import DeCAFTransformer
from skdecaf._dropout import DropoutFeatures
from skdecaf._dropout_classifier import DropoutClassifier
from skdecaf._utils.extras import require
from skdecaf._utils.files import atomic_write
from skdecaf.cli._photos import bad_rows_expected, why_unreadable
from skdecaf.datasets._listing import list_labelled_photos


class Training(NamedTuple):
    """What `train_on_folder` returns."""

    model: Pipeline
    n_photos: dict
    left_out: dict
    accuracies: np.ndarray


def train_on_folder(folder, transformer, folds=5, report=lambda message: None):
    """Train a linear classifier on a folder of class folders.

    Parameters
    ----------
    folder : str
        With one folder of photos per class.
    transformer : DeCAFTransformer
        With ``dropout=False``; a `DropoutFeatures` step follows, so that cross-validation needs one pass through the
        network. With ``on_error="nan"``, photos that cannot be read are left out.
    folds : int
        Number of folds of the cross-validation, at most the size of the smallest class. Less than 2 means none.
    report : callable
        Called with a sentence before the part that may take minutes.

    Returns
    -------
    Training
        model (takes photos), n_photos (class: number), left_out (path: reason) and accuracies (one per fold).

    Raises
    ------
    ImageError
        If a photo cannot be read, with ``on_error="raise"``.
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If it has fewer than two class folders, or one without a readable photo.
    """
    photos, labels = _list_classes(folder)
    with bad_rows_expected():
        features = transformer.fit_transform(photos)
    good = ~np.isnan(features).any(axis=1)
    value_range = transformer.value_range_
    left_out = {photos[i]: str(why_unreadable(photos[i], value_range)) for i in np.flatnonzero(~good)}
    y = np.array(labels)[good]
    n_photos = Counter(y.tolist())
    for label in sorted(set(labels) - set(n_photos)):
        raise ValueError(f"none of the photos in {os.path.join(folder, label)!r} can be read; replace them")
    classifier = make_pipeline(DropoutFeatures(), LogisticRegression(max_iter=1000))
    folds = min(folds, *n_photos.values())
    report(f"training on {len(y)} photos{f', and {folds} times for the cross-validation' if folds > 1 else ''}")
    accuracies = _cross_validate(classifier, features[good], y, folds)
    classifier.fit(features[good], y)
    # The model does not keep how the training photos were processed.
    transformer.set_params(on_error="raise", batch_size=64, n_jobs=None, verbose=False)
    model = Pipeline([("decaftransformer", transformer), *classifier.steps])
    return Training(model, dict(n_photos), left_out, accuracies)


def save_model(model, path):
    """Write a model to a skops file, atomically."""
    skops_io = _skops_io()
    with atomic_write(path) as temporary:
        skops_io.dump(model, temporary)


def load_model(path):
    """Read a model from a skops file without running code from it.

    Parameters
    ----------
    path : str

    Returns
    -------
    Pipeline
        A `DeCAFTransformer` followed by a classifier with ``predict_proba``.

    Raises
    ------
    FileNotFoundError
        If the file does not exist, or its weights have moved.
    ValueError
        If it is not a skops file, contains types that are not trusted, or is not such a pipeline.
    """
    skops_io = _skops_io()
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no model {path!r}; make one with: skdecaf train FOLDER -o {path}")
    try:
        trusted = _trusted_types()
        untrusted = sorted(set(skops_io.get_untrusted_types(file=path)) - set(trusted))
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError):
        raise ValueError(f"{path!r} is not a skops file; give one that skdecaf train or skops.io.dump wrote") from None
    if untrusted:
        raise ValueError(
            f"{path!r} is refused: it contains {', '.join(untrusted)}, which is not part of scikit-learn or skdecaf "
            "and could run code; train the model again"
        )
    return _checked_model(skops_io.load(path, trusted=trusted), path)


def _skops_io():
    return require("cli", "a model file")


def _list_classes(folder):
    """The photos of a folder, and the name of the class of each."""
    listing = list_labelled_photos(folder)
    names = listing["target_names"]
    if len(names) < 2:
        raise ValueError(f"{folder!r} has the class folder {names[0]!r} only, but at least two are needed")
    return listing["filenames"], [names[i] for i in listing["target"]]


def _cross_validate(classifier, features, y, folds):
    if folds < 2:
        return np.array([])
    splits = StratifiedKFold(folds, shuffle=True, random_state=0)
    return cross_val_score(classifier, features, y, cv=splits)


def _trusted_types():
    """This package's estimators by name: trusting a whole package would let a file call any of its functions."""
    return [f"{one.__module__}.{one.__name__}" for one in (DeCAFTransformer, DropoutFeatures, DropoutClassifier)]


def _checked_model(model, path):
    steps = model.steps if isinstance(model, Pipeline) else []
    if len(steps) < 2 or not isinstance(model[0], DeCAFTransformer):
        raise ValueError(
            f"{path!r} contains a {type(model).__name__}, not a pipeline of a DeCAFTransformer and a classifier"
        )
    weights = model[0].weights
    if isinstance(weights, str) and os.path.isabs(weights) and not os.path.isfile(weights):
        raise FileNotFoundError(
            f"{path!r} was trained with the weights {weights!r}, which no longer exist; put them back, or train again"
        )
    if not hasattr(model[1:], "predict_proba"):
        raise ValueError(
            f"{path!r} ends with {type(model[-1]).__name__}, which gives no probabilities; "
            "train with LogisticRegression, or wrap it in CalibratedClassifierCV"
        )
    return model
