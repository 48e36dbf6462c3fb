"""The report on a trained classifier as a web page."""

# SPDX-License-Identifier: BSD-3-Clause
import math
import os

import numpy as np

from skdecaf import __version__
from skdecaf._utils.progress import progress_bar
from skdecaf.cli._web_page import Cell, as_text, figure, table, thumbnail, write_page
from skdecaf.images import ImageError

_MAX_MISTAKES = 24


def write_training_report(path, folder, trained, why_unknown, verbose):
    """Write a web page about a training, atomically.

    Parameters
    ----------
    path : str
    folder : str
    trained : Training
    why_unknown : str
        Why there is no cross-validation, if there is none.
    verbose : bool
        Whether to show a progress bar.
    """
    write_page(path, f"A classifier of photos in {folder}", _parts(folder, trained, why_unknown, verbose))


def _parts(folder, trained, why_unknown, verbose):
    n_photos = trained.n_photos
    yield f"<p>{len(trained.photos)} photos of {len(n_photos)} classes. Chosen: {as_text(trained.chosen)}.</p>\n"
    if trained.is_evaluated:
        yield from _evaluation(folder, trained, verbose)
    else:
        yield f"<p>The accuracy is unknown: {as_text(why_unknown)}.</p>\n"
        yield table("Photos of each class", ["class", "photos"], [[name, str(n)] for name, n in n_photos.items()])
    if trained.left_out:
        reasons = "".join(f"<li>{as_text(reason)}</li>\n" for reason in trained.left_out.values())
        yield f"<h2>Photos left out</h2>\n<ul>\n{reasons}</ul>\n"
    yield f"<p>Made by skdecaf {__version__}.</p>\n"


def _evaluation(folder, trained, verbose):
    figures, scores = trained.class_figures(), trained.fold_scores
    yield (
        f"<p><strong>Accuracy: {np.mean(scores):.1%}</strong> in cross-validation with {len(scores)} folds "
        f"({min(scores):.1%} to {max(scores):.1%}). Mean of the accuracies of the classes: "
        f"{np.mean([one.accuracy for one in figures]):.1%}.</p>\n"
        "<p>All figures are of cross-validation: each photo is predicted by a model that was trained without it.</p>\n"
    )
    yield "<h2>Candidates</h2>\n" + table(
        "Accuracy of each candidate in cross-validation, and its standard deviation over the folds",
        ["candidate", "accuracy", "deviation", ""],
        [
            [name, f"{score:.1%}", f"{deviation:.1%}", "chosen" if name == trained.chosen else ""]
            for name, score, deviation in trained.candidates
        ],
    )
    yield from _mistakes(folder, trained, verbose)
    yield "<h2>Classes</h2>\n" + table(
        "Accuracy: share of the photos of a class that are predicted right. Precision: share of the photos predicted "
        "as a class that belong to it.",
        ["class", "photos", "accuracy", "precision", "most often taken for"],
        [
            [one.name, str(one.n_photos), f"{one.accuracy:.0%}", _percent(one.precision), one.taken_for]
            for one in sorted(figures, key=lambda one: one.accuracy)
        ],
    )
    yield "<h2>Confusion matrix</h2>\n" + _matrix(trained.classes, trained.confusion_matrix())


def _mistakes(folder, trained, verbose):
    mistakes = trained.mistakes()
    shown = mistakes[:_MAX_MISTAKES]
    yield "<h2>Most confident mistakes</h2>\n"
    yield f"<p>{len(shown)} of {len(mistakes)} photos that are predicted wrong.</p>\n<section>\n"
    with progress_bar(len(shown), verbose, name="thumbnails") as bar:
        for one in shown:
            try:
                contents, name = thumbnail(one.photo, trained.value_range), os.path.relpath(one.photo, folder)
            except ImageError as error:  # the file has changed since
                contents, name = None, str(error)
            yield figure(contents, name, f"{one.label}, taken for {one.predicted} ({one.probability:.0%})")
            bar.update()
    yield "</section>\n"


def _matrix(classes, counts):
    shares = counts / counts.sum(axis=1, keepdims=True)
    rows = [
        [name, *(_count(counts[i, j], shares[i, j], i == j) for j in range(len(classes)))]
        for i, name in enumerate(classes)
    ]
    caption = "Number of photos of each class (row) that are predicted as each class (column)"
    return table(caption, ["class", *classes], rows, kind="matrix")


def _count(count, share, is_right):
    return Cell(str(count), "right" if is_right else "wrong", share) if count else ""


def _percent(share):
    return "none predicted" if math.isnan(share) else f"{share:.0%}"
