"""Caffe's binary files as layers with their parameters and blobs; what the layers mean is `caffe`'s affair.

The messages and the numbers of their fields are those of Caffe's ``caffe.proto``, of which only what decides a value
is declared. The values of the blobs, nearly all of a file, are sliced out within bounds, so that a hostile file costs
little; everything else goes to the protobuf library.
"""

# SPDX-License-Identifier: BSD-3-Clause
import math
from dataclasses import dataclass
from functools import cache

import numpy as np

# No file of a network comes near these.
_MOST_FIELDS = 10_000
_MOST_LAYERS = 200
_MOST_DESCRIPTION_BYTES = 16_384

# Message -> (field, number, type[, default]). A star marks a repeated field, a capital another message; numbers are
# wide, enumerations are numbers, and text is bytes, since nobody checks that it is UTF-8.
_SCHEMA = {
    "BlobShape": [("dim", 1, "int64*")],
    "Blob": [
        ("num", 1, "int64"), ("channels", 2, "int64"), ("height", 3, "int64"), ("width", 4, "int64"),
        ("shape", 7, "BlobShape"),
    ],
    "Net": [("name", 1, "bytes"), ("input_dim", 4, "int64*"), ("input_shape", 8, "BlobShape*")],
    "Convolution": [
        ("num_output", 1, "int64"), ("bias_term", 2, "bool", "true"), ("pad", 3, "int64*"),
        ("kernel_size", 4, "int64*"), ("group", 5, "int64", "1"), ("stride", 6, "int64*"), ("pad_h", 9, "int64"),
        ("pad_w", 10, "int64"), ("kernel_h", 11, "int64"), ("kernel_w", 12, "int64"), ("stride_h", 13, "int64"),
        ("stride_w", 14, "int64"), ("axis", 16, "int64", "1"), ("dilation", 18, "int64*"),
    ],
    "Pooling": [
        ("pool", 1, "int64"), ("kernel_size", 2, "int64*"), ("stride", 3, "int64*"), ("pad", 4, "int64*"),
        ("kernel_h", 5, "int64"), ("kernel_w", 6, "int64"), ("stride_h", 7, "int64"), ("stride_w", 8, "int64"),
        ("pad_h", 9, "int64"), ("pad_w", 10, "int64"), ("global_pooling", 12, "bool"), ("round_mode", 13, "int64"),
    ],
    "LRN": [
        ("local_size", 1, "int64", "5"), ("alpha", 2, "float", "1"), ("beta", 3, "float", "0.75"),
        ("norm_region", 4, "int64"), ("k", 5, "float", "1"),
    ],
    "InnerProduct": [
        ("num_output", 1, "int64"), ("bias_term", 2, "bool", "true"), ("axis", 5, "int64", "1"),
        ("transpose", 6, "bool"),
    ],
    "Dropout": [("dropout_ratio", 1, "float", "0.5")],
    "ReLU": [("negative_slope", 1, "float")],
    "Softmax": [("axis", 2, "int64", "1")],
    "Input": [("shape", 1, "BlobShape*")],
    "Transform": [("scale", 1, "float", "1"), ("crop_size", 3, "int64"), ("mean_value", 5, "float*")],
    "Layer": [
        ("name", 1, "bytes"), ("type", 2, "bytes"), ("bottom", 3, "bytes*"), ("top", 4, "bytes*"),
        ("transform", 100, "Transform"), ("convolution", 106, "Convolution"), ("dropout", 108, "Dropout"),
        ("inner_product", 117, "InnerProduct"), ("lrn", 118, "LRN"), ("pooling", 121, "Pooling"),
        ("relu", 123, "ReLU"), ("softmax", 125, "Softmax"), ("input", 143, "Input"),
    ],
    "V1Layer": [
        ("bottom", 2, "bytes*"), ("top", 3, "bytes*"), ("name", 4, "bytes"), ("type", 5, "int64"),
        ("convolution", 10, "Convolution"), ("dropout", 12, "Dropout"), ("inner_product", 17, "InnerProduct"),
        ("lrn", 18, "LRN"), ("pooling", 19, "Pooling"), ("relu", 30, "ReLU"), ("transform", 36, "Transform"),
        ("softmax", 39, "Softmax"),
    ],
    "V0Layer": [
        ("name", 1, "bytes"), ("type", 2, "bytes"), ("num_output", 3, "int64"), ("bias_term", 4, "bool", "true"),
        ("pad", 7, "int64"), ("kernel_size", 8, "int64"), ("group", 9, "int64", "1"), ("stride", 10, "int64", "1"),
        ("pool", 11, "int64"), ("dropout_ratio", 12, "float", "0.5"), ("local_size", 13, "int64", "5"),
        ("alpha", 14, "float", "1"), ("beta", 15, "float", "0.75"), ("scale", 17, "float", "1"),
        ("crop_size", 20, "int64"), ("k", 22, "float", "1"),
    ],
}  # fmt: skip

# Fields that are taken out before the rest is parsed: number -> type of the numbers, or None for messages.
_LAYER, _V1_LAYER = 100, 2
_NET_FIELDS = {_LAYER: None, _V1_LAYER: None}
_BLOBS, _V1_BLOBS, _V0_BLOBS = 7, 6, 50
_V0_LAYER = 1
_DATA, _DIFF, _DOUBLE_DATA, _DOUBLE_DIFF = 5, 6, 8, 9
_BLOB_FIELDS = {_DATA: "<f4", _DIFF: "<f4", _DOUBLE_DATA: "<f8", _DOUBLE_DIFF: "<f8"}

_VARINT, _EIGHT_BYTES, _LENGTH_DELIMITED, _FOUR_BYTES = 0, 1, 2, 5

_V1_TYPES = {
    1: "Accuracy", 4: "Convolution", 5: "Data", 6: "Dropout", 9: "HDF5Data", 12: "ImageData", 14: "InnerProduct",
    15: "LRN", 17: "Pooling", 18: "ReLU", 20: "Softmax", 21: "SoftmaxWithLoss", 22: "Split", 24: "WindowData",
    29: "MemoryData", 32: "DummyData", 36: "Silence",
}  # fmt: skip
_V0_TYPES = {
    "accuracy": "Accuracy", "conv": "Convolution", "data": "Data", "dropout": "Dropout", "hdf5_data": "HDF5Data",
    "images": "ImageData", "innerproduct": "InnerProduct", "lrn": "LRN", "pool": "Pooling", "relu": "ReLU",
    "softmax": "Softmax", "softmax_loss": "SoftmaxWithLoss", "split": "Split", "window_data": "WindowData",
}  # fmt: skip


@dataclass(frozen=True)
class CaffeLayer:
    """A layer of a file, whatever its version: the type as today's Caffe calls it, and the blobs as arrays."""

    name: str
    type: str
    message: object
    blobs: list

    @property
    def bottoms(self):
        """Names of the blobs that it reads."""
        return [text(bottom) for bottom in self.message.bottom]

    @property
    def tops(self):
        """Names of the blobs that it writes."""
        return [text(top) for top in self.message.top]


def text(value):
    """A name as text, whatever bytes it has."""
    return value.decode("utf-8", errors="replace")


def read_net(data):
    """Take a NetParameter apart.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    net : message
        With ``name``, ``input_dim`` and ``input_shape``.
    layers : list of CaffeLayer
        In the file's order.
    """
    budget = iter(range(_MOST_FIELDS))
    large, rest = _split(memoryview(data), _NET_FIELDS, "the network", budget)
    n_layers = len(large[_LAYER]) + len(large[_V1_LAYER])
    if not 0 < n_layers <= _MOST_LAYERS:
        raise ValueError(f"the network has {n_layers} layers, not 1 to {_MOST_LAYERS}")
    if large[_LAYER] and large[_V1_LAYER]:
        raise ValueError("the network has layers in both fields, 'layer' and 'layers'")
    layers = [_read_layer(payload, budget) for payload in large[_LAYER]]
    layers += [_read_v1_layer(payload, budget) for payload in large[_V1_LAYER]]
    return _parse("Net", rest, "the network"), _without_padding_layers(layers)


def read_blob(data, what, budget=None):
    """Values of a BlobProto.

    Parameters
    ----------
    data : bytes-like
    what : str
        For messages.
    budget : iterator, optional
        Over the fields that may still be looked at.

    Returns
    -------
    ndarray, float32
        Of the shape that the blob declares, four axes where it is of the old kind.
    """
    large, rest = _split(memoryview(data), _BLOB_FIELDS, what, budget or iter(range(_MOST_FIELDS)))
    blob = _parse("Blob", rest, what)
    shape = tuple(blob.shape.dim) if blob.HasField("shape") else (blob.num, blob.channels, blob.height, blob.width)
    parts = large[_DOUBLE_DATA] or large[_DATA]
    n_values = sum(map(len, parts))
    if len(shape) > 4 or min(shape, default=0) < 1 or math.prod(shape) != n_values:
        raise ValueError(f"{what} has {n_values} values, which do not fill its shape {shape[:5]}")
    values, position = np.empty(n_values, np.float32), 0
    with np.errstate(over="ignore"):  # doubles beyond float32 become infinite, and are refused as such
        for part in parts:
            values[position : position + len(part)] = part
            position += len(part)
    return values.reshape(shape)


def _read_layer(data, budget):
    large, rest = _split(data, {_BLOBS: None}, "a layer", budget)
    message = _parse("Layer", rest, "a layer")
    return _layer(message, text(message.type), large[_BLOBS], budget)


def _read_v1_layer(data, budget):
    large, rest = _split(data, {_V1_BLOBS: None, _V0_LAYER: None}, "a layer", budget)
    message, blobs = _parse("V1Layer", rest, "a layer"), large[_V1_BLOBS]
    if not large[_V0_LAYER]:
        return _layer(message, _V1_TYPES.get(message.type, str(message.type)), blobs, budget)
    large, rest = _split(large[_V0_LAYER][-1], {_V0_BLOBS: None}, "a layer", budget)
    old = _parse("V0Layer", rest, "a layer")
    kind = text(old.type)
    return _layer(_upgraded(old, message), _V0_TYPES.get(kind, kind), large[_V0_BLOBS], budget)


def _layer(message, kind, blobs, budget):
    name = text(message.name)
    blobs = [read_blob(blob, f"layer {name!r}: blob {i}", budget) for i, blob in enumerate(blobs)]
    return CaffeLayer(name, kind, message, blobs)


def _upgraded(old, connection):
    """The layer of Caffe's first version, all parameters in one message, as one of today's."""
    window = {"kernel_size": [old.kernel_size], "stride": [old.stride], "pad": [old.pad]}
    output = {"num_output": old.num_output, "bias_term": old.bias_term}
    return _message_classes()["Layer"](
        name=old.name,
        bottom=connection.bottom,
        top=connection.top,
        convolution={**output, **window, "group": old.group},
        pooling={**window, "pool": old.pool},
        lrn={"local_size": old.local_size, "alpha": old.alpha, "beta": old.beta, "k": old.k},
        inner_product=output,
        dropout={"dropout_ratio": old.dropout_ratio},
        transform={"scale": old.scale, "crop_size": old.crop_size},
    )


def _without_padding_layers(layers):
    """Give the pad of a layer "padding", as the first version had them, to the convolution after it."""
    kept, padding = [], None
    for layer in layers:
        if layer.type == "padding":
            padding = layer.message
            continue
        if padding is not None:
            if layer.type != "Convolution":
                raise ValueError(f"layer {layer.name!r}: 'padding' stands before a convolution only")
            layer.message.convolution.pad[:] = padding.convolution.pad
            layer.message.bottom[:] = padding.bottom
            padding = None
        kept.append(layer)
    return kept


def _split(message, large, what, budget):
    """Walk a message's fields.

    Parameters
    ----------
    message : memoryview
    large : dict of int -> str or None
        Numbers of fields to take out, with the type of the numbers that they hold, or None for messages.
    what : str
        For messages of errors.
    budget : iterator
        Over the fields that may still be looked at.

    Returns
    -------
    taken : dict of int -> list of memoryview or ndarray
    rest : bytes
        All other fields as they were.
    """
    taken, rest, n_rest, position = {number: [] for number in large}, [], 0, 0
    while position < len(message):
        if next(budget, None) is None:
            raise ValueError(f"{what}: the file has more than {_MOST_FIELDS:,} fields")
        number, value, end = _field(message, position, large, what)
        if number in large:
            taken[number].append(value)
        else:
            n_rest += end - position
            if n_rest > _MOST_DESCRIPTION_BYTES:
                raise ValueError(f"{what}: field {number} brings its description to {n_rest:,} bytes")
            rest.append(message[position:end])
        position = end
    return taken, b"".join(rest)


def _field(message, start, large, what):
    """Number, value where it is among ``large``, and end of the field at ``start``."""
    tag, position = _varint(message, start, what)
    number, wire_type = tag >> 3, tag & 7
    dtype = large.get(number)
    if wire_type == _LENGTH_DELIMITED:
        length, position = _varint(message, position, what)
        _check_room(message, position, length, number, what)
        value = message[position : position + length]
        if dtype and length % np.dtype(dtype).itemsize:
            raise ValueError(f"{what}: field {number} ends within a number")
        return number, np.frombuffer(value, dtype) if dtype else value, position + length
    if wire_type in (_FOUR_BYTES, _EIGHT_BYTES):
        width = 4 if wire_type == _FOUR_BYTES else 8
        _check_room(message, position, width, number, what)
        if dtype and np.dtype(dtype).itemsize == width:
            return number, *_run(message, start, position - start, dtype)
        position += width
    elif wire_type == _VARINT:
        position = _varint(message, position, what)[1]
    if number in large or wire_type not in (_VARINT, _FOUR_BYTES, _EIGHT_BYTES):
        raise ValueError(f"{what}: field {number} has wire type {wire_type}, which is not its own")
    return number, None, position


def _check_room(message, position, length, number, what):
    if length > len(message) - position:
        raise ValueError(
            f"{what}: field {number} is cut off: {length:,} bytes declared, {len(message) - position:,} there"
        )


def _run(message, start, tag_size, dtype):
    """The numbers of all fields alike from ``start`` on, which were not packed into one; and where they end."""
    record = np.dtype([("tag", np.uint8, (tag_size,)), ("number", dtype)])
    count = (len(message) - start) // record.itemsize
    records = np.frombuffer(message, record, count, start)
    tag, end = records["tag"][0], count
    for first in range(0, count, 1024):
        differ = (records["tag"][first : first + 1024] != tag).any(axis=1)
        if differ.any():
            end = first + int(differ.argmax())
            break
    return records["number"][:end], start + end * record.itemsize


def _varint(message, position, what):
    """Number of variable length at ``position``, and where it ends."""
    value = 0
    for shift in range(0, 64, 7):
        if position >= len(message):
            raise ValueError(f"{what} is cut off within a field's tag or length")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError(f"{what}: a number of more than ten bytes")


def _parse(name, data, what):
    """Message of this class."""
    from google.protobuf.message import DecodeError

    try:
        return _message_classes()[name].FromString(data)
    except DecodeError:
        raise ValueError(f"{what} is no message of Caffe's") from None


@cache
def _message_classes():
    """Message name -> class, made of the schema."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field_types = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="skdecaf/caffe.proto", package="skdecaf", syntax="proto2")
    for name, schema in _SCHEMA.items():
        message = file.message_type.add(name=name)
        for field_name, number, kind, *default in schema:
            field = message.field.add(name=field_name, number=number)
            field.label = field_types.LABEL_REPEATED if kind.endswith("*") else field_types.LABEL_OPTIONAL
            kind = kind.removesuffix("*")
            if kind in _SCHEMA:
                field.type, field.type_name = field_types.TYPE_MESSAGE, f".skdecaf.{kind}"
            else:
                field.type = field_types.Type.Value(f"TYPE_{kind.upper()}")
            if default:
                field.default_value = default[0]
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"skdecaf.{name}")) for name in _SCHEMA}
