"""Measure networks on photos that no training used: the model card's figures.

    python training/measure_network.py CALTECH101 TINY_IMAGENET/val FILE…

CALTECH101 is a folder with a folder for each class, of which n photos train ``LinearSVC()`` and the others test it.
TINY_IMAGENET/val has ``images`` and ``val_annotations.txt``.
"""

# SPDX-License-Identifier: BSD-3-Clause
import argparse
from pathlib import Path

import numpy as np
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skdecaf import DeCAFTransformer, DropoutFeatures
from skdecaf.datasets import load_image_folder
from skdecaf.weights import resolve_network

LAYERS, N_TRAINING, N_SPLITS = ("pool5", "fc6", "fc7"), (1, 5, 30), 5


def few_shot_accuracies(features, y):
    """Mean per-class accuracy of each split, for each number of training photos."""
    model = make_pipeline(DropoutFeatures(), LinearSVC())
    for n in N_TRAINING:
        accuracies = []
        for seed in range(N_SPLITS):
            train = _training_rows(y, n, np.random.RandomState(seed))
            predicted = model.fit(features[train], y[train]).predict(features[~train])
            accuracies.append(balanced_accuracy_score(y[~train], predicted))
        yield n, 100 * np.array(accuracies)


def _training_rows(y, n, generator):
    train = np.zeros(len(y), bool)
    for label in np.unique(y):
        rows = np.flatnonzero(y == label)
        train[rows[generator.permutation(len(rows))[:n]]] = True
    return train


def top_accuracies(network, folder):
    """Top-1 and top-5 accuracy on Tiny ImageNet's validation photos, among all classes of the network."""
    lines = [line.split("\t")[:2] for line in (folder / "val_annotations.txt").read_text().splitlines()]
    numbers = {identifier: number for number, (identifier, _) in enumerate(network.labels)}
    photos, labels = zip(
        *[(str(folder / "images" / name), numbers[identifier]) for name, identifier in lines], strict=True
    )
    scores = DeCAFTransformer(weights=network, layer="fc8", dropout=False).fit_transform(photos)
    ranked = np.argsort(-scores, axis=1)[:, :5]
    hits = ranked == np.array(labels)[:, None]
    return 100 * hits[:, 0].mean(), 100 * hits.any(axis=1).mean()


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("caltech101", type=Path)
    parser.add_argument("tiny_imagenet", type=Path)
    parser.add_argument("networks", nargs="+", metavar="FILE")
    options = parser.parse_args(arguments)
    photos = load_image_folder(options.caltech101)
    for file in options.networks:
        network = resolve_network(file)
        print(
            f"{file}\n  Tiny ImageNet: top-1 {{:.1f}} %, top-5 {{:.1f}} %".format(
                *top_accuracies(network, options.tiny_imagenet)
            )
        )
        for layer in LAYERS:
            features = DeCAFTransformer(weights=network, layer=layer, dropout=False).fit_transform(photos.data)
            for n, accuracies in few_shot_accuracies(features, photos.target):
                print(f"  {layer}, {n} photos a class: {accuracies.mean():.1f} ± {accuracies.std():.1f} %")


if __name__ == "__main__":
    main()
