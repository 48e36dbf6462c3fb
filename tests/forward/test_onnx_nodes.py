"""Layers on the node tests of ONNX: models of one operator, with inputs and the outputs that must come out.

Older commits of ONNX's repository have them in ``onnx/backend/test/data/node``. The environment variable
``SKDECAF_ONNX_NODE_TESTS`` names that folder; without it these tests are skipped.
"""

# SPDX-License-Identifier: BSD-3-Clause
import math
import os
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest

from skdecaf._forward import ForwardPass
from skdecaf.weights import Convolution, FullyConnected, MaxPool, Network, Preprocessing, ResponseNorm, Softmax

onnx = pytest.importorskip("onnx")

FOLDER = os.environ.get("SKDECAF_ONNX_NODE_TESTS")
pytestmark = pytest.mark.skipif(not FOLDER, reason="SKDECAF_ONNX_NODE_TESTS is not set")
TESTS = ("test_conv_*", "test_basic_conv_*", "test_gemm_*", "test_lrn*", "test_maxpool_*", "test_softmax_*")
OUTSIDE_THE_FAMILY = {
    "test_conv_with_strides_and_asymmetric_padding": "padding is the same on all sides",
    "test_gemm_default_matrix_bias": "a layer has a bias for each output, not for each row",
    "test_maxpool_1d_*": "maps have two dimensions",
    "test_maxpool_3d_*": "maps have two dimensions",
    "test_maxpool_2d_dilations": "windows have no gaps",
    "test_maxpool_2d_same_*": "padding is the same on all sides",
    "test_softmax_*_expanded*": "the softmax is written with other operators",
}
NAMES = sorted(path.name for test in TESTS for path in Path(FOLDER).glob(test)) if FOLDER else []


def read(path):
    return onnx.numpy_helper.to_array(onnx.load_tensor(path))


def forward(layers, arrays, images):
    """The values of the last layer, and the same where the blobs of all layers are asked for."""
    size = images.shape[1:3]
    network = Network(layers, arrays, Preprocessing(size, size))
    last = layers[-1].name
    values = ForwardPass(network, [last]).run(images)[last]
    np.testing.assert_array_equal(ForwardPass(network, network.blob_shapes).run(images)[last], values)
    return values


def on_maps(layer, maps, arrays=None):
    """The layer's output for maps of any number of channels, which a convolution takes from an image of three."""
    n, channels, height, width = maps.shape
    side = math.isqrt(-(-channels // 3) - 1) + 1
    images = np.zeros((n, height * side, width * side, 3), np.float32)
    pick = np.zeros((channels, 3, side, side), np.float32)
    for i in range(channels):
        colour, row, column = np.unravel_index(i, pick.shape[1:])
        images[:, row::side, column::side, colour] = maps[:, i]
        pick[i, colour, row, column] = 1
    arrays = (arrays or {}) | {"maps.weight": pick, "maps.bias": np.zeros(channels, np.float32)}
    return forward((Convolution("maps", channels, side, side), layer), arrays, images)


def on_rows(layers, rows, arrays):
    """The layers' output for vectors, which are images of one row with zeros at the end."""
    n, length = rows.shape
    images = np.zeros((n, 3, -(-length // 3)), np.float32)
    images.reshape(n, -1)[:, :length] = rows
    weight = np.zeros((len(arrays["fc.weight"]), images[0].size), np.float32)
    weight[:, :length] = arrays["fc.weight"]
    return forward(layers, arrays | {"fc.weight": weight}, images[:, np.newaxis].swapaxes(2, 3))


def window(attributes, maps):
    """Kernel, stride and padding of square windows."""
    (kernel, also), (stride, _) = attributes["kernel_shape"], attributes.get("strides", (1, 1))
    assert kernel == also and set(attributes.get("dilations", (1,))) == {1}
    pads = set(attributes.get("pads", (0,)))
    if attributes.get("auto_pad", b"NOTSET") != b"NOTSET":
        pads = {((-(-side // stride) - 1) * stride + kernel - side) / 2 for side in maps.shape[2:]}
    (pad,) = pads
    return {"kernel": kernel, "stride": stride, "pad": int(pad)}


def conv(attributes, maps, weight):
    arrays = {"conv.weight": weight, "conv.bias": np.zeros(len(weight), np.float32)}
    return on_maps(Convolution("conv", len(weight), **window(attributes, maps)), maps, arrays)


def max_pool(attributes, maps):
    rounding = "ceil" if attributes.get("ceil_mode") else "floor"
    return on_maps(MaxPool("pool", **window(attributes, maps), rounding=rounding), maps)


def response_norm(attributes, maps):
    values = {
        name: attributes[onnx_name]
        for name, onnx_name in (("size", "size"), ("alpha", "alpha"), ("beta", "beta"), ("k", "bias"))
        if onnx_name in attributes
    }
    return on_maps(ResponseNorm("norm", **values), maps)


def gemm(attributes, rows, weight, bias=0):
    rows = rows.T if attributes.get("transA") else rows
    weight = weight if attributes.get("transB") else weight.T
    arrays = {
        "fc.weight": attributes.get("alpha", 1) * weight,
        "fc.bias": attributes.get("beta", 1) * np.broadcast_to(bias, (1, len(weight)))[0],
    }
    return on_rows((FullyConnected("fc", len(weight)),), rows, arrays)


def softmax(attributes, values):
    axis = attributes.get("axis", -1)
    rows = np.moveaxis(values, axis, -1)
    length = rows.shape[-1]
    arrays = {"fc.weight": np.eye(length, dtype=np.float32), "fc.bias": np.zeros(length, np.float32)}
    out = on_rows((FullyConnected("fc", length), Softmax("prob")), rows.reshape(-1, length), arrays)
    return np.moveaxis(out.reshape(rows.shape), -1, axis)


RUN = {"Conv": conv, "Gemm": gemm, "LRN": response_norm, "MaxPool": max_pool, "Softmax": softmax}


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_those_of_onnx(name):
    for pattern, reason in OUTSIDE_THE_FAMILY.items():
        if fnmatch(name, pattern):
            pytest.skip(f"outside the network family: {reason}")
    folder = Path(FOLDER, name)
    (node,) = onnx.load(folder / "model.onnx").graph.node
    attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    data = folder / "test_data_set_0"
    inputs = [read(data / f"input_{i}.pb").astype(np.float32) for i in range(len(node.input))]
    expected = read(data / "output_0.pb")
    values = RUN[node.op_type](attributes, *inputs).reshape(expected.shape)
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5)


def test_each_operator_was_run():
    for pattern in (*TESTS, *OUTSIDE_THE_FAMILY):
        assert any(fnmatch(name, pattern) for name in NAMES), pattern
