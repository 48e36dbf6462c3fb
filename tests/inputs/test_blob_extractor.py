"""Threads, order, memory and interruption: what must not change a feature, and what must not grow or hang."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
import threadpoolctl
from small_photos import truncated_png, write_photos
from tiny_networks import tiny_network
from tqdm import tqdm

from skdecaf import DeCAFTransformer
from skdecaf._forward import ForwardPass
from skdecaf._inputs.blob_extractor import BlobExtractor
from skdecaf._utils.progress import _ProgressLines

NETWORK = tiny_network()
LAYERS = ["norm1", 6, "prob"]


def transformer(**parameters):
    return DeCAFTransformer(LAYERS, weights=NETWORK, **parameters)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("photos"), 25)


# The same bits


@pytest.mark.parametrize("crops", ["center", "scales", "ten"])
@pytest.mark.parametrize("weights", [NETWORK, pytest.param("mini", marks=pytest.mark.slow)], ids=["tiny", "mini"])
def test_an_image_has_the_same_bits_whatever_the_way(weights, crops, paths):
    layers = LAYERS if weights is NETWORK else [5, 6, 8]
    X = np.array(paths[:14] if crops == "center" else paths[:12], dtype=object)
    fitted = DeCAFTransformer(layers, weights=weights, crops=crops, n_jobs=1).fit(X)
    expected = fitted.transform(X)
    order = np.random.default_rng(0).permutation(len(X))
    for n_jobs, batch_size in [(1, 1), (1, 12), (2, 7), (3, 1), (5, 64), (-1, 100), (None, 13)]:
        fitted.set_params(n_jobs=n_jobs, batch_size=batch_size)
        np.testing.assert_array_equal(fitted.transform(X[order]), expected[order])
        for rows in ([0], [7], [3, 2], slice(5, 11)):
            np.testing.assert_array_equal(fitted.transform(X[rows]), expected[rows])
        again = DeCAFTransformer(layers, weights=weights, crops=crops, n_jobs=n_jobs, batch_size=batch_size)
        np.testing.assert_array_equal(again.fit_transform(X), expected)
    with joblib.parallel_config(n_jobs=2):
        np.testing.assert_array_equal(fitted.set_params(n_jobs=None).transform(X), expected)


def test_other_images_beside_it_change_nothing(paths):
    fitted = transformer(value_range=(0, 1), on_error="nan", batch_size=5).fit(paths)
    expected = fitted.transform(paths)
    floats = list(np.random.default_rng(0).uniform(-1, 2, (25, 30, 40)))
    beside = [x for pair in zip(floats, paths, [None] * 25, strict=True) for x in pair]
    for n_jobs in (1, 2):
        with pytest.warns(UserWarning, match="25 of 75 images cannot be read"):
            found = fitted.set_params(n_jobs=n_jobs).transform(beside)
        np.testing.assert_array_equal(found[1::3], expected)


def test_no_batch_is_larger_than_batch_size(paths, monkeypatch):
    sizes, run = [], ForwardPass.run

    def counted(self, images, *args, **kwargs):
        sizes.append(len(images))
        return run(self, images, *args, **kwargs)

    monkeypatch.setattr(ForwardPass, "run", counted)
    for crops, batch_size, largest in [("center", 4, 4), ("center", 25, 25), ("ten", 64, 60), ("ten", 3, 10)]:
        sizes.clear()
        transformer(n_jobs=1, crops=crops, batch_size=batch_size).fit(paths)
        assert max(sizes) == largest and sum(sizes) == 25 * (10 if crops == "ten" else 1)


# Threads


def test_transforms_at_once_are_right(paths):
    fitted = transformer(n_jobs=2, batch_size=3).fit(paths)
    other = DeCAFTransformer(7, weights=tiny_network(1)).fit(paths)
    expected = {estimator: estimator.transform(paths) for estimator in (fitted, other)}
    orders = [np.random.default_rng(seed).permutation(25) for seed in range(12)]
    limits = threadpoolctl.threadpool_info()

    def transform(i):
        estimator = (fitted, other)[i % 2]
        return estimator, i, estimator.transform([paths[row] for row in orders[i]])

    with ThreadPoolExecutor(4) as pool:
        for estimator, i, found in pool.map(transform, range(12)):
            np.testing.assert_array_equal(found, expected[estimator][orders[i]])
    assert threadpoolctl.threadpool_info() == limits


def busy_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("skdecaf")]


def learn_by(callback):
    """BlobExtractor.run with another function in the place of the one that learns."""
    run = BlobExtractor.run
    return lambda self, checked, **options: run(self, checked, **options | {"callback": callback})


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_no_thread_outlives_an_error(error, paths, monkeypatch):
    """Also where the caller keeps the traceback, as an interactive session does."""

    def failing(*arguments):
        raise error("stop")

    broken = [*paths, truncated_png(paths[0]), *paths]
    for attempt in ("while it decodes", "while it learns"):
        with pytest.raises((error, ValueError)) as caught:
            transformer(n_jobs=3, batch_size=2).fit(broken)
        assert caught.traceback and not busy_threads(), attempt
        monkeypatch.setattr(BlobExtractor, "run", learn_by(failing))


# Progress


def test_without_a_bar_nobody_waits_for_the_lock_of_bars(paths):
    """It is shared with forked processes, and one that was killed keeps it for ever."""
    transform = threading.Thread(target=transformer().fit_transform, args=(paths,), daemon=True)
    with tqdm.get_lock():
        transform.start()
        transform.join(20)
        assert not transform.is_alive()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_progress_goes_to_stderr(n_jobs, paths, capsys):
    estimator = transformer(n_jobs=n_jobs, batch_size=4, on_error="nan")
    with pytest.warns(UserWarning, match="cannot be read"):
        estimator.fit_transform([*paths, None])
    assert capsys.readouterr() == ("", "")
    with pytest.warns(UserWarning, match="cannot be read"):
        estimator.set_params(verbose=True).fit_transform([*paths, None])
    out, err = capsys.readouterr()
    assert out == ""
    assert "100%" in err and "26/26" in err and "photos/s" in err
    assert err.count("\r") + err.count("\n") < 5, "a log does not want a line for each image"


def test_photos_in_the_cache_do_not_count_in_the_rate(paths, tmp_path, capsys, monkeypatch):
    some, new = paths[:20], paths[20:]
    estimator = transformer(memory=str(tmp_path / "cache"), batch_size=4, verbose=True)
    estimator.fit_transform(some)
    capsys.readouterr()
    skipped = []
    skip = _ProgressLines.skip
    monkeypatch.setattr(_ProgressLines, "skip", lambda self, n: (skipped.append(n), skip(self, n)))
    estimator.fit_transform(paths)
    assert sum(skipped) == len(some) and new
    assert f"{len(paths)}/{len(paths)}" in capsys.readouterr().err


# Processes of their own


def run_script(script, *arguments, **options):
    """Run a script that finds the small photos and networks; return the running process."""
    environment = os.environ | {"PYTHONPATH": os.path.dirname(sys.modules["small_photos"].__file__)}
    script = textwrap.dedent(script)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", script, *arguments], env=environment, **pipes, **options)


@pytest.mark.slow
@pytest.mark.parametrize("dropout", ["True", "False"])
def test_memory_does_not_grow_with_the_number_of_images(dropout, tmp_path):
    """Of 1,200 further photos 170 MB are decoded, and 190 MB would go into the network at once."""
    script = """
        import resource, sys
        import numpy as np
        from PIL import Image
        from skdecaf import DeCAFTransformer
        from skdecaf.weights import Architecture, FullyConnected, MaxPool, Network, Preprocessing

        layers = MaxPool("pool5", 9, 9), FullyConnected("fc6", 1000)
        network = Network.random(Architecture(layers, Preprocessing((256, 256), (227, 227))), 0)
        path = sys.argv[1] + "/photo.jpg"
        noise = np.random.default_rng(0).integers(0, 256, (220, 220, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        estimator = DeCAFTransformer(dropout=sys.argv[2] == "True", weights=network, n_jobs=2, batch_size=16)
        peaks = []
        for n in (200, 1400):
            estimator.fit([path] * n)
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
            features = estimator.transform([path] * n)
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - features.nbytes)
            del features
        print(max(peaks[2:]) - max(peaks[:2]))
    """
    with run_script(script, str(tmp_path), dropout) as process:
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert int(out) < 10e6


INTERRUPTED = """
    import sys, time
    from small_photos import write_photos
    from pathlib import Path
    from skdecaf import DeCAFTransformer
    import threading, threadpoolctl

    paths = write_photos(Path(sys.argv[1]), 20)
    estimator = DeCAFTransformer(n_jobs=int(sys.argv[2])).fit(paths)
    expected = estimator.transform(paths)
    limits = threadpoolctl.threadpool_info()
    print("started", flush=True)
    try:
        estimator.transform(paths * 2_000)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        assert not [t for t in threading.enumerate() if t.name.startswith("skdecaf")]
        assert threadpoolctl.threadpool_info() == limits
        assert (estimator.transform(paths) == expected).all()
        print("works", flush=True)
        raise
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
@pytest.mark.parametrize("wait", [0.2, 8])  # while the files are looked at, and while they go through the network
@pytest.mark.parametrize("n_jobs", ["1", "2"])
def test_ctrl_c(n_jobs, wait, tmp_path):
    with run_script(INTERRUPTED, str(tmp_path), n_jobs) as process:
        assert process.stdout.readline() == "started\n"
        time.sleep(wait)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"
        assert time.monotonic() - start < 3
        out, err = process.communicate(timeout=60)
    assert out == "works\n" and err.rstrip().endswith("KeyboardInterrupt")
    assert process.returncode in (-signal.SIGINT, 130)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_after_use_works(tmp_path):
    script = """
        import os, sys, warnings
        from pathlib import Path
        from small_photos import write_photos
        from skdecaf import DeCAFTransformer

        warnings.simplefilter("ignore")  # Python 3.12 warns of forks where threads run
        paths = write_photos(Path(sys.argv[1]), 20)
        estimator = DeCAFTransformer(n_jobs=2, batch_size=4).fit(paths)
        expected = estimator.transform(paths)
        child = os.fork()
        found = estimator.transform(paths)
        if child == 0:
            os._exit(0 if (found == expected).all() else 3)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.exit(status)
    """
    with run_script(script, str(tmp_path)) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
