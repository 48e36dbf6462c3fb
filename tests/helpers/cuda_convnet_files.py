"""A network's layers as the pickles of the DeCAF release keep them."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np


def cuda_layers(net, order="C", dtype=np.float32):
    """The layers of a CaffeNet as cuda-convnet keeps them."""
    layers = [{"name": "data", "type": "data", "inputs": [], "inputLayers": [], "dataIdx": 0}]
    for kind, name, parameters in net.layers:
        if kind in ("ReLU", "Dropout"):
            below = layers[-1]["name"].removesuffix("_neuron")
            neuron = {"type": "relu", "params": {}} if kind == "ReLU" else {"type": "dropout", "params": {"d": 0.5}}
            fields = {"name": below + ("_neuron" if kind == "ReLU" else "dropout"), "type": "neuron", "neuron": neuron}
        else:
            fields = TRANSLATIONS[kind](name, parameters)
        if name in net.arrays:
            weight, bias = net.arrays[name]
            weight = np.asarray(weight.reshape(len(weight), -1).T, dtype, order=order)
            bias = bias.astype(dtype).reshape((-1, 1) if kind == "Convolution" else (1, -1))
            fields |= {"weights": [weight], "weightsInc": [np.zeros_like(weight)], "biases": bias, "epsW": [0.01]}
        layers.append({**fields, "inputs": [len(layers) - 1], "inputLayers": [layers[-1]]})
    layers.append({"name": "logprob", "type": "cost.logreg", "inputs": [0, len(layers) - 1], "coeff": [1.0]})
    return layers


TRANSLATIONS = {
    "Convolution": lambda name, p: {
        "name": name, "type": "conv", "filters": p["num_output"], "filterSize": [p["kernel_size"]],
        "stride": [p["stride"]], "padding": [-p["pad"]], "groups": [p["group"]], "sharedBiases": 1,
        "randSparse": [False], "channels": [3], "neuron": "ident",
    },
    "Pooling": lambda name, p: {
        "name": name, "type": "pool", "pool": "max", "sizeX": p["kernel_size"], "stride": p["stride"], "start": 0,
        "outputsX": {"pool1": 11, "pool2": 5, "pool5": 2}[name],
    },
    "LRN": lambda name, p: {
        "name": f"r{name}", "type": "cmrnorm", "size": p["local_size"], "scale": p["alpha"] / p["local_size"],
        "pow": p["beta"],
    },
    "InnerProduct": lambda name, p: {"name": name, "type": "fc", "outputs": p["num_output"]},
    "Softmax": lambda name, p: {"name": "probs", "type": "softmax"},
}  # fmt: skip
