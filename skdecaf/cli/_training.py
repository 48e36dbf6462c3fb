"""Classifiers trained on a folder of class folders, and how well they predict photos that they were not trained on."""

# SPDX-License-Identifier: BSD-3-Clause
import warnings
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from sklearn.metrics import confusion_matrix

from skdecaf._decaf_classifier import DeCAFClassifier
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
    """What `train_on_folder` returns.

    Parameters
    ----------
    classifier : DeCAFClassifier
        Fitted.
    photos, labels : list of str
        The photos that were read, and their classes.
    left_out : dict of str to str
        Photos that could not be read, and why.
    """

    classifier: DeCAFClassifier
    photos: list
    labels: list
    left_out: dict

    @property
    def n_photos(self):
        """Class: number of photos."""
        return dict(Counter(self.labels))

    @property
    def chosen(self):
        """The selected layer and C."""
        return _name(self.classifier.layer_, self.classifier.C_)

    @property
    def candidates(self):
        """Name, accuracy and standard deviation over folds of what could be chosen, the best first."""
        results = self.classifier.cv_results_
        names = [_name(layer, C) for layer, C in zip(results["layer"], results["C"], strict=True)]
        rows = zip(names, results["mean_test_score"], results["std_test_score"], strict=True)
        return sorted(rows, key=lambda row: (-row[1], row[0] != self.chosen))

    @property
    def fold_scores(self):
        """Accuracy of the chosen candidate in each fold; empty without a cross-validation."""
        return self.classifier.best_fold_scores_

    @property
    def is_evaluated(self):
        """Whether each photo was predicted by a model that was trained without it."""
        return self.classifier.cv_probabilities_ is not None

    def mistakes(self):
        """List the photos that were predicted wrong, the most confident prediction first."""
        read = ~np.isin(np.arange(len(self.photos) + len(self.left_out)), self.classifier.bad_images_)
        best = self.classifier.cv_probabilities_[read].max(axis=1)
        rows = zip(self.photos, self.labels, self._predictions(), best.tolist(), strict=True)
        wrong = [Mistake(*row) for row in rows if row[1] != row[2]]
        return sorted(wrong, key=lambda one: -one.probability)

    def confusions(self):
        """List ((class, predicted class), number of photos) of wrong predictions, most often first."""
        return Counter((one.label, one.predicted) for one in self.mistakes()).most_common()

    def confusion_matrix(self):
        """Classes, and the number of photos of each class (row) that were predicted as each class (column)."""
        classes = [str(name) for name in self.classifier.classes_]
        return classes, confusion_matrix(self.labels, self._predictions(), labels=classes)

    def class_figures(self):
        """Figures of each class."""
        classes, counts = self.confusion_matrix()
        figures = []
        for i, name in enumerate(classes):
            right, n_photos, n_predicted = counts[i, i], counts[i].sum(), counts[:, i].sum()
            wrong = np.where(np.arange(len(classes)) == i, 0, counts[i])
            precision = float(right / n_predicted) if n_predicted else np.nan
            taken_for = classes[wrong.argmax()] if wrong.any() else ""
            figures.append(ClassFigures(name, int(n_photos), float(right / n_photos), precision, taken_for))
        return figures

    def _predictions(self):
        bad = set(self.classifier.bad_images_.tolist())
        return [str(name) for i, name in enumerate(self.classifier.cv_predictions_) if i not in bad]


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
    left_out = {photos[i]: str(errors[i]) for i in sorted(errors)}
    return Training(classifier, [photos[i] for i in read], [labels[i] for i in read], left_out)


def _list_classes(folder):
    """The photos of a folder, and the name of the class of each."""
    listing = list_labelled_photos(folder)
    names = listing["target_names"]
    if len(names) < 2:
        raise ValueError(f"{folder!r} has the class folder {names[0]!r} only, but at least two are needed")
    return listing["filenames"], [names[i] for i in listing["target"]]


def _name(layer, C):
    return f"layer {layer}, C={C:g}"
