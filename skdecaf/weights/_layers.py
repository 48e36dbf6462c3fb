"""Layers of a network as data, and the shapes of their outputs.

A network is a tuple of layers; each reads the output of the one before it. *Blob* is Caffe's word for such an output.
A blob has the name of its layer, except that ReLU works in place, as in Caffe: ``"conv1"`` holds the values after the
ReLU, ``"conv1_pre"`` those before it. Dropout does nothing at inference and has no blob.
"""

# SPDX-License-Identifier: BSD-3-Clause
import math
from dataclasses import asdict, dataclass, fields

# Far more than networks of this family need; a file with larger numbers is damaged or hostile.
_LARGEST_NUMBER = 2**20
_MAX_VALUES = 2**26


class _Layer:
    """Base class that checks the values of the fields."""

    def __post_init__(self):
        for field in fields(self):
            self._check(field.name, getattr(self, field.name), field.type)
        if getattr(self, "pad", 0) >= getattr(self, "kernel", 1):
            raise ValueError(f"layer {self.name!r}: pad {self.pad} is not smaller than the kernel {self.kernel}")

    def _check(self, name, value, kind):
        if not isinstance(value, (int, float) if kind is float else kind) or isinstance(value, bool):
            raise ValueError(f"layer {self.name!r}: field {name!r} cannot be {value!r}")
        least = 0 if name == "pad" else 1
        if kind is int and not least <= value <= _LARGEST_NUMBER:
            raise ValueError(f"layer {self.name!r}: {name} must be from {least} to {_LARGEST_NUMBER}, not {value}")
        if kind is float and not 0 <= value < math.inf:
            raise ValueError(f"layer {self.name!r}: {name} must be a finite number and not negative, not {value}")
        if name == "rounding" and value not in ("ceil", "floor"):
            raise ValueError(f"layer {self.name!r}: rounding is 'ceil' or 'floor', not {value!r}")
        if name == "size" and value % 2 == 0:
            raise ValueError(f"layer {self.name!r}: the window of a response norm must be odd, not {value}")
        if name == "k" and value == 0:
            raise ValueError(f"layer {self.name!r}: k must not be zero")


@dataclass(frozen=True)
class Convolution(_Layer):
    """Cross-correlation with ``out_channels`` square filters; with groups, each reads its share of the channels."""

    name: str
    out_channels: int
    kernel: int
    stride: int = 1
    pad: int = 0
    groups: int = 1


@dataclass(frozen=True)
class ReLU(_Layer):
    """max(x, 0), in place."""

    name: str


@dataclass(frozen=True)
class MaxPool(_Layer):
    """Maximum of each window; ``rounding`` of the output size is "ceil", as in Caffe, or "floor", as in torch."""

    name: str
    kernel: int
    stride: int
    pad: int = 0
    rounding: str = "ceil"


@dataclass(frozen=True)
class ResponseNorm(_Layer):
    """x / (k + alpha / size * sum of squares over ``size`` neighbouring channels) ** beta."""

    name: str
    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0


@dataclass(frozen=True)
class FullyConnected(_Layer):
    """Matrix product with all inputs; maps are flattened as (channel, row, column)."""

    name: str
    out_features: int


@dataclass(frozen=True)
class Dropout(_Layer):
    """Dropout in training; does nothing at inference."""

    name: str
    rate: float = 0.5


@dataclass(frozen=True)
class Softmax(_Layer):
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
    """Describe a layer by values that JSON can hold."""
    return {"type": _TYPE_NAMES[type(layer)], **asdict(layer)}


def layer_from_dict(description):
    """Make the layer that `layer_to_dict` described; a description that does not fit is a ValueError."""
    values = dict(description)
    kind = values.pop("type", None)
    if kind not in LAYER_TYPES:
        raise ValueError(f"unknown layer type {kind!r}; known are {', '.join(LAYER_TYPES)}")
    for name in values:
        if name not in {field.name for field in fields(LAYER_TYPES[kind])}:
            raise ValueError(f"layer {values.get('name')!r} of type {kind} has an unknown field {name!r}")
    try:
        return LAYER_TYPES[kind](**values)
    except TypeError as error:
        raise ValueError(f"layer {values.get('name')!r} of type {kind} lacks a field: {error}") from None


def _window_count(size, layer, rounding="floor"):
    """Number of windows along an axis of this size."""
    free = size + 2 * layer.pad - layer.kernel
    if free < 0:
        raise ValueError(f"layer {layer.name!r}: a window of {layer.kernel} does not fit into {size} pixels")
    if rounding == "floor":
        return free // layer.stride + 1
    count = -(-free // layer.stride) + 1
    if (count - 1) * layer.stride >= size + layer.pad:
        count -= 1  # a window must not start beyond the image and its padding
    return count


def output_shape(layer, shape):
    """Shape (channels, height, width) or (features,) of a layer's output for an input of this shape."""
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
        raise ValueError(f"layer {layer.name!r} reads maps, but the layer before it returns a vector")
    return shape


def blob_shapes(layers, input_shape):
    """Blob name -> shape, in the order of the computation.

    Parameters
    ----------
    layers : sequence of layers
    input_shape : tuple (channels, height, width)

    Returns
    -------
    dict of str -> tuple
        Includes ``"<name>_pre"`` for each layer that a ReLU follows.
    """
    shapes, shape, last = {}, tuple(input_shape), None
    for layer in layers:
        if isinstance(layer, ReLU):
            if last is None or f"{last}_pre" in shapes:
                raise ValueError(f"layer {layer.name!r}: a ReLU needs a layer before it that is not a ReLU")
            shapes[f"{last}_pre"] = shapes.pop(last)
            shapes[last] = shape
        elif not isinstance(layer, Dropout):
            shape = output_shape(layer, shape)
            if layer.name in shapes:
                raise ValueError(f"two layers are called {layer.name!r}")
            if layer.name.endswith("_pre"):
                raise ValueError(f"layer {layer.name!r}: the ending '_pre' is reserved for values before a ReLU")
            if math.prod(shape) > _MAX_VALUES:
                raise ValueError(f"layer {layer.name!r} writes a blob of shape {shape}, too large for this family")
            last, shapes[layer.name] = layer.name, shape
    if not shapes:
        raise ValueError("a network needs at least one layer that computes something")
    return shapes


def parameter_shapes(layers, input_shape):
    """Array name -> shape of the weights and biases that layers need, in the order of the layers."""
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
            shapes[f"{layer.name}.weight"] = (layer.out_features, math.prod(below))
            shapes[f"{layer.name}.bias"] = (layer.out_features,)
    return shapes


def layers_up_to(layers, blob):
    """Leave out the layers that a blob does not need, such as the ReLU after ``"fc6_pre"``."""
    name = blob.removesuffix("_pre")
    end = 1 + next(i for i, layer in enumerate(layers) if layer.name == name)
    return layers[: end + (blob != f"{name}_pre" and isinstance(next(iter(layers[end:]), None), ReLU))]


def multiply_adds(layers, input_shape):
    """Layer name -> number of multiply-adds for one image."""
    shapes, costs = blob_shapes(layers, input_shape), {}
    for name, shape in parameter_shapes(layers, input_shape).items():
        layer_name, kind = name.rsplit(".", 1)
        if kind == "weight":
            costs[layer_name] = math.prod((*shape, *shapes[layer_name][1:]))
    return costs
