"""What all tables need: features of photos, finished cells that are kept, and what ran where."""

# SPDX-License-Identifier: BSD-3-Clause
import json
import time
from importlib.metadata import version
from pathlib import Path

import joblib
import numpy as np
from tqdm import tqdm

from skdecaf._blob_names import resolve_blobs
from skdecaf._decaf import DeCAFTransformer
from skdecaf._system_info import system_info
from skdecaf._threads import single_blas_thread
from skdecaf.paper._classifiers import CONSTANTS
from skdecaf.paper.results import write_text
from skdecaf.weights import resolve_network

_SEED_OF_FILTERS = 0  # of weights="random": the same network in every table
_VERSIONS = tuple((package, version(package)) for package in ("skdecaf", "scikit-learn", "numpy", "scipy"))


class Run:
    """A network, a folder that keeps what is finished, and how to run.

    Parameters
    ----------
    weights : str, path or Network
        As for `DeCAFTransformer`.
    folder : str, PathLike or None
        Keeps the features of photos and each finished cell; None keeps nothing.
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

    def transformer(self, layers):
        """A transformer that gives activations as they are, and keeps them in the folder."""
        memory = None if self._folder is None else self._folder / "features"
        return DeCAFTransformer(
            layers,
            dropout=False,
            weights=self.weights,
            memory=memory,
            n_jobs=self.n_jobs,
            random_state=_SEED_OF_FILTERS,
            verbose=self.verbose,
        )

    def network(self):
        """The network as data."""
        return resolve_network(self.weights, _SEED_OF_FILTERS)

    def features(self, photos, layers):
        """Activations of several layers from one pass: a dict of layer to float32 array of shape (n_photos, width)."""
        start = time.perf_counter()
        shapes = self.network().blob_shapes
        widths = [int(np.prod(shapes[blob])) for blob in resolve_blobs(list(layers), self.network())]
        side_by_side = self.transformer(list(layers)).fit_transform(photos)
        blocks = np.split(side_by_side, np.cumsum(widths)[:-1], axis=1)
        self._seconds["features"] += time.perf_counter() - start
        return dict(zip(layers, blocks, strict=True))

    def map(self, function, data, calls):
        """Values of ``function(*data, **call)`` for each call, in order; those of earlier runs are read.

        Whatever a value depends on is hashed into the name of the file that keeps it: ``data``, ``call``, the
        constants of the classifiers, and versions.

        Parameters
        ----------
        function : callable
            Of a module, so that processes can import it. Returns what JSON has.
        data : tuple
            Large and common to all calls.
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
        parallel = joblib.Parallel(n_jobs=self.n_jobs, return_as="generator_unordered")
        for i, cell in tqdm(parallel(tasks), total=len(missing), desc="classifiers", disable=not self.verbose):
            finished[i] = cell
            if paths[i] is not None:
                paths[i].parent.mkdir(parents=True, exist_ok=True)
                write_text(paths[i], json.dumps(cell))
        self._seconds["cells"] += sum(cell["seconds"] for cell in finished)
        return [cell["value"] for cell in finished]

    def details(self, **protocol):
        """What it takes to repeat the table: the protocol, and what ran where for how long."""
        info, network = system_info(), self.network()
        return {
            "protocol": protocol,
            "weights": {"name": network.name, "fingerprint": network.fingerprint},
            "versions": info["versions"],
            "processor": info["processor"],
            "kernels": info["kernels"]["in_use"],
            "blas": info["blas"],
            "seconds": {name: round(seconds, 1) for name, seconds in self._seconds.items()},
        }

    def _path_of(self, digest):
        return None if self._folder is None else self._folder / "cells" / f"{digest}.json"


def note_on_classes(y, n_in_paper):
    """A note where the figures are not of as many classes as the paper's; a tuple with it, or without."""
    n = len(np.unique(y))
    return () if n == n_in_paper else (f"Of {n} classes, where the paper has {n_in_paper}: more are harder.",)


def _timed(i, function, data, call):
    start = time.perf_counter()
    with single_blas_thread():  # the cores are shared out by cell, and no bit depends on their number
        value = function(*data, **call)
    return i, {"function": function.__qualname__, "value": value, "seconds": time.perf_counter() - start}


def _read(path):
    """A finished cell, or None."""
    if path is None or not path.exists():
        return None
    return json.loads(path.read_text(encoding="utf-8"))
