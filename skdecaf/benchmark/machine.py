"""The machine: what runs here, how fast its products are, what slows them down, and the memory of this process."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import time

import numpy as np

from skdecaf._utils.machine import machine_info
from skdecaf._utils.threads import single_blas_thread

# Rows, depth and columns of about what the network's own products have; all three are multiples of 48.
_PRODUCT = (1152, 1152, 384)
_SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def describe_machine():
    """Describe versions, processor, kernels and BLAS, and what in the environment slows the products down.

    Returns
    -------
    dict
        As of `skdecaf info`, with a list "warnings" of sentences.
    """
    info = machine_info()
    found = [f"{name}={os.environ[name]}" for name in _SLOWING if os.environ.get(name)]
    kernels = ", ".join(sorted({str(library["architecture"]) for library in info["blas"]}))
    advice = f"so that BLAS runs its kernels for {kernels}, which may be the slower ones; unset it to measure"
    return {**info, "warnings": [f"{' and '.join(found)} is set, {advice}."] if found else []}


def product_speed(repeats=5):
    """Measure how fast one thread multiplies matrices of float32.

    Parameters
    ----------
    repeats : int, default=5
        The fastest counts.

    Returns
    -------
    float
        In GFLOP/s, where a multiplication with an addition counts as two.

    Examples
    --------
    >>> from skdecaf.benchmark import product_speed
    >>> product_speed(repeats=1) > 0
    True
    """
    rows, depth, columns = _PRODUCT
    generator = np.random.default_rng(0)
    left = generator.standard_normal((rows, depth), np.float32)
    right = generator.standard_normal((depth, columns), np.float32)
    out, seconds = np.empty((rows, columns), np.float32), []
    with single_blas_thread():
        for _ in range(repeats + 1):  # the first is to warm up
            start = time.thread_time()
            np.matmul(left, right, out=out)
            seconds.append(time.thread_time() - start)
    return 2e-9 * rows * depth * columns / min(seconds[1:])


def process_memory(name):
    """Bytes that Linux tells about this process under "VmRSS" (now) or "VmHWM" (the peak), or None elsewhere."""
    try:
        with open("/proc/self/status") as file:
            lines = dict(line.split(":", 1) for line in file)
    except OSError:
        return None
    return int(lines[name].split()[0]) * 1024


def forget_peak_memory():
    """Let the system count the peak from now on, where it can."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass
