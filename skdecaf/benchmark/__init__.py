"""How fast the network is here: times of layers, throughput, memory, and other engines side by side."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf.benchmark.layers import group_by_kind, time_layers
from skdecaf.benchmark.machine import product_speed
from skdecaf.benchmark.memory import peak_memory
from skdecaf.benchmark.report import run_benchmark, to_markdown
from skdecaf.benchmark.throughput import measure_throughput

__all__ = [
    "group_by_kind",
    "measure_throughput",
    "peak_memory",
    "product_speed",
    "run_benchmark",
    "time_layers",
    "to_markdown",
]
