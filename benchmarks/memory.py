"""Measure the memory that transforming many photos takes.

python benchmarks/memory.py --n-files 10000
"""

# SPDX-License-Identifier: BSD-3-Clause
import tempfile

import numpy as np
from machine import forget_peak_memory, process_memory
from options import make_parser, positive
from photos import write_photos
from report import describe, finish, say
from worker import start_worker

from skdecaf import DeCAFTransformer
from skdecaf._utils.threads import resolve_n_jobs
from skdecaf.weights import resolve_network


def peak_memory(
    weights="mini", layer=6, *, precision="float32", n_files=1000, size=(375, 500), threads=None, batch_size=64
):
    """Transform photos in a process of its own, and return how much memory that takes.

    A few files of the given size (height, width) are listed as often as needed. The dict that is returned has
    "n_files", and in bytes: "loaded", the process with the network loaded; "peak"; "result", the returned array; and
    "above", by how much the peak exceeds the other two. Memory is None where the system does not report it.
    """
    with tempfile.TemporaryDirectory() as folder, start_worker() as worker:
        photos = write_photos(folder, size)
        files = [photos[i % len(photos)] for i in range(n_files)]
        arguments = {"precision": precision, "files": files, "threads": threads, "batch_size": batch_size}
        return worker.call("transform_many", weights=str(weights), layer=layer, **arguments)


def transform_many(weights, layer, precision, files, threads, batch_size):
    """Transform photos in this process, and return the memory as `peak_memory` does."""
    network = resolve_network(weights, 0, precision)
    options = {"dropout": False, "n_jobs": threads, "batch_size": batch_size}
    transformer = DeCAFTransformer(layer, weights=network, **options)
    forget_peak_memory()  # loading the network may have reached it
    loaded = process_memory("VmRSS")
    result = transformer.fit_transform(np.array(files, dtype=object))
    peak = process_memory("VmHWM")
    above = None if loaded is None else peak - loaded - result.nbytes
    return {"n_files": len(files), "loaded": loaded, "peak": peak, "result": result.nbytes, "above": above}


def main(arguments=None):
    """Parse the arguments, measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--n-files", type=positive, default=1000, metavar="N", help="photos (default: 1000)")
    parser.add_argument("--threads", type=positive, metavar="N", help="threads (default: all)")
    parser.add_argument("--batch-size", type=positive, default=64, metavar="N", help="photos at a time (default: 64)")
    options = parser.parse_args(arguments)
    given = {"precision": options.precision, "n_files": options.n_files, "batch_size": options.batch_size}
    given["threads"] = options.threads or resolve_n_jobs(None)
    say(f"measuring the memory that transforming {options.n_files} photos takes")
    memory = {**peak_memory(options.weights, options.layer, **given), **given}
    finish({**describe(options), "memory": memory}, options)


if __name__ == "__main__":
    main()
