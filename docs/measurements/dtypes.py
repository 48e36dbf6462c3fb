"""Measure the size of a saved network and the error of its features for each dtype.

python docs/measurements/dtypes.py FOLDER

FOLDER holds class folders of photos. The script prints, for CaffeNet with random filters and for the embedded network
(whose weights are stored as 8-bit integers): the size of the file; the smallest cosine between the fc6 features of a
photo from the saved and from the original network; their largest difference, divided by the largest feature; and the
accuracy of a linear classifier with five photos per class, as accuracy.py computes it.
"""

# SPDX-License-Identifier: BSD-3-Clause
import sys
import tempfile
from pathlib import Path

import numpy as np
from accuracy import accuracies, photos_by_class

from skdecaf import DeCAFTransformer, Network
from skdecaf.weights import resolve_network


def main(folder):
    classes = photos_by_class(folder)
    sizes = [len(files) for files in classes]
    y = np.repeat(np.arange(len(classes)), sizes)
    photos = [str(file) for files in classes for file in files]
    for network in (Network.random("caffenet", 0), resolve_network("mini")):
        expected = DeCAFTransformer(weights=network, dropout=False).fit_transform(photos)
        for dtype in ("float32", "float16", "int16", "int8"):
            with tempfile.TemporaryDirectory() as temporary:
                path = Path(temporary) / "network.safetensors"
                network.save(path, dtype)
                size = path.stat().st_size / 1e6
                found = DeCAFTransformer(weights=Network.load(path), dropout=False).fit_transform(photos)
            norms = np.linalg.norm(expected, axis=1) * np.linalg.norm(found, axis=1)
            cosine = ((expected * found).sum(axis=1) / norms).min()
            error = np.abs(found - expected).max() / np.abs(expected).max()
            accuracy = np.mean(list(accuracies(found, y, sizes, 5)))
            print(f"{network.name} {dtype}: {size:.1f} MB, {cosine:.6f}, {error:.1e}, {accuracy:.1f} %", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit(__doc__)
    main(sys.argv[1])
