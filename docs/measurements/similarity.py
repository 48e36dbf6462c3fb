"""Nearest photos and clusters in a folder of class folders: how the figures of the guide's page were measured.

python docs/measurements/similarity.py FOLDER [CLASS_TO_LEAVE_OUT ...]

For pool5 and fc6 the script prints the share of the five nearest other photos that are of the class of a photo, by the
cosine and the Euclidean distance, averaged over all photos; then the adjusted Rand index of KMeans with one cluster per
class, on the activations and after `normalize`, with mean and standard deviation over the seeds 0 to 4.
"""

# SPDX-License-Identifier: BSD-3-Clause
import sys
from pathlib import Path

import numpy as np
from accuracy import photos_by_class
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from skdecaf import DeCAFTransformer

N_NEIGHBORS = 5
SEEDS = range(5)


def precision(features, y, metric):
    neighbors = NearestNeighbors(n_neighbors=N_NEIGHBORS, metric=metric, algorithm="brute").fit(features)
    return 100 * (y[neighbors.kneighbors(return_distance=False)] == y[:, np.newaxis]).mean()


def rand_indices(features, y):
    for seed in SEEDS:
        clusters = KMeans(len(np.unique(y)), n_init=3, random_state=seed).fit_predict(features)
        yield adjusted_rand_score(y, clusters)


def main(folder, left_out):
    classes = [files for files in photos_by_class(folder) if files and files[0].parent.name not in left_out]
    y = np.repeat(np.arange(len(classes)), [len(files) for files in classes])
    photos = [str(file) for files in classes for file in files]
    print(f"{len(photos)} photos of {len(classes)} classes")
    for layer in ("pool5", "fc6"):
        features = DeCAFTransformer(layer, dropout=False, verbose=True).fit_transform(photos)
        for metric in ("cosine", "euclidean"):
            print(f"{layer}, {metric}: {precision(features, y, metric):.1f} % of the nearest {N_NEIGHBORS}", flush=True)
        for name, rows in (("raw", features), ("normalized", normalize(features))):
            found = list(rand_indices(rows, y))
            print(f"{layer}, KMeans, {name}: {np.mean(found):.2f} ± {np.std(found):.2f}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2 or not Path(sys.argv[1]).is_dir():
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
