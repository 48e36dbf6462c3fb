"""Layers that need no product: pooling, response normalisation, ReLU by itself, softmax."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

from skdecaf._kernels import bias, pooling, response_norm, softmax
from skdecaf.weights._layers import output_shape


class PoolingStep:
    """Maxima of windows."""

    def __init__(self, layer, shape):
        self.layer = layer
        channels, height, width = output_shape(layer, shape)
        self.shape = (height, width, channels)

    def run(self, maps, out, workspace):
        pooling.max_pool(maps, self.layer.kernel, self.layer.stride, self.layer.pad, out)


class ResponseNormStep:
    """Local response normalisation."""

    def __init__(self, layer, shape):
        self.shape = (*shape[1:], shape[0])
        self.size = layer.size
        self.constants = [np.float32(value) for value in (layer.alpha / layer.size, layer.beta, layer.k)]

    def run(self, maps, out, workspace):
        maps, out = (values.reshape(-1, maps.shape[-1]) for values in (maps, out))
        workspace.for_each(
            lambda part: response_norm.response_norm(maps[part], self.size, *self.constants, out[part]),
            workspace.shares(len(maps)),
        )


class RectifyStep:
    """ReLU where the values before it are asked for too."""

    def __init__(self, shape):
        self.shape = shape if len(shape) == 1 else (*shape[1:], shape[0])

    def run(self, values, out, workspace):
        bias.rectify(values.reshape(-1), out.reshape(-1))


class SoftmaxStep:
    """Scores to probabilities."""

    def __init__(self, shape):
        self.shape = shape

    def run(self, scores, out, workspace):
        softmax.softmax(scores, out)
