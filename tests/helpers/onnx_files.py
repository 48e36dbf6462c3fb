"""ONNX models of the family, written node by node in the ways of several programs."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import onnx
from onnx import helper, numpy_helper

float32 = onnx.TensorProto.FLOAT

STYLES = {
    "caffe2": {"opset": 7, "flatten": "reshape", "padded_pools": True, "input_is_listed": True},
    "zoo": {"opset": 9, "flatten": "reshape", "mask": True},
    "plain": {"opset": 13, "ratio": True},
    "products": {"opset": 13, "product": "MatMul", "dropout": False},
    "turned": {"opset": 21, "product": "turned", "flatten": "constant", "axis": -1, "named": True},
    "float16": {"opset": 13, "float16": True},
}


class Writer:
    """The nodes of a chain, one after the other."""

    def __init__(self, network, image_size=None, softmax=True, **style):
        self.network, self.style, self.softmax = network, style, softmax
        self.size = image_size or network.preprocessing.crop[0]
        self.nodes, self.constants, self.current, self.in_maps = [], {}, "data_0", True
        for layer in network.layers:
            getattr(self, type(layer).__name__)(layer)

    def add(self, operator, *constants, outputs=1, **attributes):
        names = [f"{operator}_{len(self.nodes)}_{i}" for i in range(outputs)]
        name = f"node {names[0]}" if self.style.get("named") else ""
        self.nodes.append(helper.make_node(operator, [self.current, *constants], names, name=name, **attributes))
        self.current = names[0]

    def constant(self, name, array):
        if self.style.get("float16") and array.dtype == np.float32:
            array = array.astype(np.float16)
        self.constants[name] = numpy_helper.from_array(np.array(array, order="C"), name)
        return name

    def parameters(self, layer, turned=False):
        weight, bias = (self.network.arrays[f"{layer.name}.{part}"] for part in ("weight", "bias"))
        return self.constant(f"{layer.name}_w_0", weight.T if turned else weight), self.constant(
            f"{layer.name}_b_0", bias
        )

    def Convolution(self, layer):
        window = {"kernel_shape": [layer.kernel] * 2, "strides": [layer.stride] * 2, "pads": [layer.pad] * 4}
        self.add("Conv", *self.parameters(layer), group=layer.groups, **window)

    def ReLU(self, layer):
        self.add("Relu")

    def MaxPool(self, layer):
        window = {"kernel_shape": [layer.kernel] * 2, "strides": [layer.stride] * 2}
        # As the zoo's models have it at 224 pixels: rounded down, but for the last, which is padded.
        padded = layer.name == "pool5" and (self.size == 224 or self.style.get("padded_pools"))
        self.add("MaxPool", **window, pads=[0, 0, 1, 1] if padded and layer.rounding == "ceil" else [0] * 4)

    def ResponseNorm(self, layer):
        self.add("LRN", size=layer.size, alpha=layer.alpha, beta=layer.beta, bias=layer.k)

    def FullyConnected(self, layer):
        if self.in_maps:
            self.flatten()
        product = self.style.get("product", "Gemm")
        weight, bias = self.parameters(layer, turned=product != "Gemm")
        if product == "MatMul":
            self.add("MatMul", weight)
            self.nodes.append(helper.make_node("Add", [bias, self.current], [f"sum_{layer.name}"]))
            self.current = f"sum_{layer.name}"
        else:
            self.add("Gemm", weight, bias, **({"transB": 1} if product == "Gemm" else {"alpha": 1.0}))

    def flatten(self):
        self.in_maps, kind = False, self.style.get("flatten", "flatten")
        shape = np.array([1, -1])
        if kind == "reshape":
            self.add("Reshape", self.constant("OC2_DUMMY_1", shape))
        elif kind == "constant":
            value = numpy_helper.from_array(shape, "shape")
            self.nodes.append(helper.make_node("Constant", [], ["shape"], value=value))
            self.add("Reshape", "shape")
        else:
            self.add("Flatten", axis=1)

    def Dropout(self, layer):
        if self.style.get("ratio"):
            self.add("Dropout", self.constant("ratio", np.array(0.5, np.float32)))
        elif self.style.get("dropout", True) and self.style["opset"] < 12:
            self.add("Dropout", outputs=2 if self.style.get("mask") else 1, ratio=layer.rate)

    def Softmax(self, layer):
        if self.softmax:
            self.add("Softmax", axis=self.style.get("axis", 1))

    def model(self):
        kind = onnx.TensorProto.FLOAT16 if self.style.get("float16") else float32
        inputs = [helper.make_tensor_value_info("data_0", kind, [1, 3, self.size, self.size])]
        if self.style.get("input_is_listed"):
            inputs += [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in self.constants.values()]
        outputs = [helper.make_tensor_value_info(self.current, kind, None)]
        graph = helper.make_graph(self.nodes, "graph", inputs, outputs, list(self.constants.values()))
        opset = [helper.make_opsetid("", self.style["opset"])]
        return helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name="onnx-caffe2")
