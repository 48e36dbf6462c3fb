"""Few-shot accuracy on a folder of class folders: how the README's table was measured.

python docs/measurements/accuracy.py FOLDER

The files of each class are sorted. For each seed from 0 to 4, ``RandomState(seed)`` permutes them class by class; the
first n are for training, the others for the test. The script prints the mean over classes of the accuracy in each
class, with mean and standard deviation over the seeds. The activations are computed once; `DropoutFeatures` scales
them as ``dropout=True`` does.
"""

# SPDX-License-Identifier: BSD-3-Clause
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skdecaf import DeCAFTransformer, DropoutFeatures

SEEDS = range(5)
N_TRAIN = (1, 5, 30)
SUFFIXES = {".jpg", ".jpeg", ".png"}


def photos_by_class(folder):
    """Return the sorted files of each class folder."""
    classes = sorted(entry for entry in Path(folder).iterdir() if entry.is_dir())
    return [sorted(file for file in entry.iterdir() if file.suffix.lower() in SUFFIXES) for entry in classes]


def split(sizes, n_train, seed):
    """Return rows for training and for the test; the rows of each class are consecutive."""
    generator = np.random.RandomState(seed)
    starts = np.cumsum([0, *sizes[:-1]])
    orders = [start + generator.permutation(size) for start, size in zip(starts, sizes, strict=True)]
    return np.concatenate([o[:n_train] for o in orders]), np.concatenate([o[n_train:] for o in orders])


def accuracies(features, y, sizes, n_train):
    for seed in SEEDS:
        train, test = split(sizes, n_train, seed)
        model = make_pipeline(DropoutFeatures(), LinearSVC()).fit(features[train], y[train])
        yield 100 * balanced_accuracy_score(y[test], model.predict(features[test]))


def main(folder):
    classes = photos_by_class(folder)
    sizes = [len(files) for files in classes]
    y = np.repeat(np.arange(len(classes)), sizes)
    photos = [str(file) for files in classes for file in files]
    if min(sizes, default=0) <= max(N_TRAIN):
        sys.exit(f"{folder!r} needs more than {max(N_TRAIN)} photos in each class folder, in order to test on the rest")
    for layer in (5, 6, 7):
        features = DeCAFTransformer(layer, dropout=False, verbose=True).fit_transform(photos)
        for n_train in N_TRAIN:
            found = list(accuracies(features, y, sizes, n_train))
            print(f"DeCAF{layer}, {n_train:2d} per class: {np.mean(found):.1f} ± {np.std(found):.1f} %", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit(__doc__)
    main(sys.argv[1])
