"""Networks in Caffe's ``.caffemodel`` files."""

# SPDX-License-Identifier: BSD-3-Clause
import os

import numpy as np

from skdecaf._utils.extras import require
from skdecaf.weights._architectures import ARCHITECTURES
from skdecaf.weights._file_checks import weights_file
from skdecaf.weights._layers import layer_from_dict
from skdecaf.weights._preprocessing import Preprocessing
from skdecaf.weights._readers.assembling import exact_input_size, network_from_layers, shortest_float
from skdecaf.weights._readers.caffe_mean import read_mean
from skdecaf.weights._readers.caffe_messages import read_net, text

_MEAN_PIXEL = ARCHITECTURES["caffenet"].preprocessing.mean  # red, green, blue

# Side of the input -> side of the photos from which it is cut. Networks with other inputs read whole photos.
_RESIZE = {224: 256, 227: 256}

_DATA_TYPES = ("Data", "DummyData", "HDF5Data", "ImageData", "Input", "MemoryData", "WindowData")
_TYPES_WITHOUT_EFFECT = ("Accuracy", "Silence")
_SOFTMAX_TYPES = ("Softmax", "SoftmaxWithLoss")

_POOL_METHODS = {0: "MAX", 1: "AVE", 2: "STOCHASTIC"}
_ROUND_MODES = {0: "ceil", 1: "floor"}


def looks_like(head):
    """Whether the first field is a printable name before other fields of NetParameter, or a layer, or an input."""
    if head[:1] == b"\n" and len(head) > 2 and head[1] < 0x80:
        name, head = head[2 : 2 + head[1]], head[2 + head[1] :]
        if not name.decode("utf-8", errors="ignore").isprintable():
            return False
        if not head:
            return True
    return head[:1] in (b"\x12", b"\x1a") or head[:2] == b"\xa2\x06"


def read_caffemodel(path, name=None, origin=None, *, mean=None):
    """Read a network from Caffe's binary file, of any version.

    The architecture follows from the order of the layers and their parameters. Networks for 227 or 224 pixels read a
    window of a photo of 256, as is Caffe's custom; others read the whole photo. If the file does not state the size of
    the input, it is the size at which all windows fit exactly.

    Parameters
    ----------
    path, name, origin
        As for every reader, see `skdecaf.weights.readers`.
    mean : str, PathLike or ndarray of shape (height, width, 3), optional
        Mean image to subtract: a file for `read_mean`, or what it returned. Photos are resized to its size. By
        default the mean pixel in the file is subtracted, or that of ImageNet if there is none.

    Returns
    -------
    Network
    """
    require("caffe", "a .caffemodel")
    if isinstance(mean, str | os.PathLike):
        mean = read_mean(mean)
    with weights_file(path) as path:
        net, layers = read_net(path.read_bytes())
        steps, transform = _chain(layers)
        crop = _input_size(net, layers, transform) or (exact_input_size(steps),) * 2
        preprocessing = _preprocessing(crop, transform, mean)
        name = name or text(net.name) or path.stem
        return network_from_layers(steps, preprocessing, mean_image=mean, name=name, origin=origin)


def _chain(layers):
    """Layers with their parameters, each reading the output of the one before it; and the data layer's transform."""
    steps, current, transform, finished = [], None, None, False
    for layer in layers:
        bottoms, tops = layer.bottoms, layer.tops
        if layer.type in _TYPES_WITHOUT_EFFECT or (finished and layer.type in _SOFTMAX_TYPES):
            continue
        if layer.type in _DATA_TYPES:
            transform = layer.message.transform
            current = (current or set()).union(tops) or None
        elif layer.type == "Split":
            if current is not None and current.intersection(bottoms):
                current.update(tops)
        else:
            if finished or (current is not None and bottoms and bottoms[0] not in current):
                raise ValueError(f"layer {layer.name!r} does not read the output of the layer before it")
            steps.append(_step(layer))
            finished = layer.type in _SOFTMAX_TYPES
            current = set(tops[:1]) or None
    return steps, transform


def _step(layer):
    """A layer and its parameters, for `network_from_layers`."""
    if layer.type not in _TRANSLATIONS:
        raise ValueError(f"layer {layer.name!r} is of type {layer.type!r}, which this package does not compute")
    max_bottoms = 2 if layer.type == "SoftmaxWithLoss" else 1
    if len(layer.bottoms) > max_bottoms or len(layer.tops) > max_bottoms:
        raise ValueError(f"layer {layer.name!r} reads or writes several blobs")
    kind, values, parameters = _TRANSLATIONS[layer.type](layer)
    return layer_from_dict({"type": kind, "name": layer.name, **values}), parameters


def _refuse_unless(layer, field, value, *allowed):
    if value not in allowed:
        raise ValueError(f"layer {layer.name!r}: {field} {value} is not one that this package computes")


def _square(layer, message, field, default=None):
    """The number of a field for both axes, which is given once, twice, or as height and width."""
    values = list(getattr(message, field))
    by_axis = [f"{field.removesuffix('_size')}_{axis}" for axis in "hw"]
    if any(message.HasField(name) for name in by_axis):
        values = [getattr(message, name) for name in by_axis]
    if not values and default is None:
        raise ValueError(f"layer {layer.name!r}: {field} is missing")
    if len(set(values)) > 1:
        raise ValueError(f"layer {layer.name!r}: {field} {values[:4]} is not the same for both axes")
    return values[0] if values else default


def _parameters(layer, message, weight_axes):
    """Weight and bias; a layer without a bias gets zeros."""
    expected = 2 if message.bias_term else 1
    if len(layer.blobs) != expected:
        raise ValueError(f"layer {layer.name!r} has {len(layer.blobs)} blobs, not {expected}")
    weight = _without_ones(layer, 0, weight_axes)
    bias = _without_ones(layer, 1, 1) if message.bias_term else np.zeros(message.num_output, np.float32)
    return {"weight": weight, "bias": bias}


def _without_ones(layer, index, n_axes):
    """A blob without leading axes of length one, with which old files fill up to four axes."""
    array = layer.blobs[index]
    while array.ndim > n_axes and len(array) == 1:
        array = array[0]
    if array.ndim != n_axes:
        raise ValueError(f"layer {layer.name!r}: blob {index} has shape {array.shape}, not {n_axes} axes")
    return array


def _convolution(layer):
    message = layer.message.convolution
    for dilation in message.dilation:
        _refuse_unless(layer, "dilation", dilation, 1)
    _refuse_unless(layer, "axis", message.axis, 1)
    values = {
        "out_channels": message.num_output,
        "kernel": _square(layer, message, "kernel_size"),
        "stride": _square(layer, message, "stride", 1),
        "pad": _square(layer, message, "pad", 0),
        "groups": message.group,
    }
    return "convolution", values, _parameters(layer, message, 4)


def _inner_product(layer):
    message = layer.message.inner_product
    _refuse_unless(layer, "axis", message.axis, 1)
    parameters = _parameters(layer, message, 2)
    if message.transpose:
        parameters["weight"] = parameters["weight"].T
    return "fully_connected", {"out_features": message.num_output}, parameters


def _pooling(layer):
    message = layer.message.pooling
    _refuse_unless(layer, "pool", _POOL_METHODS.get(message.pool, message.pool), "MAX")
    _refuse_unless(layer, "global_pooling", message.global_pooling, False)
    _refuse_unless(layer, "round_mode", message.round_mode, *_ROUND_MODES)
    values = {
        "kernel": _square(layer, message, "kernel_size"),
        "stride": _square(layer, message, "stride", 1),
        "pad": _square(layer, message, "pad", 0),
        "rounding": _ROUND_MODES[message.round_mode],
    }
    return "max_pool", values, {}


def _response_norm(layer):
    message = layer.message.lrn
    _refuse_unless(layer, "norm_region", message.norm_region, 0)
    values = {"size": message.local_size}
    for name in ("alpha", "beta", "k"):
        values[name] = shortest_float(getattr(message, name), f"layer {layer.name!r}: {name}")
    return "response_norm", values, {}


def _relu(layer):
    _refuse_unless(layer, "negative_slope", layer.message.relu.negative_slope, 0)
    return "relu", {}, {}


def _dropout(layer):
    rate = shortest_float(layer.message.dropout.dropout_ratio, f"layer {layer.name!r}: dropout_ratio")
    return "dropout", {"rate": rate}, {}


def _softmax(layer):
    _refuse_unless(layer, "axis", layer.message.softmax.axis, 1)
    return "softmax", {}, {}


_TRANSLATIONS = {
    "Convolution": _convolution,
    "Dropout": _dropout,
    "InnerProduct": _inner_product,
    "LRN": _response_norm,
    "Pooling": _pooling,
    "ReLU": _relu,
    "Softmax": _softmax,
    "SoftmaxWithLoss": _softmax,
}


def _input_size(net, layers, transform):
    """Height and width of the input, or None if the file does not state them."""
    shapes = [list(net.input_dim[:4])] if net.input_dim else []
    shapes += [list(shape.dim) for shape in net.input_shape[:1]]
    shapes += [list(shape.dim) for layer in layers if layer.type == "Input" for shape in layer.message.input.shape[:1]]
    if shapes:
        if len(shapes[0]) != 4 or shapes[0][1] != 3:
            raise ValueError(f"the input has shape {shapes[0][:5]}, not (photos, 3, height, width)")
        return tuple(shapes[0][2:])
    return (transform.crop_size,) * 2 if transform is not None and transform.crop_size else None


def _preprocessing(crop, transform, mean):
    """Preprocessing of Caffe: photos are warped to the size of the mean image; blue, green, red."""
    scale = 1.0 if transform is None else shortest_float(transform.scale, "the scale of the data layer")
    if not scale:
        raise ValueError("the scale of the data layer is zero")
    pixel = () if transform is None else [shortest_float(value, "mean_value") for value in transform.mean_value[:4]]
    if len(pixel) not in (0, 1, 3):
        raise ValueError(f"the data layer has {len(pixel)} or more values of mean_value, not 1 or 3")
    mean_pixel = tuple(reversed(pixel if len(pixel) == 3 else pixel * 3)) if pixel else _MEAN_PIXEL
    return Preprocessing(
        resize=tuple(_RESIZE.get(side, side) for side in crop) if mean is None else np.shape(mean)[:2],
        crop=crop,
        mean=mean_pixel if mean is None else (0.0, 0.0, 0.0),
        scale=(1 / scale,) * 3,
        channel_order="BGR",
    )
