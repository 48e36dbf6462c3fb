"""From the ``weights`` parameter to a network, loaded once per process."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import threading
from collections import OrderedDict
from pathlib import Path

from skdecaf.weights import store
from skdecaf.weights.network import Network
from skdecaf.weights.reading import read_network

_EMBEDDED = Path(__file__).with_name("decaf-mini.safetensors")

# A handful is enough for a grid over weights; large networks must not pile up.
_MOST_LOADED = 4
_loaded = OrderedDict()
_lock = threading.Lock()


def resolve_network(weights, seed=None):
    """Return the network that ``weights`` means.

    Parameters
    ----------
    weights : str, PathLike or Network
        "mini", the network that ships with the package; "random", CaffeNet's architecture with random filters; the
        name of published weights; the path of a file in any format that this package reads; or a network.
    seed : int, optional
        Of the filters, for "random".

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        Where a file is not what it should be; the message says what does not fit.
    FileNotFoundError
        Where there is no such file, or published weights are missing and ``SKDECAF_OFFLINE`` is set.
    OSError
        Where published weights cannot be downloaded.
    ImportError
        Where reading a file needs a package that is not installed.

    Notes
    -----
    Published weights are "alexnet-compressed", "caffenet", "alexnet", "torchvision", "caffenet-onnx" and
    "alexnet-onnx"; "caffenet:pixel" and "alexnet:pixel" subtract the mean colour of the training photos instead of
    their mean image. At first use they are downloaded into a folder below ``SKDECAF_HOME`` or the user's caches,
    unless the environment variable ``SKDECAF_OFFLINE`` is 1: then no network is asked. A file of that name in the
    working directory is ``"./caffenet"``.
    """
    if isinstance(weights, Network):
        return weights
    if weights == "random":
        return _once(("random", seed), lambda: Network._random_from_seed("caffenet", seed))
    if weights in store.names() and weights != "mini":
        paths = store.locate(weights, download_if_missing=True)
        return _once((weights, *map(_state, paths)), lambda: _found_again_as(weights, store.load(weights)))
    path = _EMBEDDED if weights == "mini" else Path(weights).absolute()
    if not path.is_file():
        raise FileNotFoundError(
            f"weights={str(weights)!r} is neither a file nor one of the names {', '.join(map(repr, store.names()))}"
        )
    return _once(_state(path), lambda: _found_again_as(str(path), read_network(path)))


def _found_again_as(where, network):
    """Tell the network where it came from, by which its pickle names it."""
    network._origin = ("file", where)
    return network


def _state(path):
    """A file as it is now."""
    stat = os.stat(path)
    return path, stat.st_size, stat.st_mtime_ns, stat.st_ino


def _once(key, load):
    with _lock:
        if key not in _loaded:
            _loaded[key] = load()
            while len(_loaded) > _MOST_LOADED:
                _loaded.popitem(last=False)
        _loaded.move_to_end(key)
        return _loaded[key]
