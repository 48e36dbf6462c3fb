"""The memory that a long run takes."""

# SPDX-License-Identifier: BSD-3-Clause
import tempfile

from skdecaf.benchmark.photos import write_photos
from skdecaf.benchmark.worker import start_worker


def peak_memory(
    weights="mini", layer=6, *, precision="float32", n_files=1000, size=(375, 500), threads=None, batch_size=64
):
    """Measure the memory that transforming many photos takes, in a process of its own.

    Parameters
    ----------
    weights : str or PathLike, default="mini"
        As for `skdecaf.DeCAFTransformer`.
    layer : int, str or list of them, default=6
    precision : {"float32", "compact"}, default="float32"
        As for `skdecaf.DeCAFTransformer`.
    n_files : int, default=1000
        A few files are listed as often as it takes.
    size : tuple (height, width), default=(375, 500)
        Of the photos in pixels.
    threads : int, optional
        As ``n_jobs`` of the transformer.
    batch_size : int, default=64

    Returns
    -------
    dict
        "n_files", and bytes: "loaded" of the process with the network loaded, "peak", "result" of the returned
        array, and "above", what the peak has above the other two; None where the system does not tell.

    Examples
    --------
    >>> from skdecaf.benchmark import peak_memory
    >>> peak_memory("mini", n_files=10_000)["above"]  # doctest: +SKIP
    """
    with tempfile.TemporaryDirectory() as folder, start_worker() as worker:
        photos = write_photos(folder, size)
        files = [photos[i % len(photos)] for i in range(n_files)]
        arguments = {"precision": precision, "files": files, "threads": threads, "batch_size": batch_size}
        return worker.call("transform_many", weights=str(weights), layer=layer, **arguments)
