"""Labels of photo files, some photos after the other, so that memory does not grow with their number."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

from skdecaf._inputs.sources import check_images
from skdecaf.cli._photos import PhotoFiles, bad_rows_expected, why_unreadable

_PHOTOS_AT_ONCE = 256


def label_with_network(photos, classifier, k):
    """Name the classes of the network's own that photos may show.

    Parameters
    ----------
    photos : list of str
    classifier : ImageNetClassifier
        It is fitted on the photos, which learns the range of their values.
    k : int
        How many classes for each photo.

    Yields
    ------
    photo : str
    labels : list of Prediction
        The most probable class first.
    error : ImageError or None
        Why the photo cannot be read, where ``classifier.on_error`` is "nan"; there are no labels then.
    """
    check_images(PhotoFiles(photos), classifier.on_error)
    classifier.fit(photos)
    yield from _label(photos, classifier, lambda chunk: classifier.top_k(chunk, k))


def label_with_model(photos, model, k):
    """Tell the labels that a trained model gives to photos.

    Parameters
    ----------
    photos : list of str
    model : Pipeline
        A fitted `DeCAFTransformer` followed by a classifier with ``predict_proba``.
    k : int
        How many labels for each photo, at most.

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
    # Its own errors would tell a photo's place in the chunk.
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
