"""Labels of photos, computed in chunks and printed as they come."""

# SPDX-License-Identifier: BSD-3-Clause
import sys
import time

import numpy as np

from skdecaf._inputs.sources import check_images
from skdecaf._utils.json_text import to_json
from skdecaf._utils.progress import progress_bar
from skdecaf._utils.warnings import collect_unreadable
from skdecaf.cli._output import escape_tabs, print_error
from skdecaf.cli._photos import PhotoFiles

_FIRST_CHUNK, _LARGEST_CHUNK = 16, 256
_SECONDS = 0.5  # per chunk, about


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
    reader.set_params(on_error="nan")  # labels of the photos before a bad one are yielded first
    start, size = 0, _FIRST_CHUNK
    while chunk := photos[start : start + size]:
        begin = time.perf_counter()
        with collect_unreadable() as errors:
            chunk_labels = label(PhotoFiles(chunk))
        start, size = start + size, _next_size(size, time.perf_counter() - begin)
        for i, (photo, labels) in enumerate(zip(chunk, chunk_labels, strict=True)):
            if i in errors and on_error == "raise":
                raise errors[i]
            yield photo, labels, errors.get(i)


def _next_size(size, seconds):
    """Photos in the next chunk, so that rows appear steadily and few chunks waste no time."""
    if seconds > 2 * _SECONDS:
        return max(1, size // 2)
    return min(2 * size, _LARGEST_CHUNK) if seconds < _SECONDS else size


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
    is_terminal = sys.stderr.isatty()
    with progress_bar(n_photos, not options.quiet, delay=0 if is_terminal else 10) as bar:
        write = bar.write if is_terminal else print  # around the bar
        for photo, labels, error in labelled:
            if error:
                write(f"skdecaf: left out: {error}", file=sys.stderr)
                n_left_out += 1
            elif options.json:
                named = [dict(zip(fields, label, strict=True)) for label in labels]
                write(to_json({"file": photo, "labels": named}))
            else:
                for text, probability, *rest in labels:
                    write("\t".join([escape_tabs(photo), escape_tabs(text), f"{probability:.4f}", *map(str, rest)]))
            sys.stdout.flush()
            bar.update()
    if n_left_out and n_left_out == n_photos:
        raise ValueError(f"none of the {n_photos} photos can be read")
    if n_left_out:
        print_error(f"{n_left_out} of {n_photos} photos left out")
