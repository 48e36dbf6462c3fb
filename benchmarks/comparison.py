"""Time several engines in turn, on the same network, images and number of threads."""

# SPDX-License-Identifier: BSD-3-Clause
import tempfile
import time
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from engines import ENGINES, engine_environment
from report import say
from worker import start_worker

from skdecaf._utils.threads import resolve_n_jobs
from skdecaf.weights import resolve_network
from skdecaf.weights._blob_names import resolve_blobs

_PAUSE = 0.1  # seconds in which spinning threads of other engines come to rest


def compare_engines(
    make_runs, weights, layer, *, precision="float32", against=(), threads=None, rounds=5, notify=say
):  # fmt: skip
    """Measure images a second of skdecaf and of other engines.

    Parameters
    ----------
    make_runs : callable
        Given the network and a folder for temporary files, returns what is timed, each as `throughput.MemoryRun`.
    weights : str, PathLike or Network
        As for `skdecaf.DeCAFTransformer`. Other engines read it as `Network.to_onnx` writes it; for torch a module is
        built.
    layer : int or str
        What is computed.
    precision : {"float32", "compact"}, default="float32"
        Of skdecaf. The others use float32.
    against : sequence of {"onnxruntime", "openvino", "torch", "opencv"}, default=()
        Other engines.
    threads : sequence of int, optional
        Numbers of threads to try; by default as many as may be used.
    rounds : int, default=5
        In each, all engines take their turn.
    notify : callable, optional
        Called with a line of text when a measurement begins or an engine is left out.

    Returns
    -------
    list of dict
        One for each engine and setting: "engine", "version", "settings"; "source", which is ``"memory"`` or says
        which files; "threads", "batch_size"; "images_per_second", the median over the rounds, with the "slowest" and
        the "fastest"; "times_as_fast", the median over the rounds of skdecaf's speed over the engine's;
        "largest_error", the largest difference from skdecaf's features over the largest of them; and for one
        image in each round "seconds" by the clock, and "cpu_seconds" of all processors together.

    Raises
    ------
    ChildProcessError
        If skdecaf fails. Another engine that fails is left out.

    Notes
    -----
    Each engine has a process of its own and waits while others are timed. Images in memory are converted into the form
    that an engine reads before the time is taken: uint8 for skdecaf, float32 for the others.
    """
    network = resolve_network(weights, 0)
    (blob,) = resolve_blobs([layer], network)
    threads = threads or [resolve_n_jobs(None)]
    engines = ["skdecaf", *_installed(against, notify)]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        task = {**_write_task(network, blob, folder, engines), "precision": precision}
        workers = {name: stack.enter_context(start_worker(engine_environment(name))) for name in engines}
        return [
            record
            for run in make_runs(network, folder)
            for n in threads
            for record in _measure(run, _ready(run, workers, task, n, notify), n, rounds)
        ]


def _installed(against, notify):
    """Return the engines whose package is installed."""
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
    """Write the network for all engines; return its paths and the blob, in a form that JSON can hold."""
    task = {"network": str(Path(folder) / "network.safetensors"), "model": str(Path(folder) / "network.onnx")}
    # A copy, because a network remembers the file to which it was saved, and this file is temporary.
    network.replace().save(task["network"])
    if set(engines) - {"skdecaf", "torch"}:
        network.to_onnx(task["model"], blobs=[blob])
    return {**task, "blob": blob}


def _ready(run, workers, task, threads, notify):
    """Prepare workers; return name -> (worker, settings, error), without engines that fail."""
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
