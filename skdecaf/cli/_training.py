"""Classifiers trained on a folder of class folders, and how well they predict photos that they were not trained on."""

# SPDX-License-Identifier: BSD-3-Clause
import warnings
from collections import Counter
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import StratifiedKFold

from skdecaf._utils.photo_folders import list_labelled_photos
from skdecaf._utils.warnings import collect_unreadable
from skdecaf.cli._photos import PhotoFiles


class Mistake(NamedTuple):
    """A photo of which a model that was trained without it predicted a wrong class."""

    photo: str
    label: str
    predicted: str
    probability: float


class ClassFigures(NamedTuple):
    """How well photos of a class are predicted by models that were trained without them."""

    name: str
    n_photos: int
    accuracy: float  # share of its photos that are predicted right
    precision: float  # share of the photos predicted as this class that are; NaN if there are none
    taken_for: str  # the class that its photos are predicted as most often, if they are predicted wrong


@dataclass(frozen=True)
class Training:
    """A trained classifier, and how well it predicts photos that it was not trained on.

    Parameters
    ----------
    classifier : DeCAFClassifier or FineTunedClassifier
        Fitted.
    photos, labels : list of str
        The photos that were read, and their classes.
    left_out : dict of str to str
        Photos that could not be read, and why.
    value_range : tuple of two floats, or None
        Values of black and white in photos whose type does not define them.
    chosen : str
        What was chosen.
    candidates : list of (str, float, float)
        What could be chosen, its accuracy and standard deviation over folds, the best first; the chosen one, too.
    fold_scores : tuple of float
        Accuracy of the chosen candidate in each fold; empty without a cross-validation.
    probabilities : ndarray of shape (n_photos, n_classes), or None
        Of each photo that was read, by a model that was trained without it; None without a cross-validation.
    """

    classifier: object
    photos: list
    labels: list
    left_out: dict
    value_range: tuple | None
    chosen: str
    candidates: list
    fold_scores: tuple
    probabilities: np.ndarray | None

    @property
    def n_photos(self):
        """Class: number of photos."""
        return dict(Counter(self.labels))

    @property
    def classes(self):
        """Names of the classes."""
        return [str(name) for name in self.classifier.classes_]

    @property
    def is_evaluated(self):
        """Whether each photo was predicted by a model that was trained without it."""
        return self.probabilities is not None

    def mistakes(self):
        """List the photos that were predicted wrong, the most confident prediction first."""
        best = self.probabilities.max(axis=1).tolist()
        rows = zip(self.photos, self.labels, self._predictions(), best, strict=True)
        wrong = [Mistake(*row) for row in rows if row[1] != row[2]]
        return sorted(wrong, key=lambda one: -one.probability)

    def confusions(self):
        """List ((class, predicted class), number of photos) of wrong predictions, most often first."""
        return Counter((one.label, one.predicted) for one in self.mistakes()).most_common()

    def confusion_matrix(self):
        """The number of photos of each class (row) that were predicted as each class (column)."""
        return confusion_matrix(self.labels, self._predictions(), labels=self.classes)

    def class_figures(self):
        """Figures of each class."""
        classes, counts = self.classes, self.confusion_matrix()
        figures = []
        for i, name in enumerate(classes):
            right, n_photos, n_predicted = counts[i, i], counts[i].sum(), counts[:, i].sum()
            wrong = np.where(np.arange(len(classes)) == i, 0, counts[i])
            precision = float(right / n_predicted) if n_predicted else np.nan
            taken_for = classes[wrong.argmax()] if wrong.any() else ""
            figures.append(ClassFigures(name, int(n_photos), float(right / n_photos), precision, taken_for))
        return figures

    def _predictions(self):
        return [self.classes[i] for i in self.probabilities.argmax(axis=1)]


def train_on_folder(folder, classifier, report=lambda message: None):
    """Train a classifier on a folder of class folders.

    Parameters
    ----------
    folder : str
        With one folder of photos per class.
    classifier : DeCAFClassifier
        With ``on_error="nan"``, photos that cannot be read are left out.
    report : callable
        Called with a sentence before the part that may take minutes.

    Returns
    -------
    Training

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
    report(f"{len(photos)} photos of {len(set(labels))} classes")
    with collect_unreadable() as errors:
        warnings.filterwarnings("ignore", message="a class has 1 image")  # the summary says it
        classifier.fit(PhotoFiles(photos), labels)
    read = [i for i in range(len(photos)) if i not in errors]
    results, probabilities = classifier.cv_results_, classifier.cv_probabilities_
    names = [_name(layer, C) for layer, C in zip(results["layer"], results["C"], strict=True)]
    candidates = zip(names, results["mean_test_score"], results["std_test_score"], strict=True)
    chosen = _name(classifier.layer_, classifier.C_)
    return Training(
        classifier=classifier,
        photos=[photos[i] for i in read],
        labels=[labels[i] for i in read],
        left_out={photos[i]: str(errors[i]) for i in sorted(errors)},
        value_range=classifier.pipeline_[0].value_range_,
        chosen=chosen,
        candidates=sorted(candidates, key=lambda one: (-one[1], one[0] != chosen)),
        fold_scores=classifier.best_fold_scores_,
        probabilities=None if probabilities is None else probabilities[read],
    )


def fine_tune(frozen, classifier, n_folds, report=lambda message: None):
    """Train the network as well, on the photos of a former training.

    Parameters
    ----------
    frozen : Training
        With the network as it is.
    classifier : FineTunedClassifier
    n_folds : int
        Folds of the cross-validation, at most the size of the smallest class; 0 for none.
    report : callable
        Called with a sentence before each part that may take minutes.

    Returns
    -------
    Training
        Its candidates are those of `frozen` and the fine-tuned network.
    """
    photos, labels = np.array(frozen.photos, dtype=object), np.array(frozen.labels)
    classifier.set_params(value_range=frozen.value_range)
    probabilities, scores = None, ()
    n_folds = min(n_folds, *frozen.n_photos.values())
    if n_folds > 1:
        splits = StratifiedKFold(n_folds, shuffle=True, random_state=0).split(labels, labels)
        probabilities = np.empty((len(labels), len(set(labels))))
        for fold, (train, test) in enumerate(splits, start=1):
            report(f"fine-tuning without the photos of fold {fold} of {n_folds}")
            fitted = clone(classifier).fit(photos[train], labels[train])
            probabilities[test] = fitted.predict_proba(photos[test])
            scores += (float(np.mean(fitted.classes_[probabilities[test].argmax(axis=1)] == labels[test])),)
    report("fine-tuning on all photos")
    classifier.fit(photos, labels)
    mine = [("fine-tuned", float(np.mean(scores)), float(np.std(scores)))] if scores else []
    return replace(
        frozen,
        classifier=classifier,
        chosen="fine-tuned",
        candidates=sorted([*mine, *frozen.candidates], key=lambda one: -one[1]),
        fold_scores=scores,
        probabilities=probabilities,
    )


def _list_classes(folder):
    """The photos of a folder, and the name of the class of each."""
    listing = list_labelled_photos(folder)
    names = listing["target_names"]
    if len(names) < 2:
        raise ValueError(f"{folder!r} has the class folder {names[0]!r} only, but at least two are needed")
    return listing["filenames"], [names[i] for i in listing["target"]]


def _name(layer, C):
    return f"layer {layer}, C={C:g}"
