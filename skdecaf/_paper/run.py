"""What all tables share: checked photos, features, stored cells, and a description of the run."""

# SPDX-License-Identifier: BSD-3-Clause
import time
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

import joblib
import numpy as np
from sklearn.utils import check_consistent_length
from threadpoolctl import threadpool_limits

from skdecaf._decaf import DeCAFTransformer
from skdecaf._paper.classifiers import CONSTANTS
from skdecaf._paper.results import PaperTable
from skdecaf._utils.json_text import read_json, write_json
from skdecaf._utils.machine import machine_info
from skdecaf._utils.progress import progress_bar
from skdecaf.weights import resolve_network
from skdecaf.weights._blob_names import split_blobs

_SEED_OF_FILTERS = 0  # for weights="random": the same network in every table
_VERSIONS = tuple((package, version(package)) for package in ("skdecaf", "scikit-learn", "numpy", "scipy"))


class Run:
    """A network, a folder for finished work, and how to run.

    Parameters
    ----------
    weights : str, path or Network
        As for `DeCAFTransformer`.
    folder : str, PathLike or None
        Stores features and finished cells; None stores nothing.
    n_jobs : int or None
        Processes that compute cells, and threads that compute features.
    verbose : bool
        Whether to show progress bars.
    """

    def __init__(self, weights, folder, n_jobs, verbose):
        self.weights = weights
        self.n_jobs = n_jobs
        self.verbose = verbose
        self._folder = None if folder is None else Path(folder)
        self._seconds = {"features": 0.0, "cells": 0.0}

    def network(self):
        """The network."""
        return resolve_network(self.weights, _SEED_OF_FILTERS)

    def features(self, photos, layers, with_bar=True):
        """Activations of several layers: a dict of layer to float32 array of shape (n_photos, width)."""
        sizes = self.network().blob_sizes
        transformer = self.transformer(layers, with_bar)
        with self.timing("features"):
            side_by_side = transformer.fit_transform(photos)
        blocks = split_blobs(side_by_side, [sizes[blob] for blob in transformer.blobs_])
        return dict(zip(layers, blocks, strict=True))

    def transformer(self, layers, with_bar=True):
        """A `DeCAFTransformer` of the network, which keeps activations in the folder."""
        return DeCAFTransformer(
            list(layers),
            dropout=False,
            weights=self.weights,
            memory=None if self._folder is None else self._folder / "features",
            n_jobs=self.n_jobs,
            random_state=_SEED_OF_FILTERS,
            verbose=self.verbose and with_bar,
        )

    @contextmanager
    def timing(self, name):
        """Count the time inside as that of "features" or "cells"."""
        start = time.perf_counter()
        yield
        self._seconds[name] += time.perf_counter() - start

    def map(self, function, data, calls):
        """Values of ``function(*data, **call)`` for each call, in order; those of earlier runs are read.

        The name of the file of a value is a hash of everything it depends on: ``data``, ``call``, the constants of
        the classifiers, and versions.

        Parameters
        ----------
        function : callable
            Importable by other processes; returns JSON values.
        data : tuple
            Large arguments that all calls share.
        calls : list of dict

        Returns
        -------
        list
        """
        common = joblib.hash((_VERSIONS, CONSTANTS, function.__module__, function.__qualname__, data))
        paths = [self._path_of(joblib.hash((common, call))) for call in calls]
        finished = [_read(path) for path in paths]
        missing = [i for i, cell in enumerate(finished) if cell is None]
        tasks = (joblib.delayed(_timed)(i, function, data, calls[i]) for i in missing)
        n_processes = min(joblib.effective_n_jobs(self.n_jobs), max(1, len(missing)))  # more would only take memory
        parallel = joblib.Parallel(n_jobs=n_processes, return_as="generator_unordered")
        with progress_bar(len(calls), self.verbose, done=len(calls) - len(missing), unit="cells") as bar:
            for i, cell in parallel(tasks):
                finished[i] = cell
                _keep(cell, paths[i])
                bar.update()
        self._seconds["cells"] += sum(cell["seconds"] for cell in finished)
        return [cell["value"] for cell in finished]

    def table(self, name, title, rows, columns, scores, published, *, y, n_classes=None, notes=(), **protocol):
        """A table, with a first note on its photos and with everything that is needed to repeat it.

        Parameters
        ----------
        name, title, rows, columns, scores, published : as for `PaperTable`
        y : ndarray of shape (n_photos,)
            Classes of the photos.
        n_classes : int, default=None
            Number of classes in the paper, for the note.
        notes : sequence of str
        **protocol : JSON values

        Returns
        -------
        PaperTable
        """
        n = len(np.unique(y))
        splits = f", {scores.shape[2]} splits" if scores.shape[2] > 1 else ""
        base = f"Network {self.network().name}, {len(y):,} photos of {n} classes{splits}."
        fewer = "" if n_classes in (None, n) else f" The paper has {n_classes} classes, and more are harder."
        weights = {"name": self.network().name, "fingerprint": self.network().fingerprint}
        details = {"weights": weights, **self.details({"photos": len(y), "classes": n, **protocol})}
        return PaperTable(name, title, rows, columns, scores, published, (base + fewer, *notes), details)

    def details(self, protocol):
        """Information for repeating a table: the protocol, versions, machine and times."""
        seconds = {name: round(seconds, 1) for name, seconds in self._seconds.items()}
        return {"protocol": protocol, **machine_info(), "seconds": seconds}

    def _path_of(self, digest):
        return None if self._folder is None else self._folder / "cells" / f"{digest}.json"


def photos_of(dataset):
    """The photos as an array, also from the first column of a frame (``as_frame=True``)."""
    data = dataset.data
    return data.iloc[:, 0].to_numpy() if hasattr(data, "columns") else np.asarray(data, dtype=object)


def check_dataset(dataset, *fields):
    """Refuse data without photos, classes or other fields before anything is computed."""
    missing = [name for name in ("data", "target", *fields) if len(getattr(dataset, name, ())) == 0]
    if missing:
        raise TypeError(
            "the photos must be a Bunch, as from the functions of skdecaf.datasets; this "
            f"{type(dataset).__name__} has no {', '.join(missing)}"
        )
    check_consistent_length(dataset.data, dataset.target)


def class_labels(dataset):
    """The class of each photo, by name if classes have names, so that errors of splits name classes.

    Raises
    ------
    ValueError
        If there are fewer than two classes.
    """
    labels, names = np.asarray(dataset.target), getattr(dataset, "target_names", None)
    if names is not None:
        labels = np.asarray(names)[labels]
    present = np.unique(labels).tolist()
    if len(present) < 2:
        raise ValueError(f"there must be photos of at least two classes; got {', '.join(map(repr, present)) or 'none'}")
    return labels


def _timed(i, function, data, call):
    start = time.perf_counter()
    with threadpool_limits(1, user_api="blas"):  # cells run in parallel
        value = function(*data, **call)
    return i, {"function": function.__qualname__, "value": value, "seconds": time.perf_counter() - start}


def _keep(cell, path):
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, cell)


def _read(path):
    """A finished cell, or None if there is none, or if it is damaged."""
    with suppress(FileNotFoundError, ValueError):
        return None if path is None else read_json(path)
