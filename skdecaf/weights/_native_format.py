"""The file format of this package: safetensors, with the description of the network as JSON in the metadata."""

# SPDX-License-Identifier: BSD-3-Clause
import json
from collections import ChainMap
from dataclasses import asdict

import numpy as np
from safetensors.numpy import save_file

from skdecaf._utils.files import atomic_write
from skdecaf.weights._file_checks import open_safetensors
from skdecaf.weights._layers import layer_from_dict, layer_to_dict
from skdecaf.weights._panels import PackedMatrix
from skdecaf.weights._preprocessing import Preprocessing

FORMAT = "skdecaf-1"
MEAN_IMAGE = "mean_image"
_STORED_DTYPES = ("F32", "F16", "F64", "I16", "I8")
_LARGEST_INTEGERS = {"int8": 127, "int16": 32767}


def to_metadata(network):
    """Everything in a network but its arrays, as a dict of str."""
    return {
        "format": FORMAT,
        "name": network.name,
        "layers": json.dumps([layer_to_dict(layer) for layer in network.layers]),
        "preprocessing": json.dumps(asdict(network.preprocessing)),
        "labels": json.dumps(network.labels),
    }


def parameters_of_network(description, arrays, name=None):
    """Parameters of `Network`, from what `to_metadata` returned and the arrays, the mean image among them.

    The name is that of the description by default.

    Raises
    ------
    ValueError
        If the description is not one of a network; the message says what is wrong.
    """
    if description.get("format") != FORMAT:
        raise ValueError(f"not a network of this package: its format is {description.get('format')!r}, not {FORMAT!r}")
    values = {}
    for key in ("layers", "preprocessing", "labels"):
        try:
            values[key] = json.loads(description[key])
        except (KeyError, ValueError, RecursionError):
            raise ValueError(f"the description {key!r} is missing or not JSON") from None
    arrays = dict(arrays)
    try:
        return {
            "layers": [layer_from_dict(layer) for layer in values["layers"]],
            "preprocessing": Preprocessing(**values["preprocessing"]),
            "labels": [(identifier, text) for identifier, text in values["labels"]],
            "mean_image": arrays.pop(MEAN_IMAGE, None),
            "name": name or description.get("name", "network"),
            "arrays": arrays,
        }
    except (TypeError, AttributeError) as error:
        raise ValueError(f"the description does not fit: {error}") from None


def arrays_and_mean_image(network):
    """The arrays of the layers, and the mean image under a name of its own."""
    mean_image = {} if network.mean_image is None else {MEAN_IMAGE: network.mean_image}
    return ChainMap(network.arrays, mean_image)


def read(path, name=None):
    """Read the parameters of `Network` from a file that `write` wrote; the name is the one in the file by default."""
    with open_safetensors(path, hint="; skdecaf.weights.read_network reads other formats") as file:
        description = file.metadata() or {}
        tensors = {name: _tensor(file, name) for name in file.keys()}  # noqa: SIM118
    return parameters_of_network(description, _decoded(tensors), name)


def write(network, path, dtype="float32"):
    """Write a network to a file; see `Network.save`."""
    if dtype not in ("float32", "float16", *_LARGEST_INTEGERS):
        raise ValueError(f"dtype is one of 'float32', 'float16', 'int16', 'int8', not {dtype!r}")
    with atomic_write(path) as temporary:
        save_file(_encoded(arrays_and_mean_image(network), dtype), temporary, metadata=to_metadata(network))


def _encoded(arrays, dtype):
    encoded = {}
    for name, array in arrays.items():
        array = np.ascontiguousarray(array)  # converts a CompactMatrix to floats
        if dtype == "float32" or not name.endswith(".weight"):
            encoded[name] = array
        elif dtype == "float16":
            encoded[name] = array.astype(np.float16)
        else:
            rows = array.reshape(len(array), -1)
            scale = np.abs(rows).max(axis=1) / np.float32(_LARGEST_INTEGERS[dtype])
            scale[scale == 0] = 1
            encoded[name] = np.rint(rows / scale[:, None]).astype(dtype).reshape(array.shape)
            encoded[f"{name.removesuffix('weight')}scale"] = scale
    return encoded


def _tensor(file, name):
    dtype = file.get_slice(name).get_dtype()
    if dtype not in _STORED_DTYPES:
        raise ValueError(f"array {name!r} has dtype {dtype}; weights are stored as {', '.join(_STORED_DTYPES)}")
    return file.get_tensor(name)


def _decoded(tensors):
    """The arrays that `_encoded` was given, but for rounding."""
    arrays = {name: array for name, array in tensors.items() if not name.endswith(".scale")}
    for name, array in arrays.items():
        if array.dtype.kind == "i":
            scale = tensors.get(f"{name.removesuffix('weight')}scale")
            if scale is None or scale.shape != array.shape[:1]:
                raise ValueError(f"integer array {name!r} needs one scale per output")
            arrays[name] = array * scale.astype(np.float32).reshape(-1, *[1] * (array.ndim - 1))
        if arrays[name].ndim == 2:
            tensors.pop(name)  # one after the other, so that few matrices are held twice
            arrays[name] = PackedMatrix(arrays[name])
        else:
            arrays[name].flags.writeable = False  # so that Network need not copy it
    return arrays
