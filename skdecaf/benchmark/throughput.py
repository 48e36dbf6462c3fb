"""Images a second, of this package and of other engines, in turn."""

# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import time
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from skdecaf._utils.threads import resolve_n_jobs
from skdecaf.benchmark.engines import ENGINES, engine_environment
from skdecaf.benchmark.layers import random_images
from skdecaf.benchmark.photos import check_photos, write_photos
from skdecaf.benchmark.worker import start_worker
from skdecaf.weights import Network, resolve_network
from skdecaf.weights.blob_names import resolve_blobs

PEERS = tuple(name for name in ENGINES if name != "skdecaf")
_SIZES = ((375, 500), (3000, 4000))
_FILES_AT_A_TIME = 64  # fewer where they are large
_LARGE = 2_000_000  # pixels
_PAUSE = 0.1  # seconds in which threads that others left spinning come to rest


def measure_throughput(
    weights="mini",
    layer=6,
    *,
    precision="float32",
    against=(),
    threads=None,
    batch_sizes=(1, 8, 64),
    sizes=_SIZES,
    files=None,
    rounds=5,
    notify=None,
):
    """Measure images a second, from memory and from files, beside other engines if asked for.

    Parameters
    ----------
    weights : str, PathLike or Network, default="mini"
        As for `skdecaf.DeCAFTransformer`. The others read it as `Network.to_onnx` writes it, but for torch, for
        which a module is built.
    layer : int or str, default=6
        What is computed.
    precision : {"float32", "compact"}, default="float32"
        Of this package, as for `skdecaf.DeCAFTransformer`. The others have float32.
    against : sequence of {"onnxruntime", "openvino", "torch", "opencv"}, default=()
        Other engines.
    threads : sequence of int, optional
        Numbers of threads to try; by default as many as may be used.
    batch_sizes : sequence of int, default=(1, 8, 64)
        Numbers of images in memory that an engine is given at a time.
    sizes : sequence of tuple (height, width), default=((375, 500), (3000, 4000))
        Of JPEG files that are made.
    files : sequence of str, optional
        Photos to read in their place.
    rounds : int, default=5
        In each, all engines take their turn.
    notify : callable, optional
        Called with a line of text when a measurement begins or something is left out; printed by default.

    Returns
    -------
    list of dict
        One for each engine and setting: "engine", "version", "settings"; "source", which is ``"memory"`` or says
        which files; "threads", "batch_size"; "images_per_second", the median over the rounds, with the "slowest" and
        the "fastest"; "times_as_fast", the median over the rounds of this package's speed over the engine's;
        "largest_error", the largest difference from this package's features over the largest of them; and for one
        image in each round "seconds" by the clock, and "cpu_seconds" of all processors together.

    Raises
    ------
    ValueError
        Where an engine or a layer has no such name, or a file is no photo.
    ChildProcessError
        Where this package fails; another engine that does is left out.

    Notes
    -----
    Each engine has a process of its own and waits there while others are timed. Images in memory are brought into
    the form that an engine reads before the time is taken: for this package that is uint8, for the others float32.
    From files, photos are read by `skdecaf.DeCAFTransformer` here, and for the others by Pillow in threads that
    read ahead, with the same resizing. The time is that with ``fast_decode``, the errors are those without.

    Examples
    --------
    >>> from skdecaf.benchmark import measure_throughput
    >>> measure_throughput("random", against=["openvino"], threads=[2])  # doctest: +SKIP
    """
    check_peers(against)
    check_photos(files)
    network = resolve_network(weights, 0)
    (blob,) = resolve_blobs([layer], network)
    threads = threads or [resolve_n_jobs(None)]
    notify = notify or print
    engines = ["skdecaf", *_installed(against, notify)]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        task = {**_write_task(network, blob, folder, engines), "precision": precision}
        workers = {name: stack.enter_context(start_worker(engine_environment(name))) for name in engines}
        runs = [_MemoryRun(network, folder, size) for size in batch_sizes]
        runs += [_FileRun("files", files, folder)] if files else [_made_files(size, folder) for size in sizes]
        return [
            record
            for run in runs
            for n in threads
            for record in _measure(run, _ready(run, workers, task, n, notify), n, rounds)
        ]


def check_peers(names):
    """Refuse engines that nobody knows."""
    unknown = sorted(set(names) - set(PEERS))
    if unknown:
        raise ValueError(f"there is no engine {unknown[0]!r} to compare with; there are {', '.join(PEERS)}")


class _MemoryRun:
    """A batch of random images in memory."""

    source = "memory"

    def __init__(self, network, folder, batch_size):
        self.n_images = self.batch_size = batch_size
        self.images, self.output = str(Path(folder) / f"images-{batch_size}.npy"), str(Path(folder) / "features.npy")
        np.save(self.images, random_images(network, batch_size))

    def compute(self, worker):
        worker.call("compute", images=self.images, output=self.output)
        return np.load(self.output)

    def time(self, worker):
        return worker.call("time_images")


class _FileRun:
    """Photos in files, as many times as it takes to fill batches."""

    def __init__(self, source, files, folder, batch_size=_FILES_AT_A_TIME):
        self.source, self.batch_size = source, batch_size
        n_batches = max(2, -(-len(files) // batch_size))
        self.n_images = n_batches * batch_size
        self.files = [str(files[i % len(files)]) for i in range(self.n_images)]
        self.output = str(Path(folder) / "features.npy")

    def compute(self, worker):
        worker.call("compute_files", files=self.files, output=self.output)
        return np.load(self.output)

    def time(self, worker):
        return worker.call("time_files", files=self.files)


def _made_files(size, folder):
    batch_size = _FILES_AT_A_TIME if size[0] * size[1] < _LARGE else _FILES_AT_A_TIME // 8
    return _FileRun(f"JPEG {size[1]}×{size[0]}", write_photos(folder, size), folder, batch_size)


def _installed(against, notify):
    """Those of the engines whose package is there."""
    found = []
    for name in against:
        if _version(name) is None:
            package = ENGINES[name].package
            notify(f'{name} is left out: its package {package} is missing; run pip install "skdecaf[bench]"')
        else:
            found.append(name)
    return found


def _version(name):
    packages = ["opencv-python", "opencv-contrib-python"] if name == "opencv" else []
    for package in (ENGINES[name].package, *packages):
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return None


def _write_task(network, blob, folder, engines):
    """Write the network for all engines; where it is, and what is asked of it, as JSON has it."""
    task = {"network": str(Path(folder) / "network.safetensors"), "model": str(Path(folder) / "network.onnx")}
    # A copy, since a network remembers the file to which it was saved, and this one is going to be deleted.
    copy = Network(network.layers, network.arrays, network.preprocessing, mean_image=network.mean_image)
    copy.save(task["network"])
    if set(engines) - {"skdecaf", "torch"}:
        network.to_onnx(task["model"], blobs=[blob])
    return {**task, "blob": blob}


def _ready(run, workers, task, threads, notify):
    """Name -> worker that is prepared for this run, with its settings and its error; without those that fail."""
    of_threads = f"{threads} thread{'s' * (threads > 1)}"
    notify(f"timing images from {run.source}, {of_threads}, batches of {run.batch_size}: {', '.join(workers)}")
    ready, expected = {}, None
    for name, worker in workers.items():
        try:
            arguments = {"task": task, "threads": threads, "batch_size": run.batch_size}
            settings = worker.call("prepare", name=name, **arguments)
            features = run.compute(worker)
        except ChildProcessError as error:
            if name == "skdecaf":
                raise
            notify(f"{name} is left out here: {error}")
            continue
        expected = features if expected is None else expected
        ready[name] = worker, settings, float(np.abs(features - expected).max() / np.abs(expected).max())
    return ready


def _measure(run, ready, threads, rounds):
    """One record for each engine."""
    rounds_of = {name: [] for name in ready}
    for _ in range(rounds):
        for name, (worker, _, _) in ready.items():
            time.sleep(_PAUSE)
            rounds_of[name].append(np.divide(run.time(worker), run.n_images).tolist())
    seconds = {name: [wall for wall, _ in times] for name, times in rounds_of.items()}
    return [
        {
            "engine": name,
            "version": _version(name),
            "settings": settings,
            "source": run.source,
            "threads": threads,
            "batch_size": run.batch_size,
            "images_per_second": 1 / float(np.median(seconds[name])),
            "slowest": 1 / max(seconds[name]),
            "fastest": 1 / min(seconds[name]),
            "times_as_fast": float(np.median(np.divide(seconds[name], seconds["skdecaf"]))),
            "largest_error": error,
            "seconds": seconds[name],
            "cpu_seconds": [cpu for _, cpu in rounds_of[name]],
        }
        for name, (_, settings, error) in ready.items()
    ]
