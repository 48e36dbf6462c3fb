"""
Which layer?
============

The accuracy of a linear classifier on each layer of the network, with five training photos of each class. All layers
come from one pass.

Without a folder of yours the photos are pieces of two photos, so the figure shows how to compare, no more. The
guide's page on layers has figures for real photos.

A list of layers gives one wide table, and the names of the columns say which layer each belongs to. The paper's
names are used where it has one: ``decaf5`` is ``pool5``, ``decaf6`` is ``fc6``, ``decaf7`` is ``fc7``.
"""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from sample_photos import load_photos

from skdecaf import DeCAFTransformer

photos, labels = load_photos()
labels = np.array(labels)
layers = ["pool1", "pool2", "conv3", "conv4", "pool5", "fc6", "fc7", "fc8"]
transformer = DeCAFTransformer(layers, dropout=False)
features = transformer.fit_transform(photos)
layer_of_column = np.array([name.rsplit("_", 1)[0] for name in transformer.get_feature_names_out()])

# %%
# Layers differ much in the size of their values. :class:`~skdecaf.DropoutFeatures` brings each to the scale at which
# linear classifiers are near their best with the default ``C``.

from sklearn.model_selection import StratifiedShuffleSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skdecaf import DropoutFeatures

n_classes = len(np.unique(labels))
splits = StratifiedShuffleSplit(n_splits=10, train_size=5 * n_classes, random_state=0)
model = make_pipeline(DropoutFeatures(), LinearSVC())
scores = {}
for layer in dict.fromkeys(layer_of_column):
    columns = features[:, layer_of_column == layer]
    scores[layer] = 100 * cross_val_score(model, columns, labels, cv=splits)
    print(f"{layer:>6}, {columns.shape[1]:>5} columns: {scores[layer].mean():.1f} ± {scores[layer].std():.1f} %")

# %%
# The bars are one standard deviation over the splits to either side.

import matplotlib.pyplot as plt

figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.errorbar(
    list(scores), [s.mean() for s in scores.values()], yerr=[s.std() for s in scores.values()], fmt="o", capsize=3
)
ax.set(xlabel="layer, from the photo upwards", ylabel="accuracy, %")
plt.show()
