"""Networks in ONNX models."""

# SPDX-License-Identifier: BSD-3-Clause
import math
import mmap
import reprlib
from itertools import zip_longest

import numpy as np

from skdecaf._utils.extras import require
from skdecaf.weights._file_checks import weights_file
from skdecaf.weights._native_format import FORMAT, MEAN_IMAGE, parameters_of_network
from skdecaf.weights._network import Network
from skdecaf.weights._onnx_export import nodes_and_arrays
from skdecaf.weights._readers.assembling import network_from_arrays
from skdecaf.weights._readers.message_fields import MessageFields
from skdecaf.weights._readers.onnx_layers import chain_of_layers, recognised_arrays

# Numbers of the fields that hold nearly all of a model: its graph, the graph's arrays, and their values.
_GRAPH, _INITIALIZER, _FLOAT_DATA, _RAW_DATA = 7, 5, 4, 9
_DTYPES = {"FLOAT": "<f4", "FLOAT16": "<f2", "INT32": "<i4", "INT64": "<i8", "BOOL": "?"}
_MAX_AXES = 4


def looks_like(head):
    """Whether the first field is a small version number, and the second one of a model has the right type."""
    return len(head) > 2 and head[0] == 0x08 and head[1] < 32 and (head[2] == 0x28 or head[2] & 7 == 2) and head[2] > 15


def read_onnx(path, name=None, origin=None):
    """Read a network from an ONNX model.

    A model that `Network.to_onnx` wrote gives the network back, up to the last blob that was asked for. Any other
    model must be a chain of operators that has one of the architectures in `skdecaf.weights.ARCHITECTURES`, with any
    number of filters and classes: the order of pooling and normalisation tells CaffeNet from AlexNet. Its
    preprocessing is that of the architecture, since graphs do not state it: for CaffeNet and AlexNet blue, green, red
    minus Caffe's mean pixel.

    The models ``caffenet`` and ``bvlcalexnet`` of the ONNX model zoo have graphs for 224 pixels, with other rounding
    and padding. Their weights are read into the networks for 227 pixels that Caffe trained, so features differ from
    those of the zoo's graphs.
    """
    onnx = require("onnx", "an ONNX model")
    with weights_file(path) as path:
        model, constants = _parsed(onnx, path)
        metadata = {_text(entry.key): _text(entry.value) for entry in model.metadata_props}
        if metadata.get("format") == FORMAT:
            return _own_network(onnx.helper, model.graph, constants, metadata, name=name, origin=origin)
        for node in model.graph.node:
            for attribute in node.attribute if node.op_type == "Constant" else ():
                constants.update((name, _array(onnx, attribute.t, name)) for name in node.output)
        architecture, arrays = recognised_arrays(chain_of_layers(onnx, model.graph, constants))
        return network_from_arrays(architecture, arrays, name=name or path.stem, origin=origin)


def _parsed(onnx, path):
    """The model without its arrays, and the arrays by name."""
    from google.protobuf.message import DecodeError

    size = path.stat().st_size
    if not size:
        raise ValueError("the file is empty")
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            fields = MessageFields(data)
            graphs, rest = fields.split((0, size), {_GRAPH: None}, "the model")
            if len(graphs[_GRAPH]) != 1:
                raise ValueError(f"not an ONNX model: it has {len(graphs[_GRAPH])} graphs")
            model = onnx.ModelProto.FromString(rest)
            initializers, rest = fields.split(graphs[_GRAPH][0], {_INITIALIZER: None}, "the graph")
            model.graph.MergeFromString(rest)
            constants = {}
            for place in initializers[_INITIALIZER]:
                name, array = _initializer(onnx, path, fields, place)
                if name in constants:
                    raise ValueError(f"two arrays are called {name!r}")
                constants[name] = array
            return model, constants
    except DecodeError as error:
        raise ValueError(f"not an ONNX model: {error}") from None


def _initializer(onnx, path, fields, place):
    """Name and array of the tensor at this position."""
    values, rest = fields.split(place, {_FLOAT_DATA: None, _RAW_DATA: None}, "an array")
    tensor = onnx.TensorProto.FromString(rest)
    name = _text(tensor.name)
    return name, _array(onnx, tensor, name, path, values[_RAW_DATA] or values[_FLOAT_DATA])


def _text(value):
    """Check a text of a message, which protobuf leaves as bytes if it is not UTF-8."""
    if not isinstance(value, str):
        raise ValueError(f"damaged: {reprlib.repr(value)} is not a text")
    return value


def _array(onnx, tensor, name, path=None, places=()):
    """Values of a tensor, which are in the tensor itself or at these positions in the file."""
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        raise ValueError(f"array {name!r} lies in another file; save the model with its data in one file")
    dtypes = {onnx.TensorProto.DataType.Value(kind): np.dtype(dtype) for kind, dtype in _DTYPES.items()}
    if tensor.data_type not in dtypes:
        raise ValueError(f"array {name!r} is of ONNX's data type {tensor.data_type}, not of {', '.join(_DTYPES)}")
    dtype, shape = dtypes[tensor.data_type], tuple(tensor.dims)
    if len(shape) > _MAX_AXES:
        raise ValueError(f"array {name!r} has {len(shape)} axes, more than a filter")
    try:
        if not places:
            return onnx.numpy_helper.to_array(tensor)
        ((start, end),) = places
        if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != end - start:
            raise ValueError(f"there are {end - start:,} bytes")
        return np.fromfile(path, dtype, math.prod(shape), offset=start).reshape(shape)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"array {name!r} does not have the values of its shape {shape}: {error}") from None


def _own_network(helper, graph, constants, metadata, name, origin):
    """The network that the metadata describe; its graph must be the one that `Network.to_onnx` writes."""
    arrays = {name: array for name, array in constants.items() if name.endswith((".weight", ".bias"))}
    if MEAN_IMAGE in constants:
        arrays[MEAN_IMAGE] = _rows_and_columns_first(constants[MEAN_IMAGE])
    network = Network(**parameters_of_network(metadata, arrays, name), origin=origin)
    try:
        nodes, expected = nodes_and_arrays(helper, network, [output.name for output in graph.output])
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"no model can be written for its own description of the network: {error}") from None
    for i, (found, node) in enumerate(zip_longest(graph.node, nodes)):
        if found != node:
            operator = "the end of the graph" if found is None else f"node {i} ({found.op_type})"
            raise ValueError(f"{operator} is not what the model's own description of the network says")
    for name, array in expected.items():
        if name not in constants or not np.array_equal(constants[name], array):
            raise ValueError(f"array {name!r} is not what the model's own description of the network says")
    return network


def _rows_and_columns_first(mean_image):
    if mean_image.ndim != 4 or len(mean_image) != 1:
        raise ValueError(f"array 'mean_image' has shape {mean_image.shape}, but needs (1, 3, height, width)")
    return mean_image[0].transpose(1, 2, 0)
