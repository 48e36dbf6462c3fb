"""Hand-designed features against DeCAF: how the table of that page was measured.

python docs/measurements/baselines.py --data FOLDER [--splits N] [--test N] [--cache FOLDER]
    [--picture FILE.svg]

FOLDER holds Caltech-101. Splits are the paper's, 30 photos per class for training and the rest for the test. Codebooks
are learned from the training photos of the first split, and C of the linear SVM is chosen in it on 25 and 5 of the 30.
Printed are the mean over classes of the accuracy in each class, with mean and standard deviation over the splits, and
the processor time per photo.
"""

# SPDX-License-Identifier: BSD-3-Clause
import argparse
import time
from pathlib import Path

import numpy as np
from sklearn.preprocessing import FunctionTransformer, Normalizer

from skdecaf import DeCAFTransformer
from skdecaf._paper import select_classes
from skdecaf._paper.classifiers import choose_C, classifier, score
from skdecaf.baselines import GIST, LLC, BagOfVisualWords, HOGDescriptor
from skdecaf.datasets import fetch_caltech101
from skdecaf.model_selection import PerClassShuffleSplit

N_TRAIN, N_VALIDATION = 30, 5
FEATURES = {
    "GIST": GIST(),
    "HOGDescriptor": HOGDescriptor(),
    "BagOfVisualWords": BagOfVisualWords(random_state=0),
    "LLC": LLC(random_state=0),
    "DeCAF5": DeCAFTransformer(5, dropout=False),
    "DeCAF6": DeCAFTransformer(6, dropout=False),
    "DeCAF6 at two scales": DeCAFTransformer(6, dropout=False, crops="scales"),
    "DeCAF6 of ten crops": DeCAFTransformer(6, dropout=False, crops="ten"),
}
AFTERWARDS = {  # further rows from the same features
    "BagOfVisualWords": ("square roots, length 1", Normalizer("l1"), FunctionTransformer(np.sqrt)),
    "DeCAF5": ("square roots, length 1", FunctionTransformer(np.sqrt), Normalizer()),
}


def computed(name, estimator, photos, train, cache):
    """Features of all photos, and milliseconds of processor time: of `transform` per photo, and of `fit` in all."""
    path = cache and Path(cache) / f"{name}.npz"
    if path and path.exists():
        stored = np.load(path)
        return stored["X"], stored["times"]
    start = time.process_time()
    estimator.fit(photos[train])
    fitted = time.process_time()
    X = estimator.transform(photos)
    times = np.array([(time.process_time() - fitted) / len(photos), fitted - start])
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, X=X, times=times)
    return X, times


def at_most(n, test, labels):
    """Up to n test photos of each class, drawn at random."""
    rng = np.random.default_rng(0)
    return np.sort(np.concatenate([rng.permutation(test[labels[test] == k])[:n] for k in np.unique(labels)]))


def report(name, X, y, splits, times):
    train = splits[0][0]
    inner = PerClassShuffleSplit(N_TRAIN - N_VALIDATION, N_VALIDATION, n_splits=1, random_state=0)
    [(rows, validation)] = inner.split(train, y[train])
    C, _ = choose_C("SVM", X, y, train[rows], train[validation], 0)
    found = [score(classifier("SVM", C, "none", len(train), 0), X, y, train, test) for train, test in splits]
    print(
        f"{name} ({X.shape[1]} columns): {np.mean(found):.1f} ± {np.std(found):.1f} %, C = {C:g}, "
        f"{1000 * times[0]:.0f} ms per photo, fit {times[1]:.0f} s",
        flush=True,
    )
    return name, np.mean(found), np.std(found), 1000 * times[0]


def draw(results, path):
    """A point for each row: accuracy against time."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import ScalarFormatter

    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    ax = figure.subplots()
    for i, (name, mean, std, milliseconds) in enumerate(results):
        color = "#bd1f01" if name.startswith("DeCAF") else "#3f90da"
        ax.errorbar(milliseconds, mean, std, fmt="o", color=color, capsize=3)
        ax.annotate(
            name, (milliseconds, mean), xytext=(7, (5, -12)[i % 2]), textcoords="offset points", fontsize="small"
        )
    ax.set(xscale="log", xlabel="milliseconds of processor time per photo", ylabel="accuracy (%)", xmargin=0.25)
    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.grid(alpha=0.3)
    figure.savefig(path)


def main(options):
    photos = select_classes(fetch_caltech101(data_home=options.data, download_if_missing=False), options.classes)
    labels = np.asarray(photos.target_names)[photos.target]
    splits = list(PerClassShuffleSplit(N_TRAIN, n_splits=options.splits, random_state=0).split(labels, labels))
    if options.test:
        splits = [(train, at_most(options.test, test, labels)) for train, test in splits]
    results = []
    for name in options.features or FEATURES:
        estimator = FEATURES[name]
        X, times = computed(name, estimator, np.asarray(photos.data), splits[0][0], options.cache)
        results.append(report(name, X, photos.target, splits, times))
        if name in AFTERWARDS:
            suffix, *steps = AFTERWARDS[name]
            for step in steps:
                X = step.fit_transform(X)
            report(f"{name}, {suffix}", X, photos.target, splits, times)
    if options.picture:
        draw(results, options.picture)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, metavar="FOLDER", help="where Caltech-101 lies")
    parser.add_argument("--classes", type=lambda text: text.split(","), help="some classes only, between commas")
    parser.add_argument("--splits", type=int, default=5, metavar="N")
    parser.add_argument("--test", type=int, metavar="N", help="at most N test photos per class (default: all others)")
    parser.add_argument("--features", type=lambda text: text.split(","), metavar="A,B,...", help="some rows only")
    parser.add_argument("--cache", metavar="FOLDER", help="keeps features for a second run")
    parser.add_argument("--picture", metavar="FILE.svg")
    main(parser.parse_args())
