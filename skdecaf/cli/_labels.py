"""Labels of photos, computed in chunks and printed as they come."""

# SPDX-License-Identifier: BSD-3-Clause
import sys

import numpy as np

from skdecaf._inputs.sources import check_images
from skdecaf._utils.progress import progress_bar
from skdecaf.cli import _options
from skdecaf.cli._photos import PhotoFiles, bad_rows_expected, printable, why_unreadable

_PHOTOS_AT_ONCE = 256


def label_with_network(photos, classifier, k):
    """Label photos with the network's own classes.

    Parameters
    ----------
    photos : list of str
    classifier : ImageNetClassifier
        Fitted here on the photos, to learn the range of their values.
    k : int
        Number of classes for each photo.

    Yields
    ------
    photo : str
    labels : list of (str, float, str)
        Label, probability and WordNet identifier, the most probable class first.
    error : ImageError or None
        Why the photo has no labels, if ``classifier.on_error`` is "nan" and it cannot be read.
    """
    check_images(PhotoFiles(photos), classifier.on_error)
    classifier.fit(photos)

    def label(chunk):
        return [[(one.name, one.probability, one.wnid) for one in labels] for labels in classifier.top_k(chunk, k)]

    yield from _label(photos, classifier, label)


def label_with_model(photos, model, k):
    """Label photos with a trained model.

    Parameters
    ----------
    photos : list of str
    model : Pipeline
        A fitted `DeCAFTransformer` followed by a classifier with ``predict_proba``.
    k : int
        Number of labels for each photo, at most.

    Yields
    ------
    photo : str
    labels : list of (str, float)
        Label and probability, the most probable first.
    error : ImageError or None
        As for `label_with_network`.
    """
    transformer, classifier = model[0], model[1:]

    def label(chunk):
        features = transformer.transform(chunk)
        labels = [[] for _ in chunk]
        (good,) = np.nonzero(~np.isnan(features).any(axis=1))
        for i, row in zip(good, classifier.predict_proba(features[good]) if len(good) else (), strict=True):
            best = np.argsort(-row, kind="stable")[:k]
            labels[i] = [(str(classifier.classes_[j]), float(row[j])) for j in best]
        return labels

    check_images(PhotoFiles(photos), transformer.on_error)
    yield from _label(photos, transformer, label)


def _label(photos, reader, label):
    """Label chunk by chunk; ``reader`` is the estimator that reads the photos."""
    on_error = reader.on_error
    # Its own errors would name the photo's index in the chunk.
    reader.set_params(on_error="nan")
    for start in range(0, len(photos), _PHOTOS_AT_ONCE):
        chunk = photos[start : start + _PHOTOS_AT_ONCE]
        with bad_rows_expected():
            chunk_labels = label(chunk)
        for photo, labels in zip(chunk, chunk_labels, strict=True):
            error = None if labels else why_unreadable(photo, reader.value_range_)
            if error and on_error == "raise":
                raise error
            yield photo, labels, error


def print_labels(labelled, n_photos, fields, options):
    """Print labels, then how many photos were left out; raise a ValueError if all were.

    Parameters
    ----------
    labelled : iterable of (photo, labels, error)
        Each label is a tuple of a text, a probability and possibly more.
    n_photos : int
    fields : tuple of str
        Names of the values of a label in JSON.
    options : argparse.Namespace
        With ``json`` and ``quiet``.
    """
    n_left_out = 0
    for photo, labels, error in _with_progress(labelled, n_photos, options.quiet):
        if error:
            _options.complain(f"left out: {error}")
            n_left_out += 1
        elif options.json:
            named = [dict(zip(fields, label, strict=True)) for label in labels]
            _options.print_json({"file": printable(photo), "labels": named})
        else:
            for text, probability, *rest in labels:
                print(_cell(printable(photo)), _cell(printable(text)), f"{probability:.4f}", *rest, sep="\t")
    if n_left_out and n_left_out == n_photos:
        raise ValueError(f"none of the {n_photos} photos can be read")
    if n_left_out:
        _options.complain(f"{n_left_out} of {n_photos} photos left out")


def _cell(text):
    """Text for a line of tab-separated values: tabs and line breaks become escapes."""
    return text.translate({ord("\t"): "\\t", ord("\n"): "\\n", ord("\r"): "\\r"})


def _with_progress(labelled, n_photos, quiet):
    """Show a bar unless the results go to its terminal."""
    with progress_bar(n_photos, not (quiet or sys.stdout.isatty() or not sys.stderr.isatty())) as bar:
        for row in labelled:
            yield row
            bar.update()
