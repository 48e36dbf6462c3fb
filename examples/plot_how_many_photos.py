"""
How many photos are enough?
===========================

With features of a trained network a classifier needs few photos. Here is the accuracy for one, two, five and ten
training photos of each class, beside that of the plain pixels.

The features are computed once, as they are: ``dropout=False`` learns nothing from the photos, so it does not matter
which of them are training photos later. For comparison, each photo is shrunk to 16 x 16 pixels.
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
# What is learned from training photos goes into the pipeline: the scale of each feature
# (:class:`~skdecaf.DropoutFeatures`) and the classifier. For each size there are ten random splits; all photos that
# are not used for training are used for the test, and every class counts the same. Giving the axes of the first curve
# to the second draws both into one picture. The bands are one standard deviation over the splits to either side.

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
