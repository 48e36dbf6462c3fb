"""ONNX: the network and the linear classifier of a fitted pipeline in one graph, from pixels to scores."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import onnx
from onnx import helper, numpy_helper
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skdecaf import DeCAFTransformer, datasets
from skdecaf.images import cut_crops, decode, fit_image, to_rgb
from skdecaf.weights import resolve_network

photos = datasets.load_image_folder("photos")
pipeline = make_pipeline(DeCAFTransformer(), LogisticRegression()).fit(photos.filenames, photos.target)
transformer, classifier = pipeline

network = resolve_network("mini")
network.to_onnx("pipeline.onnx", blobs=transformer.blobs_)
model = onnx.load("pipeline.onnx")
arrays = {"linear.scale": transformer.scale_, "linear.coef": classifier.coef_.T, "linear.bias": classifier.intercept_}
for name, array in arrays.items():
    model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))
model.graph.node.extend(
    [
        helper.make_node("Flatten", [model.graph.output[0].name], ["activations"]),
        helper.make_node("Mul", ["activations", "linear.scale"], ["features"]),
        helper.make_node("Gemm", ["features", "linear.coef", "linear.bias"], ["scores"]),
    ]
)
scores = helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, ["n", classifier.coef_.shape[0]])
model.graph.output.pop()
model.graph.output.append(scores)
onnx.checker.check_model(model)
onnx.save(model, "pipeline.onnx")


def pixels_of(photo):
    """What the model takes: a photo as the network sees it, red, green and blue from 0 to 255."""
    p = network.preprocessing
    fitted = fit_image(to_rgb(decode(photo)), p.resize, p.policy, p.resample)
    return cut_crops(fitted, p.crop, "center")[0].transpose(2, 0, 1).astype(np.float32)
