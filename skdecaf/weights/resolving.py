"""From the ``weights`` parameter to a network, loaded once per process."""

# SPDX-License-Identifier: BSD-3-Clause
import math
import os
from pathlib import Path

from skdecaf._utils.process_cache import ProcessCache
from skdecaf.weights import store
from skdecaf.weights.compact import CompactMatrix
from skdecaf.weights.layers import FullyConnected, output_shape
from skdecaf.weights.network import Network
from skdecaf.weights.reading import read_network

_EMBEDDED = Path(__file__).with_name("decaf-mini.safetensors")

# A handful is enough for a grid over weights; large networks must not pile up.
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
        Of the filters, for "random".
    precision : {"float32", "compact"}, default="float32"
        "compact" keeps the weights of fully connected layers as `CompactMatrix`, and no others of them.

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        Where a file is not what it should be; the message says what does not fit. Where ``precision`` is neither of
        the two.
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
    if precision not in PRECISIONS:
        raise ValueError(f"precision={precision!r} is none of {', '.join(map(repr, PRECISIONS))}")
    if precision == "compact":
        return _loaded.get((*_key(weights, seed), precision), lambda: _compact(_load(weights, seed)))
    return weights if isinstance(weights, Network) else _loaded.get(_key(weights, seed), lambda: _load(weights, seed))


def _key(weights, seed):
    """What decides the network of this name or file, or the compact form of a network."""
    if isinstance(weights, Network):
        return weights.fingerprint, weights.labels, weights.name
    if weights == "random":
        return weights, seed
    return str(weights), *map(_state, files_behind(weights))


def _load(weights, seed):
    if isinstance(weights, Network):
        return weights
    if weights == "random":
        return Network._random_from_seed("caffenet", seed)
    published = weights in store.names() and weights != "mini"
    return _found_again_as(weights, store.load(weights) if published else read_network(files_behind(weights)[0]))


def _compact(network):
    """The same network with its largest arrays, those of the fully connected layers, in 16 bits a weight."""
    arrays, shape = dict(network.arrays), network.input_shape
    for layer in network.layers:
        name = f"{layer.name}.weight"
        if isinstance(layer, FullyConnected) and not isinstance(arrays[name], CompactMatrix):
            # Values of one channel of a map are much alike; those of a vector have their mean in common at least.
            group = shape[1] * shape[2] if len(shape) == 3 else math.gcd(*shape, 8)
            arrays[name] = CompactMatrix(arrays[name], group)
        shape = output_shape(layer, shape)
    return Network(
        network.layers, arrays, network.preprocessing,
        labels=network.labels, mean_image=network.mean_image, name=network.name,
    )  # fmt: skip


def files_behind(weights):
    """Paths of the files that a name or path stands for, downloaded where they are missing; none for "random"."""
    if weights == "random":
        return []
    if weights == "mini":
        return [_EMBEDDED]
    if weights in store.names():
        return store.locate(weights, download_if_missing=True)
    path = Path(weights).absolute()
    if not path.is_file():
        raise FileNotFoundError(
            f"weights={str(weights)!r} is neither a file nor one of the names {', '.join(map(repr, store.names()))}; "
            + (f"{str(path)!r} is a folder" if path.is_dir() else f"there is no {str(path)!r}")
        )
    return [path]


def _found_again_as(weights, network):
    """Tell the network its name, or the file it came from, by which its pickle names it."""
    where = weights if weights in store.names() else str(Path(weights).absolute())
    network._origin = ("weights", where)
    return network


def _state(path):
    """A file as it is now."""
    stat = os.stat(path)
    return path, stat.st_size, stat.st_mtime_ns, stat.st_ino
