"""Images per second, beside the inference engines that are installed: how the README's figures were measured.

python docs/measurements/speed.py [caffenet|mini|...]

Random filters, images in memory, batch 64, to fc6 after its ReLU, two threads each. The engines take turns, seven
rounds; printed are the medians and the ratio to OpenVINO. Unset OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE, which would
slow NumPy's BLAS down.
"""

# SPDX-License-Identifier: BSD-3-Clause
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from skdecaf import Network, _kernels
from skdecaf._forward import ForwardPass

BATCH, ROUNDS, THREADS = 64, 7, 2


def ours(network, images):
    plan, pool = ForwardPass(network, ["fc6"]), ThreadPoolExecutor(THREADS)
    chunks = np.array_split(images, THREADS)
    return lambda: np.concatenate([blobs["fc6"] for blobs in pool.map(plan.run, chunks)])


def openvino(model, pixels):
    import openvino

    options = {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.Core().compile_model(model, "CPU", options).create_infer_request()
    return lambda: next(iter(request.infer({0: pixels}).values()))


def onnxruntime(model, pixels):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"pixels": pixels})[0]


def engines(network, images, folder):
    """Name -> function that computes the features once."""
    found = {"skdecaf": ours(network, images)}
    model = Path(folder) / "network.onnx"
    network.to_onnx(model, blobs=["fc6"])
    pixels = np.ascontiguousarray(images.transpose(0, 3, 1, 2)).astype(np.float32)
    for prepare in (openvino, onnxruntime):
        try:
            found[prepare.__name__] = prepare(model, pixels)
        except ImportError:
            print(f"{prepare.__name__} is not installed")
    return found


def main(architecture="caffenet"):
    network = Network.random(architecture, 0)
    shape = (BATCH, *network.preprocessing.crop, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        runs = engines(network, images, folder)
        expected = runs["skdecaf"]()
        seconds = {name: [] for name in runs}
        for _ in range(ROUNDS):
            for name, run in runs.items():
                start = time.perf_counter()
                features = run()
                seconds[name].append(time.perf_counter() - start)
                assert np.abs(features - expected).max() < 1e-4 * np.abs(expected).max()
    print(f"{architecture} to fc6, batch {BATCH}, {THREADS} threads, kernels: {_kernels.instruction_set}")
    medians = {name: np.median(times) for name, times in seconds.items()}
    for name, median in medians.items():
        ratio = f", {medians['openvino'] / median:.2f} of OpenVINO" if "openvino" in medians else ""
        print(f"{name:12s} {BATCH / median:6.1f} images/s{ratio}")


if __name__ == "__main__":
    main(*sys.argv[1:])
