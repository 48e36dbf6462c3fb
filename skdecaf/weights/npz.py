"""Networks from numpy's plain archives."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf.weights.architectures import ARCHITECTURES, find_architecture
from skdecaf.weights.assembling import fitted_layers, fitted_network, to_float32
from skdecaf.weights.files import guarded, open_archive, read_npy_array, read_npy_header
from skdecaf.weights.layers import parameter_shapes

_ARCHITECTURE = "architecture"


def read_npz(path, architecture=None):
    """Read a network from an archive that `numpy.savez` wrote.

    The archive holds ``"conv1.weight"``, ``"conv1.bias"`` and so on as floats of any width, named and shaped as in
    `Network`, and, where the shapes alone do not tell, ``"architecture"``, one of the names in
    `skdecaf.weights.ARCHITECTURES`. CaffeNet and AlexNet have the same shapes, so for them it is needed, here or there.
    Sizes are those of the arrays.

    Parameters
    ----------
    path : str or PathLike
    architecture : str or Architecture, optional
        One of those names, or an architecture of one's own, whatever the archive says.

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
        shapes = {name: header.shape for name, header in headers.items()}
        architecture = _fitting_architecture(named if architecture is None else architecture, shapes)
        arrays = {name: _floats(archive, name, header) for name, header in headers.items()}
        return fitted_network(architecture, arrays, path.stem)


def _header(archive, name):
    if not name.endswith(".npy"):
        raise ValueError(f"entry {name!r} is not an array (.npy)")
    with archive.open(name) as file:
        return read_npy_header(file, archive.getinfo(name).file_size, f"entry {name!r}")


def _text(archive, header):
    if header.shape != () or header.dtype.kind != "U":
        raise ValueError(
            f"{_ARCHITECTURE!r} must be a single name, not an array of shape {header.shape} and dtype {header.dtype}"
        )
    return str(_array(archive, _ARCHITECTURE, header))


def _fitting_architecture(asked, shapes):
    """The architecture that is asked for, or the only one that has arrays of these shapes."""
    candidates = ARCHITECTURES if asked is None else {_name(asked): find_architecture(asked)}
    misfits = {name: _misfit(architecture, shapes) for name, architecture in candidates.items()}
    fitting = [name for name, misfit in misfits.items() if misfit is None]
    if not fitting:
        raise ValueError("; ".join(f"not {name}: {misfit}" for name, misfit in misfits.items()))
    if len(fitting) > 1:
        raise ValueError(
            f"the arrays fit {' and '.join(fitting)}; add an entry {_ARCHITECTURE!r} with one of these, or read the "
            "file with read_network(path, architecture=...)"
        )
    return candidates[fitting[0]]


def _name(architecture):
    return architecture if isinstance(architecture, str) else "this architecture"


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


def _floats(archive, name, header):
    if header.dtype.kind != "f":
        raise ValueError(f"array {name!r} holds text, not weights")
    return to_float32(_array(archive, name, header))


def _array(archive, name, header):
    with archive.open(f"{name}.npy") as file:
        return read_npy_array(file, header)
