"""
Grid search over photos, with a cache
=====================================

A grid search fits the whole pipeline once for each combination and fold, and the network is by far its slowest part.
With a cache, what the network makes of a photo is computed once, however large the grid is.
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
# Each of them was fitted and scored in three folds, and the best one fitted once more on all photos. So many times were
# the activations of a photo asked for, and only the first time for each layer was work for the network:

info = cache.info()
print(f"{len(photos)} photos: asked for {info.hits + info.misses} times, computed {info.misses} times")

# %%
# A folder that stays, in place of the temporary one, also serves the next program: ``memory="features"`` is enough.
#
# What the search found:

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
