"""
Find similar photos
===================

Photos of similar things have similar features. This example ranks all photos by the cosine distance of their features
to a query. It uses no labels; the classes only serve to count how good the results are.
"""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from sample_photos import load_photos
from sklearn.neighbors import NearestNeighbors

from skdecaf import DeCAFTransformer

photos, labels = load_photos()
features = DeCAFTransformer(layer=5, dropout=False).fit_transform(photos)
neighbors = NearestNeighbors(n_neighbors=6, metric="cosine").fit(features)
distances, indices = neighbors.kneighbors(features)
distances, indices = distances[:, 1:], indices[:, 1:]  # the nearest photo is the query itself

right = labels[indices] == labels[:, np.newaxis]
print(f"{right.mean():.0%} of the five nearest photos are of the query's class")
for label in np.unique(labels):
    print(f"  {label}: {right[labels == label].mean():.0%}")

# %%
# Each row has a query and its five nearest photos, with their distances. Photos of another class have a red title.

import matplotlib.pyplot as plt

from skdecaf.images import decode

queries = [np.flatnonzero(labels == label)[1] for label in np.unique(labels)][:6]
figure, axes = plt.subplots(len(queries), 6, figsize=(7.5, 1.4 * len(queries)), layout="constrained")
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
for row, query in zip(axes, queries, strict=True):
    row[0].imshow(decode(photos[query]), cmap="gray")
    row[0].set_title("query", fontsize=8)
    row[0].set_ylabel(labels[query], fontsize=8)
    for ax, i, distance, is_right in zip(row[1:], indices[query], distances[query], right[query], strict=True):
        ax.imshow(decode(photos[i]), cmap="gray")
        ax.set_title(f"{distance:.2f}", fontsize=8, color="black" if is_right else "red")
plt.show()

# %%
# :class:`~sklearn.neighbors.NearestNeighbors` compares a query with every photo, which is fast enough for a few hundred
# thousand photos. ``skdecaf search FOLDER PHOTO`` does this example from the command line.
