"""Write networks as ONNX models."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

from skdecaf._utils.extras import require
from skdecaf._utils.files import atomic_write
from skdecaf.weights._layers import (
    Convolution,
    Dropout,
    FullyConnected,
    MaxPool,
    ReLU,
    ResponseNorm,
    blob_shapes,
    layers_up_to,
    parameter_shapes,
)
from skdecaf.weights._native_format import to_metadata

OPSET = 13
IR_VERSION = 8


def write_onnx(network, path, blobs=None):
    """Write the network up to the last of ``blobs`` to ``path``; see `Network.to_onnx`."""
    onnx = require("onnx", "to_onnx")
    blobs = [list(network.blob_shapes)[-1]] if blobs is None else list(blobs)
    unknown = [blob for blob in blobs if blob not in network.blob_shapes]
    if unknown or not blobs:
        raise ValueError(f"no blob {unknown}; this network has {', '.join(network.blob_shapes)}")
    network = _part_up_to(network, blobs)
    nodes, arrays = nodes_and_arrays(onnx.helper, network, blobs)
    float32 = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        nodes,
        network.name,
        [onnx.helper.make_tensor_value_info("pixels", float32, ["n", *network.input_shape])],
        [onnx.helper.make_tensor_value_info(b, float32, ["n", *network.blob_shapes[b]]) for b in blobs],
        [onnx.numpy_helper.from_array(np.array(array), name) for name, array in arrays.items()],
    )
    opset = [onnx.helper.make_opsetid("", OPSET)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="skdecaf")
    # For `read_onnx`: graphs do not state the size to which photos are resized, among others.
    onnx.helper.set_model_props(model, to_metadata(network))
    onnx.checker.check_model(model)
    with atomic_write(path) as temporary:
        temporary.write_bytes(model.SerializeToString())


def _part_up_to(network, blobs):
    """The network up to the last of these blobs, with the ReLU and the dropout after it."""
    end = max(len(layers_up_to(network.layers, blob)) for blob in blobs)
    while end < len(network.layers) and isinstance(network.layers[end], (ReLU, Dropout)):
        end += 1
    layers = network.layers[:end]
    arrays = {name: network.arrays[name] for name in parameter_shapes(layers, network.input_shape)}
    *_, last_shape = blob_shapes(layers, network.input_shape).values()
    labels = network.labels if last_shape == (len(network.labels),) else ()
    return network.replace(layers=layers, arrays=arrays, labels=labels)


def nodes_and_arrays(helper, network, blobs):
    """Nodes and constants of the graph up to the last of ``blobs``; ``helper`` is the module `onnx.helper`."""
    nodes, arrays = _preprocessing_nodes(helper, network)
    current, wanted = nodes[-1].output[0], set(blobs)
    for layer, following in zip(network.layers, (*network.layers[1:], None), strict=True):
        if not wanted:
            break
        if isinstance(layer, Dropout):
            continue
        if isinstance(layer, ReLU):
            target = current.removesuffix("_pre")
        else:
            target = f"{layer.name}_pre" if isinstance(following, ReLU) else layer.name
        new_nodes, new_arrays = _layer_nodes(helper, network, layer, current, target)
        nodes += new_nodes
        arrays |= new_arrays
        wanted.discard(target)
        current = target
    return nodes, arrays


def _preprocessing_nodes(helper, network):
    """Nodes from ``"pixels"`` to the input of the first layer; they subtract the centre of a mean image."""
    preprocessing = network.preprocessing
    arrays = {"scale": np.reshape(preprocessing.scale, (1, 3, 1, 1)).astype(np.float32)}
    nodes, current = [], "pixels"
    if preprocessing.flip:
        arrays["rows"] = np.arange(preprocessing.crop[0])[::-1].copy()
        nodes.append(helper.make_node("Gather", [current, "rows"], ["flipped"], axis=2))
        current = "flipped"
    if network.mean_image is None:
        arrays["mean"] = np.reshape(preprocessing.mean, (1, 3, 1, 1)).astype(np.float32)
    else:
        first = np.subtract(preprocessing.resize, preprocessing.crop) // 2
        arrays["mean_image"] = np.ascontiguousarray(network.mean_image.transpose(2, 0, 1))[np.newaxis]
        arrays |= {"first": first, "end": first + preprocessing.crop, "axes": np.array([2, 3])}
        nodes.append(helper.make_node("Slice", ["mean_image", "first", "end", "axes"], ["mean"]))
    nodes += [
        helper.make_node("Sub", [current, "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["normalised"]),
    ]
    if preprocessing.channel_order == "BGR":
        arrays["channels"] = np.array([2, 1, 0])
        nodes.append(helper.make_node("Gather", ["normalised", "channels"], ["data"], axis=1))
    return nodes, arrays


def _layer_nodes(helper, network, layer, source, target):
    """Nodes and arrays of one layer."""
    weight, bias = f"{layer.name}.weight", f"{layer.name}.bias"
    arrays = {name: network.arrays[name] for name in (weight, bias) if name in network.arrays}
    if isinstance(layer, FullyConnected):
        flat = f"{source}_flat"
        return [
            helper.make_node("Flatten", [source], [flat]),
            helper.make_node("Gemm", [flat, weight, bias], [target], transB=1),
        ], arrays
    inputs, (operator, attributes) = [source, *arrays], _operator(layer)
    return [helper.make_node(operator, inputs, [target], **attributes)], arrays


def _operator(layer):
    """Operator and attributes of the node of a layer."""
    if isinstance(layer, Convolution):
        window = {"kernel_shape": [layer.kernel] * 2, "strides": [layer.stride] * 2, "pads": [layer.pad] * 4}
        return "Conv", {**window, "group": layer.groups}
    if isinstance(layer, MaxPool):
        window = {"kernel_shape": [layer.kernel] * 2, "strides": [layer.stride] * 2, "pads": [layer.pad] * 4}
        return "MaxPool", {**window, "ceil_mode": int(layer.rounding == "ceil")}
    if isinstance(layer, ResponseNorm):
        return "LRN", {"size": layer.size, "alpha": layer.alpha, "beta": layer.beta, "bias": layer.k}
    return ("Relu", {}) if isinstance(layer, ReLU) else ("Softmax", {"axis": 1})
