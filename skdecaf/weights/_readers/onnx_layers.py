"""From the nodes of an ONNX graph to the layers of an architecture."""

# SPDX-License-Identifier: BSD-3-Clause
import reprlib
from dataclasses import dataclass, fields, replace

import numpy as np

from skdecaf.weights._architectures import ARCHITECTURES
from skdecaf.weights._layers import Convolution, Dropout, FullyConnected, MaxPool, ReLU, ResponseNorm, Softmax
from skdecaf.weights._readers.assembling import shortest_float


@dataclass
class Step:
    """The text of a node for messages, its layer without name and size, and its arrays."""

    node: str
    layer: object
    weight: np.ndarray | None = None
    bias: np.ndarray | None = None


def chain_of_layers(onnx, graph, constants):
    """Convert the nodes of a graph, each of which must read the output of the one before it, to layers.

    Parameters
    ----------
    onnx : module
    graph : onnx.GraphProto
    constants : mapping of str to ndarray

    Returns
    -------
    list of Step
    """
    inputs = [value.name for value in graph.input if value.name not in constants]
    if len(inputs) != 1:
        raise ValueError(f"the graph reads {len(inputs)} inputs, not one image")
    steps, current = [], inputs[0]
    for i, node in enumerate(graph.node):
        if node.op_type == "Constant":
            continue
        text = f"node {i} ({node.op_type}{f' {node.name!r}' if node.name else ''})"
        try:
            operands = _operands(node, current, constants)
            read, fixed, make = _OPERATORS[node.op_type]
            attributes = _attributes(onnx, node, read, fixed)
            if node.op_type == "Add":
                _add_bias(steps, *operands)
            elif made := make(attributes, *operands):
                steps.append(Step(text, *made))
        except ValueError as error:
            raise ValueError(f"{text}: {error}") from None
        current = node.output[0] if node.output else None
    return steps


def _operands(node, current, constants):
    """The constants that a node reads besides the output of the node before it."""
    if node.op_type not in _OPERATORS or node.domain not in ("", "ai.onnx"):
        raise ValueError(f"not an operator of these networks, which are {', '.join(_OPERATORS)}")
    names = [name for name in node.input if name]
    if names.count(current) != 1 or (names[0] != current and node.op_type != "Add"):
        raise ValueError(
            f"it reads {', '.join(map(str, names)) or 'nothing'}, not just the output of the node before it"
        )
    names.remove(current)
    unknown = [name for name in names if name not in constants]
    if unknown:
        raise ValueError(f"its input {unknown[0]!r} is not a constant of the graph")
    least, most = _N_OPERANDS.get(node.op_type, (0, 0))
    if not least <= len(names) <= most:
        raise ValueError(f"it reads {len(names)} constants, not {least}{f' to {most}' if most > least else ''}")
    return [constants[name] for name in names]


def _attributes(onnx, node, read, fixed):
    """The attributes in ``read`` or their defaults; others must have one of the values in ``fixed``."""
    values = dict(read)
    for attribute in node.attribute:
        name, value = attribute.name, _plain(onnx, attribute)
        if name not in read and name not in fixed:
            raise ValueError(f"an attribute {name!r} is unknown here")
        if name in fixed and value not in fixed[name]:
            raise ValueError(f"attribute {name!r} is {reprlib.repr(value)}, not {' or '.join(map(repr, fixed[name]))}")
        if name in read and type(value) is not type(read[name]):
            raise ValueError(f"attribute {name!r} is {reprlib.repr(value)}, not of type {type(read[name]).__name__}")
        values[name] = value
    return values


def _plain(onnx, attribute):
    kind, value = attribute.type, onnx.helper.get_attribute_value(attribute)
    if kind == onnx.AttributeProto.FLOAT:
        return shortest_float(value, f"attribute {attribute.name!r}")
    if kind == onnx.AttributeProto.STRING:
        return value[:100].decode("latin-1")
    if kind not in (onnx.AttributeProto.INT, onnx.AttributeProto.INTS):
        raise ValueError(f"attribute {attribute.name!r} is neither a number nor a text nor a list of whole numbers")
    return value if kind == onnx.AttributeProto.INT else tuple(value)


def _convolution(attributes, weight, bias):
    if weight.ndim != 4:
        raise ValueError(f"its weight has shape {weight.shape}, but needs (out, in / groups, kernel, kernel)")
    kernel = _same("kernel_shape", attributes["kernel_shape"] or weight.shape[2:], 2)
    stride, pad = _same("strides", attributes["strides"], 2), _same("pads", attributes["pads"], 4)
    return Convolution("", 1, kernel, stride, pad, attributes["group"]), weight, bias.reshape(-1)


def _max_pool(attributes):
    kernel, stride = (_same(name, attributes[name], 2) for name in ("kernel_shape", "strides"))
    pads = attributes["pads"]
    pad, extra = _same("pads", pads[:2], 2), _same("pads", pads[2:], 2)
    # Larger padding at the end is another way to round the output size up. The rounding is that of the architecture;
    # at its image size both give one result.
    if not pad <= extra < pad + stride:
        raise ValueError(f"attribute 'pads' is {reprlib.repr(pads)}, which does not round up")
    return (MaxPool("", kernel, stride, pad),)


def _response_norm(attributes):
    return (ResponseNorm("", *(attributes[name] for name in ("size", "alpha", "beta", "bias"))),)


def _gemm(attributes, weight, bias):
    return FullyConnected("", 1), weight if attributes["transB"] else weight.T, bias.reshape(-1)


def _mat_mul(attributes, weight):
    return FullyConnected("", 1), weight.T


def _add_bias(steps, bias):
    if not steps or not isinstance(steps[-1].layer, FullyConnected) or steps[-1].bias is not None:
        raise ValueError("it adds to something else than a product without a bias")
    steps[-1].bias = bias.reshape(-1)


def _reshape(attributes, *operands):
    target = operands[0].tolist() if operands else list(attributes["shape"])
    if not isinstance(target, list) or len(target) != 2:
        raise ValueError(f"it reshapes to {reprlib.repr(target)}, not to one row for an image")


def _dropout(attributes, ratio=None, training_mode=None):
    if training_mode is not None and training_mode.any():
        raise ValueError("its training_mode is true")


def _same(name, values, length):
    """The number that all values of an attribute must be, since windows are square and padding is symmetric."""
    if len(values) != length or len(set(values)) != 1:
        raise ValueError(f"attribute {name!r} is {reprlib.repr(values)}, not {length} equal numbers")
    return values[0]


# Operator -> attributes that are read, with defaults; attributes that must have one of these values; makes the layer.
_UNPADDED = {"auto_pad": ("NOTSET",), "dilations": ((1, 1),)}
_WINDOW = {"kernel_shape": (), "strides": (1, 1), "pads": (0, 0, 0, 0)}
_OPERATORS = {
    "Conv": ({**_WINDOW, "group": 1}, _UNPADDED, _convolution),
    "Relu": ({}, {}, lambda _: (ReLU(""),)),
    "MaxPool": ({**_WINDOW, "ceil_mode": 0}, {**_UNPADDED, "storage_order": (0,)}, _max_pool),
    "LRN": ({"size": 0, "alpha": 1e-4, "beta": 0.75, "bias": 1.0}, {}, _response_norm),
    "Flatten": ({}, {"axis": (1,)}, lambda _: None),
    "Reshape": ({"shape": ()}, {"allowzero": (0,)}, _reshape),
    "Gemm": ({"transB": 0}, {"alpha": (1.0,), "beta": (1.0,), "transA": (0,), "broadcast": (1,)}, _gemm),
    "MatMul": ({}, {}, _mat_mul),
    "Add": ({}, {"broadcast": (1,), "axis": (1,)}, None),
    "Dropout": ({"ratio": 0.5, "seed": 0}, {"is_test": (1,)}, _dropout),
    # How torch writes adaptive pooling from 6 x 6 to 6 x 6.
    "AveragePool": (
        {"count_include_pad": 0, "ceil_mode": 0},
        {**_UNPADDED, "kernel_shape": ((1, 1),), "strides": ((1, 1),), "pads": ((0, 0, 0, 0),)},
        lambda _: None,
    ),
    "Softmax": ({}, {"axis": (1, -1)}, lambda _: (Softmax(""),)),
}
_N_OPERANDS = {"Conv": (2, 2), "Gemm": (2, 2), "MatMul": (1, 1), "Add": (1, 1), "Reshape": (0, 1), "Dropout": (0, 2)}


def recognised_arrays(steps):
    """Find the architecture with these layers, whatever their sizes; the softmax may be missing.

    Returns
    -------
    str
        One of `ARCHITECTURES`.
    dict of str to ndarray
    """
    lengths = {name: _common_length(steps, _computing(name)) for name in ARCHITECTURES}
    architecture = max(lengths, key=lengths.get)
    expected, length = _computing(architecture), lengths[architecture]
    rest = expected[length:]
    if length < len(steps):
        raise ValueError(_difference(steps[length], rest[0] if rest else None, architecture))
    if rest and not isinstance(rest[0], Softmax):
        raise ValueError(f"the graph ends where {architecture} goes on with {rest[0].name!r}")
    arrays = {}
    for step, layer in zip(steps, expected, strict=False):
        if isinstance(layer, (Convolution, FullyConnected)):
            if step.bias is None or step.weight.dtype.kind + step.bias.dtype.kind != "ff":
                raise ValueError(f"{step.node}: it needs a weight and a bias of floats")
            arrays |= {f"{layer.name}.weight": step.weight, f"{layer.name}.bias": step.bias}
    return architecture, arrays


def _computing(architecture):
    return [layer for layer in ARCHITECTURES[architecture].layers if not isinstance(layer, Dropout)]


def _bare(layer):
    """The layer without the fields that differ between networks of one architecture."""
    values = {"name": "", "out_channels": 1, "out_features": 1, "rounding": "ceil"}
    return replace(layer, **{field.name: values[field.name] for field in fields(layer) if field.name in values})


def _common_length(steps, layers):
    """Number of layers that agree, counted from the first."""
    count = 0
    for step, layer in zip(steps, layers, strict=False):
        if step.layer != _bare(layer):
            break
        count += 1
    return count


def _difference(step, layer, architecture):
    """Say where a node first differs from the architecture."""
    if layer is None:
        return f"{step.node}: {architecture} has no more layers"
    if type(step.layer) is not type(layer):
        return f"{step.node}: {architecture}, which fits best up to here, goes on with {layer}"
    for field in fields(layer):
        found, expected = (getattr(thing, field.name) for thing in (step.layer, _bare(layer)))
        if found != expected:
            return (
                f"{step.node}: {field.name} is {found!r}, not {expected!r} as in layer {layer.name!r} of {architecture}"
            )
