"""From the ``weights`` parameter to a network, loaded once per process."""

# SPDX-License-Identifier: BSD-3-Clause
import copyreg
import math
import os
from pathlib import Path

from skdecaf._utils.process_cache import ProcessCache
from skdecaf.weights import _store as store
from skdecaf.weights._compact import CompactMatrix
from skdecaf.weights._embedded import EMBEDDED_FILE
from skdecaf.weights._file_formats import read_file
from skdecaf.weights._layers import FullyConnected, output_shape
from skdecaf.weights._network import Network, draw_network

# Enough for a grid search over weights, and few enough that large networks do not fill the memory.
_loaded = ProcessCache(4)

PRECISIONS = ("float32", "compact")


def resolve_network(weights, seed=None, precision="float32"):
    """Return the network that ``weights`` means.

    Parameters
    ----------
    weights : str, PathLike or Network
        "mini", the network that ships with the package; "random", CaffeNet's architecture with random filters; the
        name of published weights; the path of a file in any format that this package reads; or a network.
    seed : int, optional
        Seeds the filters of "random".
    precision : {"float32", "compact"}, default="float32"
        "compact" keeps the weights of fully connected layers in 16 bits, as a `CompactMatrix`.

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        If a file does not hold a network, or if ``precision`` is unknown; the message says what is wrong.
    FileNotFoundError
        If there is no such file, or if published weights are missing and ``SKDECAF_OFFLINE`` is set.
    OSError
        If published weights cannot be downloaded.
    ImportError
        If reading the file needs a package that is not installed.

    Notes
    -----
    Published weights are "alexnet-compressed", "caffenet", "alexnet", "torchvision", "caffenet-onnx" and
    "alexnet-onnx"; "caffenet:pixel" and "alexnet:pixel" subtract the mean colour of the training photos instead of
    their mean image. They are downloaded at first use, to a folder below ``SKDECAF_HOME`` or the user's caches. Set
    the environment variable ``SKDECAF_OFFLINE`` to 1 to forbid downloads. To read a file called caffenet in the
    working directory, pass ``"./caffenet"``.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision={precision!r} is not one of {', '.join(map(repr, PRECISIONS))}")
    if isinstance(weights, Network) and precision == "float32":
        return weights
    key, load = _key_and_loader(weights, seed)
    if precision == "float32":
        return _loaded.get(key, load)
    return _loaded.get((*key, precision), lambda: _compact(load()))


def locate_files(weights):
    """Paths of the files of a name or path, downloaded if they are missing; none for "random"."""
    if weights == "random":
        return []
    if weights == "mini":
        return [EMBEDDED_FILE]
    if weights in store.names():
        return store.locate(weights, download_if_missing=True)
    path = Path(weights).absolute()
    if not path.is_file():
        raise FileNotFoundError(
            f"weights={str(weights)!r} is neither a file nor one of the names {', '.join(map(repr, store.names()))}; "
            + (f"{str(path)!r} is a folder" if path.is_dir() else f"there is no {str(path)!r}")
        )
    return [path]


def _key_and_loader(weights, seed):
    """Key of the network in the cache, and a function that loads the network."""
    if isinstance(weights, Network):
        return (weights.fingerprint, weights.labels, weights.name), lambda: weights
    if weights == "random":
        return (weights, seed), lambda: draw_network("caffenet", seed)
    files = locate_files(weights)
    return (str(weights), *map(_state, files)), lambda: _read(weights, *files)


def _state(path):
    stat = os.stat(path)
    return path, stat.st_size, stat.st_mtime_ns, stat.st_ino


def _read(weights, path, mean_image=None):
    if weights not in store.names():
        return read_file(path, origin=str(path))
    name = None if weights == "mini" else weights
    return read_file(path, name, origin=weights, **({"mean": mean_image} if mean_image else {}))


def _compact(network):
    """The network with the weights of its fully connected layers in 16 bits."""
    arrays, shape = {name: network.arrays.stored(name) for name in network.arrays}, network.input_shape
    for layer in network.layers:
        name = f"{layer.name}.weight"
        if isinstance(layer, FullyConnected) and not isinstance(arrays[name], CompactMatrix):
            # Values of one channel of a map are similar; values of a vector at least have a common mean.
            group = shape[1] * shape[2] if len(shape) == 3 else math.gcd(*shape, 8)
            arrays[name] = CompactMatrix(arrays[name], group)
        shape = output_shape(layer, shape)
    return network.replace(arrays=arrays)


def _reduce(network):
    """Pickle a network by reference: its arrays would make the pickle of an estimator hundreds of megabytes long."""
    if network.origin is None:
        raise TypeError(
            f"{network!r} exists in memory only and cannot be pickled; call network.save(path) first, "
            "and the pickle will name that file."
        )
    return _load_again, (network.origin, network.fingerprint)


def _load_again(origin, fingerprint):
    """Unpickle a network."""
    network = draw_network(*origin) if isinstance(origin, tuple) else resolve_network(origin)
    if network.fingerprint != fingerprint:
        raise ValueError(f"the network at {origin!r} is another one than when the estimator was pickled")
    return network


# Not `Network.__reduce__`, since the module of `Network` cannot import this one.
copyreg.pickle(Network, _reduce)
