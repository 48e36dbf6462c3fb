"""Parse Caffe's binary files into layers with parameters and blobs, which the module `caffe` interprets.

Messages and field numbers are those of Caffe's ``caffe.proto``, limited to the fields that decide a value. The values
of the blobs, nearly all of a file, are taken out first; the protobuf library parses the rest.
"""

# SPDX-License-Identifier: BSD-3-Clause
import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from skdecaf.weights._readers.message_fields import MessageFields

_MAX_LAYERS = 200

# Message -> (field, number, type[, default]). A star marks a repeated field, a capital another message. All integers
# have 64 bits, enumerations are integers, and text is bytes, since it need not be UTF-8.
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
    """A layer of a file of any version, with the type's name in today's Caffe, and the blobs as arrays."""

    name: str
    type: str
    message: object
    blobs: list

    @property
    def bottoms(self):
        """Names of the blobs that the layer reads."""
        return [text(bottom) for bottom in self.message.bottom]

    @property
    def tops(self):
        """Names of the blobs that the layer writes."""
        return [text(top) for top in self.message.top]


def text(value):
    """Decode a name, which may have any bytes."""
    return value.decode("utf-8", errors="replace")


def read_net(data):
    """Parse a NetParameter.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    net : message
        With ``name``, ``input_dim`` and ``input_shape``.
    layers : list of CaffeLayer
        In the order of the file.
    """
    fields = MessageFields(data)
    large, rest = fields.split((0, len(data)), _NET_FIELDS, "the network")
    n_layers = len(large[_LAYER]) + len(large[_V1_LAYER])
    if not 0 < n_layers <= _MAX_LAYERS:
        raise ValueError(f"the network has {n_layers} layers, not 1 to {_MAX_LAYERS}")
    if large[_LAYER] and large[_V1_LAYER]:
        raise ValueError("the network has layers in both fields, 'layer' and 'layers'")
    layers = [_read_layer(fields, place) for place in large[_LAYER]]
    layers += [_read_v1_layer(fields, place) for place in large[_V1_LAYER]]
    return _parse("Net", rest, "the network"), _without_padding_layers(layers)


def read_blob(data, what):
    """Parse a BlobProto.

    Parameters
    ----------
    data : bytes
    what : str
        Begins the text of errors.

    Returns
    -------
    ndarray, float32
        Of the shape that the blob declares; old blobs have four axes.
    """
    return _read_blob(MessageFields(data), (0, len(data)), what)


def _read_blob(fields, place, what):
    large, rest = fields.split(place, _BLOB_FIELDS, what)
    blob = _parse("Blob", rest, what)
    shape = tuple(blob.shape.dim) if blob.HasField("shape") else (blob.num, blob.channels, blob.height, blob.width)
    parts = large[_DOUBLE_DATA] or large[_DATA]
    n_values = sum(map(len, parts))
    if len(shape) > 4 or min(shape, default=0) < 1 or math.prod(shape) != n_values:
        raise ValueError(f"{what} has {n_values} values, which do not fill its shape {shape[:5]}")
    values, position = np.empty(n_values, np.float32), 0
    with np.errstate(over="ignore"):  # too large doubles become infinite, which Network refuses
        for part in parts:
            values[position : position + len(part)] = part
            position += len(part)
    return values.reshape(shape)


def _read_layer(fields, place):
    large, rest = fields.split(place, {_BLOBS: None}, "a layer")
    message = _parse("Layer", rest, "a layer")
    return _layer(fields, message, text(message.type), large[_BLOBS])


def _read_v1_layer(fields, place):
    large, rest = fields.split(place, {_V1_BLOBS: None, _V0_LAYER: None}, "a layer")
    message, blobs = _parse("V1Layer", rest, "a layer"), large[_V1_BLOBS]
    if not large[_V0_LAYER]:
        return _layer(fields, message, _V1_TYPES.get(message.type, str(message.type)), blobs)
    large, rest = fields.split(large[_V0_LAYER][-1], {_V0_BLOBS: None}, "a layer")
    old = _parse("V0Layer", rest, "a layer")
    kind = text(old.type)
    return _layer(fields, _upgraded(old, message), _V0_TYPES.get(kind, kind), large[_V0_BLOBS])


def _layer(fields, message, kind, places):
    name = text(message.name)
    blobs = [_read_blob(fields, place, f"layer {name!r}: blob {i}") for i, place in enumerate(places)]
    return CaffeLayer(name, kind, message, blobs)


def _upgraded(old, connection):
    """Convert a layer of Caffe's first version, which has all parameters in one message, to today's."""
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
    """Move the pad of the "padding" layers of Caffe's first version to the convolutions after them."""
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


def _parse(name, data, what):
    """Parse a message of the class with this name."""
    from google.protobuf.message import DecodeError

    try:
        return _message_classes()[name].FromString(data)
    except DecodeError:
        raise ValueError(f"{what} is not a message of Caffe") from None


@cache
def _message_classes():
    """Message name -> class, made from the schema."""
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
