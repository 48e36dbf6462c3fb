"""The original DeCAF network, and others of cuda-convnet, in pickles of Python 2."""

# SPDX-License-Identifier: BSD-3-Clause
import math
from pathlib import Path

import numpy as np

from skdecaf.weights._embedded import imagenet_labels
from skdecaf.weights._file_checks import MAX_BYTES, add_path_to_value_error, weights_file
from skdecaf.weights._layers import blob_shapes, layer_from_dict
from skdecaf.weights._preprocessing import Preprocessing
from skdecaf.weights._readers.array_pickles import PickledArray, read_pickle
from skdecaf.weights._readers.assembling import exact_input_size, network_from_layers, shortest_float

_MAX_VALUES = MAX_BYTES // 8


def looks_like(head):
    """Whether the file begins as a pickled list, dict or OrderedDict of protocol 2 to 5."""
    if head[:1] != b"\x80" or not 2 <= int.from_bytes(head[1:2]) <= 5:
        return False
    start = head[11:] if head[2:3] == b"\x95" else head[2:]  # protocol 4 has frames
    return start[:1] in (b"]", b"}") or start.startswith(b"ccollections\nOrderedDict\n")


def read_decaf(path, name=None, origin=None, *, meta=None):
    """Read the network of the DeCAF release, ``imagenet.decafnet.epoch90``, or a checkpoint of cuda-convnet.

    The file is a pickled list of layers, or a checkpoint with one in ``["model_state"]["layers"]``. As in the authors'
    code, the shorter side of a photo is resized and the centre cut out, rows are reversed (the network was trained on
    flipped images), and the mean image is subtracted before the window is cut. The input is the size at which all
    windows fit exactly: 227 pixels, where cuda-convnet's last window of 224 reached beyond the image.

    Parameters
    ----------
    path, name, origin
        As for every reader, see `skdecaf.weights.readers`.
    meta : str or PathLike, optional
        The pickle with ``data_mean`` and ``label_names``. By default the file in the folder of ``path`` whose name has
        ``.meta`` instead of the last suffix, or after it: ``imagenet.decafnet.meta``.

    Returns
    -------
    Network
    """
    with weights_file(path) as path:
        with open(path, "rb") as file:
            steps, sizes = _chain(_layers(read_pickle(file)))
        crop = (exact_input_size(steps),) * 2
        _check_sizes([layer for layer, _ in steps], crop, sizes)
    with weights_file(_meta_beside(path) if meta is None else meta) as meta, open(meta, "rb") as file:
        mean_image, names = _read_meta(read_pickle(file))
    with add_path_to_value_error(path):
        preprocessing = Preprocessing(mean_image.shape[:2], crop, policy="crop", flip=True)
        return network_from_layers(
            steps, preprocessing, _labels(names), mean_image=mean_image, name=name or path.stem, origin=origin
        )


def _meta_beside(path):
    candidates = [path.with_suffix(".meta"), Path(f"{path}.meta")]
    found = [candidate for candidate in candidates if candidate.is_file()]
    if not found:
        raise FileNotFoundError(
            f"the mean image of {str(path)!r} is in a file of its own, {candidates[0].name!r}; "
            "put it into the same folder, or pass its path as meta="
        )
    return found[0]


def _read_meta(meta):
    """Mean image of shape (height, width, 3), and the names of the classes."""
    if not isinstance(meta, dict):
        raise ValueError("the file of the mean image is not a dict")
    mean = _array(meta, "data_mean", "the file of the mean image")
    side = math.isqrt(mean.size // 3)
    if not side or mean.size != 3 * side * side:
        raise ValueError(f"data_mean has {mean.size} values, which are not three square channels")
    names = meta.get("label_names", ())
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ValueError("label_names is not a list of names")
    with np.errstate(over="ignore"):  # too large values become infinite, which Network refuses
        return mean.reshape(3, side, side).transpose(1, 2, 0).astype(np.float32), names


def _labels(names):
    """Pairs of identifier and name; a thousand classes have ImageNet's identifiers, in the usual order."""
    identifiers = [identifier for identifier, _ in imagenet_labels()] if len(names) == 1000 else names
    return tuple(zip(identifiers, names, strict=True))


def _layers(content):
    """The list of layers in the content of a file of either kind."""
    if isinstance(content, dict):
        state = content.get("model_state")
        content = state.get("layers") if isinstance(state, dict) else None
    if not isinstance(content, list) or not content or not all(isinstance(layer, dict) for layer in content):
        raise ValueError("neither a list of layers nor a checkpoint with ['model_state']['layers']")
    return content


def _chain(layers):
    """Layers and parameters for `network_from_layers`, and the width of the maps that each layer states."""
    steps, sizes, last, n_values = [], [], None, 0
    for index, fields in enumerate(layers):
        name, kind = (_text(fields, key, f"layer {index}") for key in ("name", "type"))
        if kind == "data" or kind.startswith("cost"):
            continue
        what = f"layer {name!r}"
        if kind not in _TRANSLATIONS:
            raise ValueError(f"{what} is of type {kind!r}, which this package does not compute")
        if last is not None and not _reads(fields, layers, last):
            raise ValueError(f"{what} does not read the output of the layer before it")
        layer_type, values, parameters = _TRANSLATIONS[kind](fields, what)
        n_values += sum(array.size for array in parameters.values())
        if n_values > _MAX_VALUES:  # one array of the pickle may be in many layers
            raise ValueError(f"{what} is one of too many for a network of the AlexNet family")
        steps.append((layer_from_dict({"type": layer_type, "name": name, **values}), parameters))
        sizes.append(fields.get("outputsX") if kind == "pool" else None)
        last = index
    return steps, sizes


def _reads(fields, layers, last):
    """Whether a layer reads the layer at this index, or does not state its inputs."""
    below = fields.get("inputLayers")
    if isinstance(below, list):
        return len(below) == 1 and isinstance(below[0], dict) and below[0].get("name") == layers[last]["name"]
    return fields.get("inputs") in (None, last, [last])


def _check_sizes(layers, crop, sizes):
    """Check the widths that pooling layers state against those that follow from the input."""
    shapes = blob_shapes(layers, (3, *crop))
    for layer, size in zip(layers, sizes, strict=True):
        if isinstance(size, int) and size != shapes[layer.name][2]:
            raise ValueError(f"layer {layer.name!r}: outputsX {size} is not the {shapes[layer.name][2]} that follow")


def _text(fields, key, what):
    value = fields.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{what}: {key} is not text")
    return value


def _first(value):
    """The value in a list of one: layers with several inputs have lists of values."""
    return value[0] if isinstance(value, list | tuple) and len(value) == 1 else value


def _integer(fields, key, what, default=None):
    value = _first(fields.get(key, default))
    if not isinstance(value, int):
        raise ValueError(f"{what}: {key} is not one whole number")
    return int(value)


def _float(fields, key, what):
    value = _first(fields.get(key))
    if not isinstance(value, int | float):
        raise ValueError(f"{what}: {key} is not a number")
    return shortest_float(value, f"{what}: {key}")


def _array(fields, key, what):
    value = _first(fields.get(key))
    if not isinstance(value, PickledArray) or value.array is None or value.array.dtype.kind != "f":
        raise ValueError(f"{what}: {key} is not an array of floats")
    return value.array


def _expect(fields, key, what, expected):
    """Refuse a layer with another value of a field; the field may be missing."""
    value = _integer(fields, key, what, expected)
    if value != expected:
        raise ValueError(f"{what}: {key} {value} is not one that this package computes")


def _parameters(fields, what, n_outputs):
    """Weight of shape (inputs, outputs) as (outputs, inputs), and bias."""
    weight, bias = _array(fields, "weights", what), _array(fields, "biases", what)
    if weight.ndim != 2 or weight.shape[1] != n_outputs:
        raise ValueError(f"{what}: weights have shape {weight.shape}, not (inputs, {n_outputs})")
    if bias.size != n_outputs:
        raise ValueError(f"{what}: biases have shape {bias.shape}, not {n_outputs} values")
    with np.errstate(over="ignore"):  # too large values become infinite, which Network refuses
        # Copies, since the arrays of the pickle are views that keep all of its content in memory.
        return {"weight": np.array(weight.T, np.float32, order="C"), "bias": np.array(bias.reshape(-1), np.float32)}


def _convolution(fields, what):
    _expect(fields, "sharedBiases", what, 1)
    _expect(fields, "randSparse", what, 0)
    values = {
        "out_channels": _integer(fields, "filters", what),
        "kernel": _integer(fields, "filterSize", what),
        "stride": _integer(fields, "stride", what),
        "pad": -_integer(fields, "padding", what),
        "groups": _integer(fields, "groups", what, 1),
    }
    parameters, kernel = _parameters(fields, what, values["out_channels"]), values["kernel"]
    weight = parameters["weight"]
    if kernel < 1 or weight.shape[1] % (kernel * kernel):
        raise ValueError(f"{what}: weights of {weight.shape[1]} rows do not have filters of filterSize {kernel}")
    parameters["weight"] = weight.reshape(len(weight), -1, kernel, kernel)
    return "convolution", values, parameters


def _fully_connected(fields, what):
    n_outputs = _integer(fields, "outputs", what)
    return "fully_connected", {"out_features": n_outputs}, _parameters(fields, what, n_outputs)


def _pooling(fields, what):
    if _text(fields, "pool", what) != "max":
        raise ValueError(f"{what}: pool {fields['pool'][:20]!r} is not one that this package computes")
    _expect(fields, "start", what, 0)
    return "max_pool", {"kernel": _integer(fields, "sizeX", what), "stride": _integer(fields, "stride", what)}, {}


def _response_norm(fields, what):
    """In the file alpha is divided by the size of the window; k is 1 and not in the file."""
    _expect(fields, "blocked", what, 0)
    size = _integer(fields, "size", what)
    alpha = shortest_float(_float(fields, "scale", what) * size, f"{what}: scale")
    return "response_norm", {"size": size, "alpha": alpha, "beta": _float(fields, "pow", what)}, {}


def _neuron(fields, what):
    neuron = fields.get("neuron")
    kind = _text(neuron, "type", what) if isinstance(neuron, dict) else None
    if kind == "relu":
        return "relu", {}, {}
    if kind == "dropout" and isinstance(neuron.get("params"), dict):
        return "dropout", {"rate": _float(neuron["params"], "d", what)}, {}
    raise ValueError(f"{what}: neuron {kind!r} is not one that this package computes")


def _softmax(fields, what):
    return "softmax", {}, {}


_TRANSLATIONS = {
    "cmrnorm": _response_norm,
    "conv": _convolution,
    "fc": _fully_connected,
    "neuron": _neuron,
    "pool": _pooling,
    "softmax": _softmax,
}
