"""
How many photos are enough?
===========================

With features of a trained network a classifier needs few photos. Here is the accuracy for one, two, five, ten and
twenty training photos of each class, beside that of the plain pixels.

Without a folder of yours the photos are pieces of two photos, so the curves show how to draw such a figure, no more.

The features are computed once, as they are: ``dropout=False`` learns nothing from the photos, so it does not matter
which of them are training photos later. For comparison, each photo is shrunk to 16 x 16 pixels.
"""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from sample_photos import load_photos

from skdecaf import DeCAFTransformer
from skdecaf.images import decode, resize_image, to_rgb

photos, labels = load_photos()
labels = np.array(labels)
features = {
    "DeCAF6": DeCAFTransformer(dropout=False).fit_transform(photos),
    "pixels": np.array([resize_image(to_rgb(decode(photo)), (16, 16), "bicubic").ravel() / 255 for photo in photos]),
}

# %%
# What is learned from training photos goes into the pipeline: the scale of each feature
# (:class:`~skdecaf.DropoutFeatures`) and the classifier. Each accuracy is a mean over ten random splits; all photos
# that are not used for training are used for the test, and every class counts the same.

from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skdecaf import DropoutFeatures


def split(n_per_class, seed):
    """Indices of n training photos of each class, and of all others."""
    order = np.random.RandomState(seed).permutation(len(labels))
    train = np.concatenate([order[labels[order] == name][:n_per_class] for name in np.unique(labels)])
    return train, np.setdiff1d(order, train)


def accuracies(X, n_per_class):
    scores = []
    for seed in range(10):
        train, test = split(n_per_class, seed)
        model = make_pipeline(DropoutFeatures(), LinearSVC()).fit(X[train], labels[train])
        scores.append(balanced_accuracy_score(labels[test], model.predict(X[test])))
    return 100 * np.mean(scores), 100 * np.std(scores)


smallest_class = np.unique(labels, return_counts=True)[1].min()
sizes = [n for n in (1, 2, 5, 10, 20) if n < smallest_class]
curves = {name: np.array([accuracies(X, n) for n in sizes]) for name, X in features.items()}
for name, curve in curves.items():
    print(name, *(f"{n}: {mean:.1f} ± {deviation:.1f} %" for n, (mean, deviation) in zip(sizes, curve, strict=True)))

# %%
# The bars are one standard deviation over the splits to either side.

import matplotlib.pyplot as plt
from matplotlib.ticker import NullFormatter

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for name, curve in curves.items():
    ax.errorbar(sizes, curve[:, 0], yerr=curve[:, 1], marker="o", capsize=3, label=name)
ax.set(xscale="log", xlabel="training photos of each class", ylabel="accuracy, %")
ax.set_xticks(sizes, sizes)
ax.xaxis.set_minor_formatter(NullFormatter())
ax.legend(loc="lower right")
plt.show()
