"""Engines that compute the same features: skdecaf and its peers, behind a common interface.

Each engine lives in a process of its own; see `worker`. ``convert`` turns cropped images, uint8 of shape
(n, height, width, 3), into the form that the engine reads. That time is not measured.
"""

# SPDX-License-Identifier: BSD-3-Clause
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from PIL import Image, ImageOps
from sklearn.base import clone

from skdecaf._decaf import DeCAFTransformer
from skdecaf._forward import plan_forward_pass
from skdecaf.images import cut_crops
from skdecaf.images._preparing import central_crop
from skdecaf.weights import read_network, resolve_network


class SkdecafEngine:
    """skdecaf: chunks of images in threads, as in `skdecaf.DeCAFTransformer`."""

    package = "skdecaf"
    environment = {}

    def __init__(self, task, threads, batch_size):
        self.blob, precision = task["blob"], task["precision"]
        self.network = resolve_network(task["network"], precision=precision)
        self.forward, self.threads = plan_forward_pass(self.network, [self.blob]), threads
        self.pool = ThreadPoolExecutor(threads)
        options = {"layer": self.blob, "dropout": False, "n_jobs": threads, "batch_size": batch_size}
        self.transformer = DeCAFTransformer(weights=task["network"], precision=precision, **options)
        self.settings = f"{precision}; large JPEG files are decoded at a reduced size, but not to compare features"

    def convert(self, images):
        """Return the images unchanged."""
        return images

    def run(self, pixels):
        """Compute features (n, size)."""
        preprocessing, mean = self.network.preprocessing, self.network.mean_image
        pixels = pixels[:, ::-1] if preprocessing.flip else pixels
        pixels = pixels if mean is None else pixels - cut_crops(mean, preprocessing.crop, "center")
        chunks = np.array_split(pixels, min(self.threads, len(pixels)))
        run = partial(self.forward.run, n_threads=self.threads // len(chunks))
        # As in the transformer, a single chunk is computed by the calling thread.
        results = self.pool.map(run, chunks) if len(chunks) > 1 else map(run, chunks)
        return np.concatenate([blobs[self.blob] for blobs in results])

    def run_files(self, files):
        """Compute features of photos."""
        return self.transformer.fit_transform(files)

    def compute_files(self, files):
        """Compute features of photos that are decoded at their full size."""
        return clone(self.transformer).set_params(fast_decode=False).fit_transform(files)


class Peer:
    """Base class of the other engines: they read float32 (n, 3, height, width), and Pillow reads files for them."""

    environment = {}

    def __init__(self, task, threads, batch_size):
        self.network, self.batch_size = read_network(task["network"]), batch_size
        self.pool = ThreadPoolExecutor(threads)
        self.prepare(task, threads, (batch_size, *self.network.input_shape))

    def convert(self, images):
        """Convert images into the form that the peer reads."""
        return np.ascontiguousarray(images.transpose(0, 3, 1, 2)).astype(np.float32)

    def run_files(self, files):
        """Compute features of photos, whose number is a multiple of the batch size.

        Threads decode the photos of the next batch while the peer computes.
        """
        batches = [files[start : start + self.batch_size] for start in range(0, len(files), self.batch_size)]
        features, reading = [], self._read_ahead(batches[0])
        for following in (*batches[1:], []):
            pixels = np.stack([photo.result() for photo in reading])
            reading = self._read_ahead(following)
            features.append(np.array(self.run(self.convert(pixels))))
        return np.concatenate(features)

    compute_files = run_files

    def _read_ahead(self, files):
        return [self.pool.submit(self._read_photo, file) for file in files]

    def _read_photo(self, file):
        preprocessing = self.network.preprocessing
        with Image.open(file) as photo:
            ImageOps.exif_transpose(photo, in_place=True)
            photo = photo if photo.mode == "RGB" else photo.convert("RGB")
            if preprocessing.policy == "warp":  # resizing a large photo as an array would take twice as long
                photo = photo.resize(preprocessing.resize[::-1], Image.Resampling[preprocessing.resample.upper()])
            pixels = np.asarray(photo)
        return central_crop(pixels, preprocessing)  # the model reverses rows itself


class OnnxRuntimeEngine(Peer):
    """ONNX Runtime on the processor."""

    package = "onnxruntime"

    def prepare(self, task, threads, shape):
        """Load the model."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(task["model"], options, providers=["CPUExecutionProvider"])
        self.settings = "float32"

    def run(self, pixels):
        """Compute features (n, size)."""
        return _flat(self.session.run(None, {"pixels": pixels})[0])


class OpenVinoEngine(Peer):
    """OpenVINO on the processor, with the hint for throughput, or the hint for latency if the batch is one image.

    For throughput OpenVINO makes several streams, each of which computes a part of the batch.
    """

    package = "openvino"

    def prepare(self, task, threads, shape):
        """Compile the model for this shape."""
        import openvino

        hint = "LATENCY" if shape[0] == 1 else "THROUGHPUT"
        options = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": hint}
        core = openvino.Core()
        model = core.read_model(task["model"])
        streams = core.compile_model(model, "CPU", options).get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        n_parts = streams if shape[0] % streams == 0 else 1
        model.reshape([shape[0] // n_parts, *shape[1:]])
        compiled = core.compile_model(model, "CPU", options)
        self.requests = [compiled.create_infer_request() for _ in range(n_parts)]
        self.settings = f"float32, hint {hint}, {n_parts} {'request' if n_parts == 1 else 'requests'}"

    def run(self, pixels):
        """Compute features (n, size)."""
        for request, part in zip(self.requests, np.split(pixels, len(self.requests)), strict=True):
            request.start_async({0: part}, share_inputs=True)
        for request in self.requests:
            request.wait()
        return np.concatenate([_flat(request.get_output_tensor().data) for request in self.requests])


class TorchEngine(Peer):
    """torch, compiled with frozen weights and channels last, or uncompiled if compiling fails."""

    package = "torch"
    environment = {"TORCHINDUCTOR_FREEZING": "1"}

    def prepare(self, task, threads, shape):
        """Compile the module for this shape."""
        import torch

        from skdecaf.training import to_torch

        torch.set_num_threads(threads)
        module = torch.nn.Sequential(to_torch(self.network, until=task["blob"]), torch.nn.Flatten())
        self.module, self.settings = torch.compile(module, dynamic=False), "float32, compiled, channels last"
        try:
            self.run(self.convert(np.zeros((shape[0], *shape[2:], 3), np.uint8)))
        except Exception as error:  # torch raises errors of many kinds if it finds no compiler
            first_line = str(error).strip().partition("\n")[0]
            self.module, self.settings = module, f"float32, eager, channels last (torch.compile failed: {first_line})"

    def convert(self, images):
        """Make a tensor, channels last."""
        import torch

        return torch.from_numpy(super().convert(images)).to(memory_format=torch.channels_last)

    def run(self, pixels):
        """Compute features (n, size)."""
        import torch

        with torch.no_grad():
            return self.module(pixels).numpy()


class OpenCvEngine(Peer):
    """The dnn module of OpenCV."""

    package = "opencv-python-headless"

    def prepare(self, task, threads, shape):
        """Load the model."""
        import cv2

        cv2.setNumThreads(threads)
        self.net = cv2.dnn.readNetFromONNX(task["model"])
        self.settings = "float32"

    def run(self, pixels):
        """Compute features (n, size)."""
        self.net.setInput(pixels)
        return _flat(self.net.forward())


ENGINES = {
    "skdecaf": SkdecafEngine,
    "onnxruntime": OnnxRuntimeEngine,
    "openvino": OpenVinoEngine,
    "torch": TorchEngine,
    "opencv": OpenCvEngine,
}

# Variables that limit an engine to AVX2 if SKDECAF_CPU=avx2; ONNX Runtime has none. OpenVINO documents none, but its
# wheels have that of oneDNN: primitives are then called brgconv_avx2 and the like (seen in 2026.4.1).
AVX2_SWITCHES = {
    "openvino": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "torch": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
    "opencv": {"OPENCV_CPU_DISABLE": "AVX512-SKX"},
}


def engine_environment(name):
    """Return variables for the process of an engine; its library reads them when it is loaded."""
    to_avx2 = AVX2_SWITCHES.get(name, {}) if os.environ.get("SKDECAF_CPU") == "avx2" else {}
    return {**ENGINES[name].environment, **to_avx2}


def _flat(blob):
    return blob.reshape(len(blob), -1)
