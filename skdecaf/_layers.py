"""Layers of a network as data, and the shapes of what they write.

A network is a tuple of layers, each reading what the one before it wrote. Every layer writes a *blob* of its own
name, but for ReLU, which works in place as in Caffe: after it, ``"conv1"`` is the rectified map, and
``"conv1_pre"`` names the values before. Dropout is the identity at inference and writes nothing.
"""

# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True)
class Convolution:
    """Cross-correlation with ``out_channels`` square filters; group g reads the g-th share of the channels."""

    name: str
    out_channels: int
    kernel: int
    stride: int = 1
    pad: int = 0
    groups: int = 1


@dataclass(frozen=True)
class ReLU:
    """max(x, 0), in place."""

    name: str


@dataclass(frozen=True)
class MaxPool:
    """Largest value of each window; ``rounding`` of the output size: "ceil" (Caffe) or "floor" (torch)."""

    name: str
    kernel: int
    stride: int
    pad: int = 0
    rounding: str = "ceil"


@dataclass(frozen=True)
class ResponseNorm:
    """x / (k + alpha / size * sum of squares over ``size`` neighbouring channels) ** beta."""

    name: str
    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0


@dataclass(frozen=True)
class FullyConnected:
    """Matrix product over all values below, maps flattened as (channel, row, column)."""

    name: str
    out_features: int


@dataclass(frozen=True)
class Dropout:
    """Dropout in training; the identity at inference."""

    name: str
    rate: float = 0.5


@dataclass(frozen=True)
class Softmax:
    """Scores to probabilities."""

    name: str


LAYER_TYPES = {
    "convolution": Convolution,
    "relu": ReLU,
    "max_pool": MaxPool,
    "response_norm": ResponseNorm,
    "fully_connected": FullyConnected,
    "dropout": Dropout,
    "softmax": Softmax,
}
_TYPE_NAMES = {cls: name for name, cls in LAYER_TYPES.items()}


def layer_to_dict(layer):
    """The layer as plain values that JSON can hold."""
    return {"type": _TYPE_NAMES[type(layer)], **asdict(layer)}


def layer_from_dict(description):
    """The layer that `layer_to_dict` described; ValueError where the description does not fit."""
    values = dict(description)
    kind = values.pop("type", None)
    if kind not in LAYER_TYPES:
        raise ValueError(f"unknown layer type {kind!r}; known are {', '.join(LAYER_TYPES)}")
    known = {field.name: field.type for field in fields(LAYER_TYPES[kind])}
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"layer {values.get('name')!r} of type {kind} has an unknown field {name!r}")
        if not isinstance(value, (int, float) if known[name] is float else known[name]):
            raise ValueError(f"layer {values.get('name')!r}: field {name!r} cannot be {value!r}")
    try:
        layer = LAYER_TYPES[kind](**values)
    except TypeError as error:
        raise ValueError(f"layer {values.get('name')!r} of type {kind} lacks a field: {error}") from None
    _check_ranges(layer)
    return layer


def _check_ranges(layer):
    """Refuse values that no layer of this kind can have."""
    values = asdict(layer)
    for name in ("out_channels", "out_features", "kernel", "stride", "groups", "size"):
        if values.get(name, 1) < 1:
            raise ValueError(f"layer {layer.name!r}: {name} must be positive, not {values[name]}")
    if values.get("pad", 0) < 0:
        raise ValueError(f"layer {layer.name!r}: pad must not be negative")
    if values.get("rounding", "ceil") not in ("ceil", "floor"):
        raise ValueError(f"layer {layer.name!r}: rounding is 'ceil' or 'floor', not {layer.rounding!r}")
    if values.get("size", 1) % 2 == 0:
        raise ValueError(f"layer {layer.name!r}: the window of a response norm must be odd, not {layer.size}")


def _window_count(size, layer, rounding="floor"):
    """How many windows fit along an axis of this size."""
    room = size + 2 * layer.pad - layer.kernel
    if room < 0:
        raise ValueError(f"layer {layer.name!r}: a window of {layer.kernel} does not fit into {size} pixels")
    if rounding == "floor":
        return room // layer.stride + 1
    count = -(-room // layer.stride) + 1
    if layer.pad and (count - 1) * layer.stride >= size + layer.pad:
        count -= 1  # as in Caffe, no window starts beyond the image and its padding
    return count


def output_shape(layer, shape):
    """Shape (channels, height, width) or (features,) that the layer writes when it reads ``shape``."""
    if isinstance(layer, Convolution):
        channels, height, width = _maps(layer, shape)
        if channels % layer.groups or layer.out_channels % layer.groups:
            raise ValueError(f"layer {layer.name!r}: {layer.groups} groups do not divide its channels")
        return layer.out_channels, _window_count(height, layer), _window_count(width, layer)
    if isinstance(layer, MaxPool):
        channels, height, width = _maps(layer, shape)
        return channels, *(_window_count(size, layer, layer.rounding) for size in (height, width))
    if isinstance(layer, ResponseNorm):
        return _maps(layer, shape)
    if isinstance(layer, FullyConnected):
        return (layer.out_features,)
    if isinstance(layer, Softmax) and len(shape) != 1:
        raise ValueError(f"layer {layer.name!r}: softmax reads scores, not maps")
    return shape


def _maps(layer, shape):
    if len(shape) != 3:
        raise ValueError(f"layer {layer.name!r} reads maps, but the layer below writes a vector")
    return shape


def blob_shapes(layers, input_shape):
    """Blob name -> shape, in the order in which the blobs are written.

    Parameters
    ----------
    layers : sequence of layers
    input_shape : tuple (channels, height, width)

    Returns
    -------
    dict of str -> tuple
        Includes ``"<name>_pre"`` for each layer that a ReLU rectifies.
    """
    shapes, shape, last = {}, tuple(input_shape), None
    for layer in layers:
        if isinstance(layer, ReLU):
            if last is None:
                raise ValueError(f"layer {layer.name!r}: a ReLU needs a layer before it")
            shapes[f"{last}_pre"] = shapes.pop(last)
            shapes[last] = shape
        elif not isinstance(layer, Dropout):
            shape = output_shape(layer, shape)
            if layer.name in shapes:
                raise ValueError(f"two layers are called {layer.name!r}")
            last, shapes[layer.name] = layer.name, shape
    if not shapes:
        raise ValueError("a network needs at least one layer that computes something")
    return shapes


def parameter_shapes(layers, input_shape):
    """Array name -> shape of the weights and biases that these layers need, in their order."""
    shapes, shape = {}, tuple(input_shape)
    for layer in layers:
        below, shape = shape, output_shape(layer, shape)
        if isinstance(layer, Convolution):
            shapes[f"{layer.name}.weight"] = (
                layer.out_channels,
                below[0] // layer.groups,
                layer.kernel,
                layer.kernel,
            )
            shapes[f"{layer.name}.bias"] = (layer.out_channels,)
        elif isinstance(layer, FullyConnected):
            n_values = 1
            for size in below:
                n_values *= size
            shapes[f"{layer.name}.weight"] = (layer.out_features, n_values)
            shapes[f"{layer.name}.bias"] = (layer.out_features,)
    return shapes


def multiply_adds(layers, input_shape):
    """Layer name -> multiply-adds that one image costs there."""
    shapes, costs = blob_shapes(layers, input_shape), {}
    for name, shape in parameter_shapes(layers, input_shape).items():
        layer_name, kind = name.rsplit(".", 1)
        if kind == "weight":
            count = 1
            for size in (*shape, *shapes[layer_name][1:]):
                count *= size
            costs[layer_name] = count
    return costs
