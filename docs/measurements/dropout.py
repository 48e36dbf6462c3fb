"""Compare layers, classifiers and forms of dropout: the tables "The effect of dropout" of the user guide.

python docs/measurements/dropout.py --data FOLDER [--classes accordion,brain,...] [--first N]

FOLDER holds Caltech-101 in one of the layouts that `fetch_caltech101` knows. There are five random splits with 30
training photos per class; the others are for the test. C is chosen in each split on 25 and 5 of the 30, without masks.
The script prints the mean over classes of the accuracy in each class, with mean and standard deviation over the
splits. HOG needs scikit-image: pip install scikit-image.
"""

# SPDX-License-Identifier: BSD-3-Clause
import argparse
from functools import partial

import numpy as np
from joblib import Parallel, delayed
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.utils import Bunch

from skdecaf import DeCAFTransformer, DropoutClassifier, DropoutFeatures, Network
from skdecaf._paper import figure_4_left, select_classes
from skdecaf.datasets import fetch_caltech101
from skdecaf.model_selection import PerClassShuffleSplit, mean_per_class_accuracy_score

N_SPLITS, N_TRAIN, N_VALIDATION = 5, 30, 5
MODELS = {
    "LogReg": (partial(LogisticRegression, max_iter=1000), (1, 10, 100, 1000)),
    "SVM": (partial(LinearSVC, random_state=0), (0.01, 0.1, 1, 10)),
}


def hog(path):
    """Return histograms of oriented gradients (Dalal and Triggs): 9 orientations, cells of 16 pixels, blocks of 2."""
    from skimage.feature import hog as describe

    grey = np.asarray(Image.open(path).convert("L").resize((128, 128), Image.Resampling.BILINEAR))
    return describe(grey, orientations=9, pixels_per_cell=(16, 16), cells_per_block=(2, 2)).astype(np.float32)


def score(model, X, y, train, test):
    return 100 * mean_per_class_accuracy_score(y[test], model.fit(X[train], y[train]).predict(X[test]))


def scaled(model):
    return make_pipeline(DropoutFeatures(rate=0), model)


def choose_C(name, X, y, train, seed):
    make, grid = MODELS[name]
    inner = PerClassShuffleSplit(N_TRAIN - N_VALIDATION, N_VALIDATION, n_splits=1, random_state=seed)
    rows, validation = (train[part] for part in next(inner.split(train, y[train])))
    return max(grid, key=lambda C: score(scaled(make(C=C)), X, y, rows, validation))


def without_dropout(name, X, y, train, test, seed):
    make, _ = MODELS[name]
    return score(scaled(make(C=choose_C(name, X, y, train, seed))), X, y, train, test)


def stacked_masks(name, X, y, train, test, seed, n_masks):
    """Several masks of each photo, given to a batch solver at once; C keeps its meaning for halved features."""
    model = MODELS[name][0](C=4 * choose_C(name, X, y, train, seed))
    return score(
        scaled(DropoutClassifier(model, n_draws=n_masks, solver="stack", random_state=seed)), X, y, train, test
    )


def print_row(label, measure, X, y, splits):
    """One row: each classifier, over the splits."""
    found = {
        name: Parallel(n_jobs=-1)(delayed(measure)(name, X, y, *splits[i], i) for i in range(N_SPLITS))
        for name in MODELS
    }
    figures = " | ".join(f"{np.mean(scores):.1f} ± {np.std(scores):.1f}" for scores in found.values())
    print(f"| {label} | {figures} |", flush=True)


def select_first(photos, n):
    """The first n photos of each class; all where n is None."""
    rows = np.concatenate([np.flatnonzero(photos.target == k)[:n] for k in np.unique(photos.target)])
    return Bunch(**{**photos, "data": np.asarray(photos.data)[rows], "target": photos.target[rows]})


def main(data, classes, first):
    photos = select_classes(fetch_caltech101(data_home=data, download_if_missing=False), classes)
    photos = select_first(photos, first)
    y = photos.target
    splits = list(PerClassShuffleSplit(N_TRAIN, n_splits=N_SPLITS, random_state=0).split(y, y))
    print(figure_4_left(photos, n_jobs=-1).to_markdown(), end="\n\n")
    print(f"| features | {' | '.join(MODELS)} |\n| --- | --- | --- |")
    decaf6 = DeCAFTransformer(6, dropout=False).fit_transform(photos.data)
    for n_masks in (1, 5, 10):
        print_row(f"DeCAF6, masks stacked: {n_masks}", partial(stacked_masks, n_masks=n_masks), decaf6, y, splits)
    network = Network.random("mini", 0)  # the architecture of the embedded one
    for layer in (5, 6, 7):
        X = DeCAFTransformer(layer, dropout=False, weights=network).fit_transform(photos.data)
        print_row(f"random filters, DeCAF{layer}", without_dropout, X, y, splits)
    print_row("HOG", without_dropout, np.array([hog(path) for path in photos.data]), y, splits)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, metavar="FOLDER", help="where Caltech-101 lies")
    parser.add_argument("--classes", type=lambda text: text.split(","), help="some classes only, between commas")
    parser.add_argument("--first", type=int, metavar="N", help="only the first N photos of each class")
    options = parser.parse_args()
    main(options.data, options.classes, options.first)
