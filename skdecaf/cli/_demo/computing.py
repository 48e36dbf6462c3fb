"""What the page shows: classes, maps, times, occlusion, similar photos and trained classifiers."""

# SPDX-License-Identifier: BSD-3-Clause
import io
import os
import time
import warnings
from typing import NamedTuple

import numpy as np
from sklearn.preprocessing import normalize

from skdecaf._decaf import DeCAFTransformer
from skdecaf._decaf_classifier import DeCAFClassifier
from skdecaf._forward import plan_forward_pass
from skdecaf._imagenet import ImageNetClassifier
from skdecaf._utils.warnings import collect_unreadable
from skdecaf.cli._demo.pictures import data_url, jpeg, picture_of_drops, picture_of_maps
from skdecaf.cli._models import model_files, model_of
from skdecaf.cli._photos import printable
from skdecaf.cli._similarity import cosine_distances, list_folder, unit_features
from skdecaf.images import ImageError
from skdecaf.images._decoding import decode_reduced
from skdecaf.images._formats import read_header
from skdecaf.images._naming import as_image_error
from skdecaf.plotting._blobs import as_read
from skdecaf.plotting._drawing import visible_pixels
from skdecaf.plotting._occlusion import drop_of_each_pixel, measure_drops
from skdecaf.weights import resolve_network
from skdecaf.weights._blob_names import split_blobs

MAX_MEGAPIXELS = 50
_NARROWEST = 50  # of the longer side to the shorter
_THUMBNAIL = 400  # pixels
_N_MAPS = 16
_N_CLASSES = 5
_ROUNDS = 3
_FOLDS = 5
_SEARCH_LAYER = 5


class PhotoFolder(NamedTuple):
    """A folder to search."""

    photos: list  # paths
    names: list  # of the photos inside the folder
    rows: np.ndarray  # a unit vector for each
    transformer: DeCAFTransformer
    left_out: dict  # path: reason


def check_photo(contents):
    """Refuse a photo that has too many pixels, is too narrow or cannot be read; return a thumbnail."""
    with as_image_error(contents), io.BytesIO(contents) as file:
        width, height = read_header(file).size
        if width * height > MAX_MEGAPIXELS * 1e6:
            raise ImageError(f"has {width} × {height} pixels; at most {MAX_MEGAPIXELS} million are allowed")
        if max(width, height) > _NARROWEST * min(width, height):
            raise ImageError(f"has {width} × {height} pixels, which is too narrow")
    return data_url(_thumbnail(contents), "jpeg")


def thumbnail_of_file(path):
    """The contents of a small JPEG file."""
    return _thumbnail(path)


class Computer:
    """Computes with one network.

    Parameters
    ----------
    weights, precision, n_jobs
        As for `DeCAFTransformer`.
    """

    def __init__(self, weights="mini", precision="float32", n_jobs=None):
        model_files()
        self._options = {"weights": weights, "precision": precision, "n_jobs": n_jobs}
        self.network = resolve_network(weights, 0, precision)

    def index(self, folder, memory, verbose):
        """Compute the features of the photos of a folder; return a PhotoFolder."""
        transformer = self._transformer(_SEARCH_LAYER, memory=memory, verbose=verbose, on_error="nan")
        photos, rows, left_out = unit_features(list_folder(folder), transformer)
        transformer.set_params(memory=None, verbose=False, on_error="raise")
        names = [printable(os.path.relpath(photo, folder)) for photo in photos]
        return PhotoFolder(photos, names, rows, transformer, left_out)

    def explain(self, photo):
        """The most probable classes of a photo, and the activations and time of each layer."""
        blobs = [blob for blob in self.network.blob_shapes if not blob.endswith("_pre")]
        transformer = self._transformer(blobs)
        activations = transformer.fit_transform([photo])[0]
        shapes = {blob: self.network.blob_shapes[blob] for blob in blobs}
        sizes = [self.network.blob_sizes[blob] for blob in blobs]
        values = dict(zip(blobs, split_blobs(activations, sizes), strict=True))
        milliseconds = self._time_layers(blobs, as_read(transformer, self.network, photo))
        layers = [
            {"name": blob, "milliseconds": milliseconds[blob], **_describe(values[blob], shape)}
            for blob, shape in shapes.items()
        ]
        return {"classes": self._name(photo), "layers": layers, "input_milliseconds": milliseconds["input"]}

    def occlusion(self, photo, classifier=None):
        """A picture of the parts of a photo that a decision rests on."""
        if classifier is None:
            classifier = self._imagenet().fit([photo])
        measured = measure_drops(classifier, photo, size=_size_of_square(photo))
        pixels = visible_pixels(measured["photo"])
        picture = picture_of_drops(pixels, drop_of_each_pixel(pixels, measured["drops"], measured["size"]))
        return {"name": str(measured["label"]), "probability": measured["score"], "picture": picture}

    def search(self, folder, photo, k):
        """The nearest photos of a folder: pairs of index and distance."""
        row = normalize(folder.transformer.transform([photo]))
        distances = cosine_distances(row, folder.rows)[0]
        return [(int(i), float(distances[i])) for i in np.argsort(distances, kind="stable")[:k]]

    def train(self, photos, labels):
        """Train a classifier; return it, the contents of its skops file, and how accurate it is."""
        classifier = DeCAFClassifier(cv=_FOLDS, on_error="nan", random_state=0, **self._options)
        with collect_unreadable():
            warnings.filterwarnings("ignore", message="a class has 1 image")  # the page says that nothing is known
            classifier.fit(photos, labels)
        classifier.set_params(on_error="raise")
        contents = model_files().dumps(model_of(classifier))
        scores = classifier.best_fold_scores_
        result = {
            "layer": classifier.layer_,
            "C": classifier.C_,
            "folds": len(scores),
            "accuracy": classifier.best_score_ if scores else None,
            "classes": _class_accuracies(classifier, np.asarray(labels)),
        }
        return classifier, contents, result

    def predict(self, classifier, photo):
        """The classes of a trained classifier, the most probable first."""
        probabilities = classifier.predict_proba([photo])[0]
        best = np.argsort(-probabilities, kind="stable")
        return [{"name": str(classifier.classes_[i]), "probability": float(probabilities[i])} for i in best]

    def _name(self, photo):
        if not self.network.labels:
            return []
        (found,) = self._imagenet().fit([photo]).top_k([photo], min(_N_CLASSES, len(self.network.labels)))
        return [{"name": one.name, "probability": one.probability} for one in found]

    def _time_layers(self, blobs, pixels):
        """Milliseconds of each layer: the least of some rounds, on one thread."""
        forward, rounds = plan_forward_pass(self.network, blobs), []
        for _ in range(_ROUNDS):
            seconds = dict.fromkeys(["input", "flatten", *blobs], 0.0)
            last = time.perf_counter()

            def observe(step, seconds=seconds):
                nonlocal last
                now = time.perf_counter()
                seconds[step] += now - last
                last = now

            forward.run(pixels[np.newaxis], observe=observe)
            rounds.append(seconds)
        return {step: 1000 * min(seconds[step] for seconds in rounds) for step in rounds[0]}

    def _imagenet(self):
        return ImageNetClassifier(**self._options)

    def _transformer(self, layer, **options):
        return DeCAFTransformer(layer, dropout=False, random_state=0, **self._options, **options)


def _describe(values, shape):
    """The size of a blob, the share of values above zero, and a picture of the strongest maps, if it has maps."""
    described = {"shape": " × ".join(map(str, shape)), "active": float((values > 0).mean()), "picture": None}
    if len(shape) == 3:
        maps = values.reshape(shape)
        strongest = np.argsort(-np.square(maps).mean(axis=(1, 2)), kind="stable")[:_N_MAPS]
        described["picture"] = picture_of_maps(maps[strongest])
    return described


def _size_of_square(photo):
    """A quarter of the shorter side, and more in narrow photos, which would need thousands of positions."""
    with io.BytesIO(photo) as file:
        sides = read_header(file).size
    return min(1, max(1, max(sides) / min(sides) / 3) / 4)


def _class_accuracies(classifier, labels):
    """Each class, its readable photos, and the share of them that were recognised without being trained on."""
    good = np.ones(len(labels), bool)
    good[classifier.bad_images_] = False
    hits = None if classifier.cv_predictions_ is None else classifier.cv_predictions_ == labels
    return [
        {
            "name": str(name),
            "photos": int((good & (labels == name)).sum()),
            "accuracy": None if hits is None else float(hits[good & (labels == name)].mean()),
        }
        for name in classifier.classes_
    ]


def _thumbnail(source):
    return jpeg(visible_pixels(decode_reduced(source, _THUMBNAIL)[0]), _THUMBNAIL)
