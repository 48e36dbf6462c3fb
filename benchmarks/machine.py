"""The machine: versions, processor, speed of matrix products, and memory of this process."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import time

import numpy as np
from threadpoolctl import threadpool_limits

from skdecaf._utils.machine import machine_info

# Rows, depth and columns of about the size that the network's own products have; all three are multiples of 48.
_PRODUCT = (1152, 1152, 384)
_SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def describe_machine():
    """Return what ``skdecaf info`` tells, with a list "warnings" of sentences on variables that slow BLAS down."""
    info = machine_info()
    found = [f"{name}={os.environ[name]}" for name in _SLOWING if os.environ.get(name)]
    kernels = ", ".join(sorted({str(library["architecture"]) for library in info["blas"]}))
    advice = f"so that BLAS runs its kernels for {kernels}, which may be the slower ones; unset it to measure"
    return {**info, "warnings": [f"{' and '.join(found)} is set, {advice}."] if found else []}


def product_speed(repeats=5):
    """Return the GFLOP/s of one thread that multiplies matrices of float32; the fastest of the repeats counts.

    A multiplication with an addition counts as two operations.
    """
    rows, depth, columns = _PRODUCT
    generator = np.random.default_rng(0)
    left = generator.standard_normal((rows, depth), np.float32)
    right = generator.standard_normal((depth, columns), np.float32)
    out, seconds = np.empty((rows, columns), np.float32), []
    with threadpool_limits(1, user_api="blas"):
        for _ in range(repeats + 1):  # the first run warms up
            start = time.thread_time()
            np.matmul(left, right, out=out)
            seconds.append(time.thread_time() - start)
    return 2e-9 * rows * depth * columns / min(seconds[1:])


def process_memory(name):
    """Return bytes that Linux reports for this process: "VmRSS" (now) or "VmHWM" (the peak); None elsewhere."""
    try:
        with open("/proc/self/status") as file:
            lines = dict(line.split(":", 1) for line in file)
    except OSError:
        return None
    return int(lines[name].split()[0]) * 1024


def forget_peak_memory():
    """Restart the system's record of the peak, where it can be restarted."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass
