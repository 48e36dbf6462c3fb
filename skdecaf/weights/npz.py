"""Networks from numpy's plain archives."""

# SPDX-License-Identifier: BSD-3-Clause
import math
import re

import numpy as np

from skdecaf._layers import parameter_shapes
from skdecaf.weights.architectures import ARCHITECTURES
from skdecaf.weights.files import guarded, open_archive
from skdecaf.weights.fitting import fitted_layers, fitted_network, to_float32

_ARCHITECTURE = "architecture"

# What numpy writes before the values, the length of the text left out. Later versions are for longer headers.
_MAGIC, _LENGTH_BYTES, _LONGEST_TEXT = b"\x93NUMPY\x01\x00", 2, 1000
_TEXT = re.compile(
    rb"\{'descr': (.+), 'fortran_order': (?:True|False), 'shape': \(((?:\d{1,12}, ?)*\d{0,12})\), \} *\n"
)
_DTYPE = re.compile(r"'([<>](?:f[248]|U\d{1,3}))'")


def read_npz(path):
    """Read a network from an archive that `numpy.savez` wrote.

    The archive holds ``"conv1.weight"``, ``"conv1.bias"`` and so on as floats of any width, named and shaped as in
    `Network`, and, where the shapes alone do not tell, ``architecture``, one of the names in
    `skdecaf.weights.ARCHITECTURES`. CaffeNet and AlexNet have the same shapes, so for them it is needed. Sizes are
    those of the arrays.

    Parameters
    ----------
    path : str or PathLike

    Returns
    -------
    Network

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where the file is no such archive or its arrays do not fit; the message names the first that does not.

    Examples
    --------
    >>> import numpy as np
    >>> from skdecaf.weights import Network
    >>> from skdecaf.weights.npz import read_npz
    >>> arrays = Network.random("alexnet", random_state=0).arrays  # doctest: +SKIP
    >>> np.savez("alexnet.npz", **arrays, architecture="alexnet")  # doctest: +SKIP
    >>> network = read_npz("alexnet.npz")  # doctest: +SKIP
    """
    with guarded(path) as path, open_archive(path) as archive:
        headers = {name.removesuffix(".npy"): _header(archive, name) for name in archive.namelist()}
        named = _text(archive, headers.pop(_ARCHITECTURE)) if _ARCHITECTURE in headers else None
        architecture = _architecture(named, {name: shape for name, (shape, _) in headers.items()})
        arrays = {name: _floats(archive, name, dtype) for name, (_, dtype) in headers.items()}
        return fitted_network(architecture, arrays, path.stem)


def _header(archive, name):
    """Shape and dtype of an entry, which has just as many bytes as they need."""
    if not name.endswith(".npy"):
        raise ValueError(f"entry {name!r} is not an array (.npy)")
    with archive.open(name) as file:
        start = file.read(len(_MAGIC) + _LENGTH_BYTES)
        length = int.from_bytes(start[len(_MAGIC) :], "little")
        text = _TEXT.fullmatch(file.read(length)) if start.startswith(_MAGIC) and length <= _LONGEST_TEXT else None
    if text is None:
        raise ValueError(f"entry {name!r} does not begin as numpy's arrays do")
    dtype, shape = _DTYPE.fullmatch(text[1].decode("latin-1")), tuple(map(int, re.findall(rb"\d+", text[2])))
    if dtype is None:
        raise ValueError(f"entry {name!r} is of dtype {text[1].decode('latin-1')}, not float16, float32 or float64")
    dtype = np.dtype(dtype[1])
    if len(start) + length + math.prod(shape) * dtype.itemsize != archive.getinfo(name).file_size:
        raise ValueError(f"entry {name!r} does not have as many bytes as its shape {shape} and dtype {dtype} need")
    return shape, dtype


def _text(archive, header):
    shape, dtype = header
    if shape != () or dtype.kind != "U":
        raise ValueError(f"{_ARCHITECTURE!r} must be a single name, not an array of shape {shape} and dtype {dtype}")
    text = str(_array(archive, _ARCHITECTURE))
    if text not in ARCHITECTURES:
        raise ValueError(f"{_ARCHITECTURE!r} is one of {', '.join(ARCHITECTURES)}, not {text!r}")
    return text


def _architecture(named, shapes):
    """The architecture of that name, or the only one that has arrays of these shapes."""
    misfits = {name: _misfit(ARCHITECTURES[name], shapes) for name in ([named] if named else ARCHITECTURES)}
    fitting = [name for name, misfit in misfits.items() if misfit is None]
    if not fitting:
        raise ValueError("; ".join(f"not {name}: {misfit}" for name, misfit in misfits.items()))
    if len(fitting) > 1:
        raise ValueError(f"the arrays fit {' and '.join(fitting)}; add an entry {_ARCHITECTURE!r} with one of these")
    return fitting[0]


def _misfit(architecture, shapes):
    """What is wrong with arrays of these shapes, or None."""
    try:
        needed = parameter_shapes(fitted_layers(architecture.layers, shapes), (3, *architecture.preprocessing.crop))
    except ValueError as error:
        return str(error)
    for name in (*needed, *shapes):
        if name not in shapes:
            return f"array {name!r} of shape {needed[name]} is missing"
        if name not in needed:
            return f"array {name!r} belongs to no layer"
        if shapes[name] != needed[name]:
            return f"array {name!r} has shape {shapes[name]}, but its layer needs {needed[name]}"
    return None


def _floats(archive, name, dtype):
    if dtype.kind != "f":
        raise ValueError(f"array {name!r} holds text, not weights")
    return to_float32(_array(archive, name))


def _array(archive, name):
    with archive.open(f"{name}.npy") as file:
        return np.lib.format.read_array(file, allow_pickle=False)
