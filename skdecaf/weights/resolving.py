"""From the ``weights`` parameter to a network, loaded once per process."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import threading
from collections import OrderedDict
from pathlib import Path

from skdecaf.weights.network import Network

NAMES = ("mini", "random")
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
        path of a file that `Network.save` wrote; or a network.
    seed : int, optional
        Of the filters, for "random".

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        Where it is neither a name nor a network in this package's format.
    FileNotFoundError
        Where there is no such file.
    """
    if isinstance(weights, Network):
        return weights
    if weights == "random":
        return _once(("random", seed), lambda: Network.random("caffenet", seed))
    path = _EMBEDDED if weights == "mini" else Path(weights).absolute()
    if not path.is_file():
        raise FileNotFoundError(
            f"weights={str(weights)!r} is neither a file nor one of the names {', '.join(map(repr, NAMES))}"
        )
    stat = os.stat(path)
    return _once((path, stat.st_size, stat.st_mtime_ns, stat.st_ino), lambda: Network.load(path))


def _once(key, load):
    with _lock:
        if key not in _loaded:
            _loaded[key] = load()
            while len(_loaded) > _MOST_LOADED:
                _loaded.popitem(last=False)
        _loaded.move_to_end(key)
        return _loaded[key]
