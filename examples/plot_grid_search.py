"""
Grid search over photos, with a cache
=====================================

A grid search fits the whole pipeline once for each combination of parameters and each fold, and the network is by far
the slowest part. With a cache, each photo goes through the network once for each layer, however large the grid is.
"""

# SPDX-License-Identifier: BSD-3-Clause
import tempfile

from sample_photos import load_photos
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC

from skdecaf import DeCAFTransformer, FeatureCache

photos, labels = load_photos()
cache = FeatureCache(tempfile.mkdtemp())
model = Pipeline([("decaf", DeCAFTransformer(memory=cache)), ("svm", LinearSVC())])
grid = {"decaf__layer": [5, 6, 7], "svm__C": [0.01, 0.1, 1.0, 10.0]}
search = GridSearchCV(model, grid, cv=3).fit(photos, labels)
print(f"the best of {len(search.cv_results_['params'])} combinations: {search.best_params_}")

# %%
# Each combination was fitted and scored in three folds, and the best one was fitted again on all photos. The cache
# counts how often activations were needed, and how often they had to be computed:

info = cache.info()
print(f"{len(photos)} photos: asked for {info.hits + info.misses} times, computed {info.misses} times")

# %%
# This example uses a temporary folder. With a permanent folder, as in ``memory="features"``, later programs use the
# same activations.
#
# The accuracy of each combination:

import matplotlib.pyplot as plt
import numpy as np

scores = 100 * search.cv_results_["mean_test_score"].reshape(3, 4)  # the last parameter varies fastest
figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
image = ax.imshow(scores, aspect="auto")
for (row, column), score in np.ndenumerate(scores):
    dark = score < (scores.min() + scores.max()) / 2
    ax.text(column, row, f"{score:.1f}", ha="center", va="center", color="white" if dark else "black")
ax.set_xticks(range(4), grid["svm__C"])
ax.set_yticks(range(3), [f"DeCAF{layer}" for layer in grid["decaf__layer"]])
ax.set(xlabel="C of the classifier", title="accuracy in 3-fold cross-validation (%)")
figure.colorbar(image)
plt.show()
