"""
How many photos are enough?
===========================

With the features of a trained network, a classifier needs few photos. This example compares the accuracy on features
and on pixels for one, two, five and ten training photos of each class.

The features are computed once for all photos. This is correct because ``dropout=False`` learns nothing from the photos.
The pixels are those of each photo shrunk to 16 x 16.
"""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from sample_photos import load_photos

from skdecaf import DeCAFTransformer
from skdecaf.images import decode, resize_image, to_rgb

photos, labels = load_photos()
most = min(np.unique(labels, return_counts=True)[1]) - 1  # of a class for training; one is left for the test
features = {
    "DeCAF6": DeCAFTransformer(dropout=False).fit_transform(photos),
    "pixels": np.array([resize_image(to_rgb(decode(photo)), (16, 16), "bicubic").ravel() / 255 for photo in photos]),
}

# %%
# The steps that learn from training photos are in the pipeline: the scale of each feature
# (:class:`~skdecaf.DropoutFeatures`) and the classifier. For each size there are ten random splits. All photos that are
# not used for training are used for the test, and every class has the same weight. Both curves are drawn into the same
# axes. The bands show one standard deviation over the splits.

import matplotlib.pyplot as plt
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skdecaf import DropoutFeatures
from skdecaf.plotting import LearningCurveByClassDisplay

n_train = [n for n in (1, 2, 5, 10) if n <= most]
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for name, X in features.items():
    model = make_pipeline(DropoutFeatures(), LinearSVC())
    curve = LearningCurveByClassDisplay.from_estimator(
        model, X, labels, n_train=n_train, n_splits=10, random_state=0, name=name, ax=ax
    )
    print(name, *(f"{n}: {mean:.1%}" for n, mean in zip(curve.n_train, curve.scores.mean(axis=1), strict=True)))
plt.show()
