"""Measure photos a second from JPEG files, beside other engines if asked for.

    python benchmarks/files.py
    python benchmarks/files.py --photos FOLDER --against openvino,onnxruntime,torch,opencv

The files are made: 500×375 pixels and 12 megapixels. The other engines need `pip install "skdecaf[bench]"`. Close
other programs, and compare figures of one run only.
"""

# SPDX-License-Identifier: BSD-3-Clause
from pathlib import Path

import numpy as np
from comparison import compare_engines
from options import add_comparison, make_parser
from photos import write_photos
from report import describe, finish

from skdecaf.images import check_source

_SIZES = ((375, 500), (3000, 4000))
_FILES_AT_A_TIME = 64  # fewer where they are large
_LARGE = 2_000_000  # pixels


def measure_files(weights="mini", layer=6, *, photos=None, sizes=_SIZES, **options):
    """Time photos in files, by default JPEG files that are made in the given sizes (height, width).

    Other options and the result are those of `compare_engines`. The time is that with ``fast_decode``, the errors are
    those without. Peers are fed by Pillow, in threads that read ahead.
    """
    for photo in photos or ():
        check_source(photo)

    def make_runs(network, folder):
        return [FileRun("files", photos, folder)] if photos else [_made_files(size, folder) for size in sizes]

    return compare_engines(make_runs, weights, layer, **options)


class FileRun:
    """Photos in files, repeated until they fill batches."""

    def __init__(self, source, files, folder, batch_size=_FILES_AT_A_TIME):
        self.source, self.batch_size = source, batch_size
        n_batches = max(2, -(-len(files) // batch_size))
        self.n_images = n_batches * batch_size
        self.files = [str(files[i % len(files)]) for i in range(self.n_images)]
        self.output = str(Path(folder) / "features.npy")

    def compute(self, worker):
        """Compute the features once."""
        worker.call("compute_files", files=self.files, output=self.output)
        return np.load(self.output)

    def time(self, worker):
        """Return seconds by the clock, and of all processors."""
        return worker.call("time_files", files=self.files)


def _made_files(size, folder):
    batch_size = _FILES_AT_A_TIME if size[0] * size[1] < _LARGE else _FILES_AT_A_TIME // 8
    return FileRun(f"JPEG {size[1]}×{size[0]}", write_photos(folder, size), folder, batch_size)


def main(arguments=None):
    """Parse the arguments, measure and print."""
    parser = make_parser(__doc__)
    add_comparison(parser)
    parser.add_argument("--photos", metavar="FOLDER", help="your JPEG files, in place of those that are made")
    options = parser.parse_args(arguments)
    photos = sorted(Path(options.photos).rglob("*.jpg")) if options.photos else None
    if photos == []:
        parser.error(f"no file {options.photos}/**/*.jpg")
    names = ("precision", "against", "threads", "rounds")
    records = measure_files(
        options.weights, options.layer, photos=photos, **{name: getattr(options, name) for name in names}
    )
    finish({**describe(options), "files": records}, options)


if __name__ == "__main__":
    main()
