"""Networks in numpy's archives."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf.weights._architectures import ARCHITECTURES, find_architecture
from skdecaf.weights._file_checks import weights_file
from skdecaf.weights._layers import parameter_shapes
from skdecaf.weights._readers.assembling import network_from_arrays, to_float32, with_output_sizes
from skdecaf.weights._readers.npy import read_npy_array, read_npy_header
from skdecaf.weights._readers.zip_archives import open_archive

_ARCHITECTURE = "architecture"


def read_npz(path, name=None, origin=None, *, architecture=None):
    """Read a network from an archive that `numpy.savez` wrote.

    The archive holds ``"conv1.weight"``, ``"conv1.bias"`` and so on as floats of any width, with the names and shapes
    of `Network`, and, if the shapes fit several architectures, ``"architecture"``: a name in
    `skdecaf.weights.ARCHITECTURES`. CaffeNet and AlexNet have equal shapes, so they need it, here or there. The sizes
    of the layers are those of the arrays.

    Parameters
    ----------
    path, name, origin
        As for every reader, see `skdecaf.weights.readers`.
    architecture : str or Architecture, optional
        Such a name, or an architecture of your own; it overrides the archive's.

    Returns
    -------
    Network
    """
    with weights_file(path) as path, open_archive(path) as archive:
        headers = {entry.removesuffix(".npy"): _read(read_npy_header, archive, entry) for entry in archive.namelist()}
        if architecture is None and _ARCHITECTURE in headers:
            architecture = _text(archive, *headers[_ARCHITECTURE])
        shapes = {key: shape for key, (shape, *_) in headers.items() if key != _ARCHITECTURE}
        architecture = _fitting_architecture(architecture, shapes)
        arrays = {key: _floats(archive, key) for key in shapes}
        return network_from_arrays(architecture, arrays, name=name or path.stem, origin=origin)


def _read(read, archive, entry):
    """Read an array or its header."""
    if not entry.endswith(".npy"):
        raise ValueError(f"entry {entry!r} is not an array (.npy)")
    with archive.open(entry) as file:
        return read(file, archive.getinfo(entry).file_size, f"entry {entry!r}")


def _text(archive, shape, dtype, order):
    if shape != () or dtype.kind != "U":
        raise ValueError(f"{_ARCHITECTURE!r} must be a single name, not an array of shape {shape} and dtype {dtype}")
    return str(_read(read_npy_array, archive, f"{_ARCHITECTURE}.npy"))


def _fitting_architecture(asked, shapes):
    """The architecture that is asked for, or the only one whose arrays have these shapes."""
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
    """Say why arrays of these shapes do not fit an architecture; None if they do."""
    try:
        needed = parameter_shapes(with_output_sizes(architecture.layers, shapes), (3, *architecture.preprocessing.crop))
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


def _floats(archive, key):
    array = _read(read_npy_array, archive, f"{key}.npy")
    if array.dtype.kind != "f":
        raise ValueError(f"array {key!r} holds text, not weights")
    return to_float32(array)
