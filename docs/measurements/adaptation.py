"""Adaptation by labelled photos of the target: how the tables and the picture of that page were measured.

python docs/measurements/adaptation.py --data FOLDER [--splits N] [--picture FILE.svg]

FOLDER holds Office-Caltech10 in one of the layouts that `fetch_office_caltech10` knows. Splits are the paper's, as in
Table 1, with 0 to 10 labelled photos per class of the target. Methods without labels also see the test photos.
Printed is the accuracy on the target, with mean and standard deviation over the splits.
"""

# SPDX-License-Identifier: BSD-3-Clause
import argparse
import warnings

import numpy as np
from sklearn import config_context
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer
from sklearn.svm import LinearSVC

from skdecaf import DeCAFTransformer, DropoutFeatures
from skdecaf.datasets import fetch_office_caltech10
from skdecaf.domain_adaptation import (
    CORAL,
    DomainScaler,
    FeatureAugmentation,
    GeodesicFlowKernel,
    MaxMarginDomainTransform,
    SubspaceAlignment,
    TransferComponentAnalysis,
)
from skdecaf.model_selection import DomainAdaptationSplit, DomainSelector, mask_target_labels

PAIRS = (("amazon", "webcam"), ("dslr", "webcam"))
N_SOURCE = {"amazon": 20, "dslr": 8}
N_LABELLED = (0, 1, 3, 5, 10)


def scaled():
    return DropoutFeatures(rate=0)


def svm(train_on, *steps):
    """A linear SVM on scaled features of one domain, or of both."""
    return make_pipeline(*steps, DomainSelector(make_pipeline(scaled(), LinearSVC(random_state=0)), train_on))


WITH_LABELS = {
    "source only": svm("source"),
    "target only": svm("target"),
    "both": svm("both"),
    "FeatureAugmentation": svm("both", scaled(), FeatureAugmentation()),
    "MaxMarginDomainTransform": make_pipeline(scaled(), MaxMarginDomainTransform()),
}
WITHOUT_LABELS = {
    "DomainScaler": svm("both", DomainScaler()),
    "GeodesicFlowKernel": svm("both", DomainScaler(), GeodesicFlowKernel()),
    "SubspaceAlignment": svm("both", DomainScaler(), SubspaceAlignment()),
    "TransferComponentAnalysis": svm("both", DomainScaler(), Normalizer(), TransferComponentAnalysis()),
    "CORAL": svm("both", DomainScaler(), CORAL()),
}
PLAIN = ("source only", "target only", "both")


def accuracies(model, X, y, domains, splits, transductive):
    """Accuracy on the target in each split, in per cent."""
    for train, test in splits.split(y, y, sample_domain=domains):
        labels = mask_target_labels(y, train, test) if transductive else y
        with config_context(enable_metadata_routing=True):
            model.fit(X[train], labels[train], sample_domain=domains[train])
        yield 100 * model.score(X[test], y[test])


def measure(data, pair, n_splits):
    """Name of a method: for each number of labelled photos its accuracies, or None where it has nothing to learn."""
    photos = fetch_office_caltech10(source=pair[0], target=pair[1], data_home=data, download_if_missing=False)
    X = DeCAFTransformer(dropout=False, n_jobs=-1).fit_transform(photos.data)
    found = {}
    for name, model in (WITH_LABELS | WITHOUT_LABELS).items():
        transductive = name in WITHOUT_LABELS
        for n in N_LABELLED:
            splits = DomainAdaptationSplit(
                N_SOURCE[pair[0]], n, n_splits=n_splits, transductive=transductive, random_state=0
            )
            learns = n > 0 or transductive or name == "source only"
            scores = accuracies(model, X, photos.target, photos.sample_domain, splits, transductive) if learns else ()
            found.setdefault(name, []).append(list(scores) or None)
    return found


def draw(found, path):
    """The methods with labels of one pair, by the number of labelled photos."""
    import matplotlib.pyplot as plt

    plt.rcParams |= {"svg.hashsalt": "skdecaf", "svg.fonttype": "none"}  # a repeated run writes an equal file
    figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
    for name, scores in found.items():
        shown = [(n, np.mean(given)) for n, given in zip(N_LABELLED, scores, strict=True) if given]
        style = "--" if name in PLAIN else "-" if name in WITH_LABELS else ":"
        ax.plot(*zip(*shown, strict=True), style, marker=".", label=name)
    ax.set(xlabel="labelled photos per class of the target", ylabel="accuracy on the target, %", xticks=N_LABELLED)
    figure.legend(loc="outside right center", fontsize="small")
    figure.savefig(path, metadata={"Date": None})


def main(data, n_splits, picture):
    for pair in PAIRS:
        found = measure(data, pair, n_splits)
        print(f"{pair[0]} → {pair[1]}", *N_LABELLED, sep=" | ")
        for name, scores in found.items():
            print(name, *(f"{np.mean(s):.1f} ± {np.std(s):.1f}" if s else "–" for s in scores), sep=" | ", flush=True)
        if picture and pair == PAIRS[0]:
            draw(found, picture)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--picture")
    warnings.filterwarnings("ignore", "classes have fewer samples")
    arguments = parser.parse_args()
    main(arguments.data, arguments.splits, arguments.picture)
