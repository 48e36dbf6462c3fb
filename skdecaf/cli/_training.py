"""A classifier from a folder of class folders, and the file that keeps it."""

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
from skdecaf._utils.files import atomic_write
from skdecaf.cli._photos import bad_rows_expected, find_class_folders, why_unreadable


class Training(NamedTuple):
    """What `train_on_folder` learned."""

    model: Pipeline
    n_photos: dict
    left_out: dict
    accuracies: np.ndarray


def train_on_folder(folder, transformer, folds=5, report=lambda message: None):
    """Train a linear classifier on a folder of class folders.

    Parameters
    ----------
    folder : str
        Holds a folder of photos for each class.
    transformer : DeCAFTransformer
        With ``dropout=False``, since a `DropoutFeatures` step follows: so the cross-validation needs a single pass
        through the network. With ``on_error="nan"``, photos that cannot be read are left out.
    folds : int
        Of the cross-validation; no more than the smallest class has photos. With less than 2 there is none.

    report : callable
        Called with a sentence before the part that may take minutes.

    Returns
    -------
    Training
        model (takes photos), n_photos (class: number), left_out (path: reason) and accuracies (one a fold).

    Raises
    ------
    ImageError
        With ``on_error="raise"``, where a photo cannot be read.
    ValueError
        Where the folder is no folder of class folders, or no photo of a class can be read.
    """
    photos, labels = find_class_folders(folder)
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
    # How the training photos were run through the network is no part of the model.
    transformer.set_params(on_error="raise", batch_size=64, n_jobs=None, verbose=False)
    model = Pipeline([("decaftransformer", transformer), *classifier.steps])
    return Training(model, dict(n_photos), left_out, accuracies)


def save_model(model, path):
    """Write a model to a skops file, complete or not at all.

    Parameters
    ----------
    model : Pipeline
    path : str
    """
    import skops.io

    with atomic_write(path) as temporary:
        skops.io.dump(model, temporary)


def load_model(path):
    """Read a model from a skops file, which runs no code of the file's.

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
        Where there is no such file, or its weights are not where they were.
    ValueError
        Where it is no skops file, holds types that are not trusted, or something else than such a pipeline.
    """
    import skops.io

    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no model {path!r}; make one with: skdecaf train FOLDER -o {path}")
    try:
        trusted = _trusted_types()
        untrusted = sorted(set(skops.io.get_untrusted_types(file=path)) - set(trusted))
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError):
        raise ValueError(f"{path!r} is no skops file; give one that skdecaf train or skops.io.dump wrote") from None
    if untrusted:
        raise ValueError(
            f"{path!r} is refused: it holds {', '.join(untrusted)}, which is neither of scikit-learn nor of skdecaf, "
            "and could run code; make the model anew"
        )
    return _checked_model(skops.io.load(path, trusted=trusted), path)


def _cross_validate(classifier, features, y, folds):
    if folds < 2:
        return np.array([])
    splits = StratifiedKFold(folds, shuffle=True, random_state=0)
    return cross_val_score(classifier, features, y, cv=splits)


def _trusted_types():
    """This package's estimators; skops itself trusts those of scikit-learn one by one.

    To trust all names in a package would let a file call any of its functions.
    """
    return [f"{one.__module__}.{one.__name__}" for one in (DeCAFTransformer, DropoutFeatures, DropoutClassifier)]


def _checked_model(model, path):
    steps = model.steps if isinstance(model, Pipeline) else []
    if len(steps) < 2 or not isinstance(model[0], DeCAFTransformer):
        raise ValueError(
            f"{path!r} holds a {type(model).__name__}; needed is a pipeline that begins with a DeCAFTransformer and "
            "ends with a classifier"
        )
    weights = model[0].weights
    if isinstance(weights, str) and os.path.isabs(weights) and not os.path.isfile(weights):
        raise FileNotFoundError(
            f"{path!r} was trained with the weights {weights!r}, which are not there any more; put them back, or train "
            "with those that are there"
        )
    if not hasattr(model[1:], "predict_proba"):
        raise ValueError(
            f"{path!r} ends with {type(model[-1]).__name__}, which gives no probabilities; "
            "train with LogisticRegression, or wrap it in CalibratedClassifierCV"
        )
    return model
