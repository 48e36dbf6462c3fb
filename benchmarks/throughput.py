"""Measure images a second from memory, beside other engines if asked for.

    python benchmarks/throughput.py
    python benchmarks/throughput.py --weights random --against openvino,onnxruntime --batch-sizes 1,64

The other engines need `pip install "skdecaf[bench]"`. Close other programs, and compare figures of one run only.
"""

# SPDX-License-Identifier: BSD-3-Clause
from pathlib import Path

import numpy as np
from comparison import compare_engines
from options import add_comparison, make_parser, numbers
from photos import random_images
from report import describe, finish


def measure_throughput(weights="mini", layer=6, *, batch_sizes=(1, 8, 64), **options):
    """Time batches of random images in memory; options and result are those of `compare_engines`."""
    return compare_engines(
        lambda network, folder: [MemoryRun(network, folder, size) for size in batch_sizes], weights, layer, **options
    )


class MemoryRun:
    """A batch of random images in memory."""

    source = "memory"

    def __init__(self, network, folder, batch_size):
        self.n_images = self.batch_size = batch_size
        self.images, self.output = str(Path(folder) / f"images-{batch_size}.npy"), str(Path(folder) / "features.npy")
        np.save(self.images, random_images(network, batch_size))

    def compute(self, worker):
        """Compute the features once."""
        worker.call("compute", images=self.images, output=self.output)
        return np.load(self.output)

    def time(self, worker):
        """Return seconds by the clock, and of all processors."""
        return worker.call("time_images")


def main(arguments=None):
    """Parse the arguments, measure and print."""
    parser = make_parser(__doc__)
    add_comparison(parser)
    parser.add_argument(
        "--batch-sizes", type=numbers, default=[1, 8, 64], metavar="N,…", help="images at a time (default: 1,8,64)"
    )
    options = parser.parse_args(arguments)
    names = ("precision", "against", "threads", "rounds", "batch_sizes")
    records = measure_throughput(
        options.weights, options.layer, **{name: getattr(options, name) for name in names}
    )  # fmt: skip
    finish({**describe(options), "throughput": records}, options)


if __name__ == "__main__":
    main()
