"""
Use a folder of your own photos
===============================

Put the photos of each class into a folder with the name of the class. The loader reads file names only, and photos are
decoded in small batches later. So this works with many more photos than fit into memory.
"""

# SPDX-License-Identifier: BSD-3-Clause
from sample_photos import photo_folder

from skdecaf.datasets import load_image_folder

photos = load_image_folder(photo_folder())
print(f"{len(photos.data)} photos of {len(photos.target_names)} classes: {', '.join(photos.target_names)}")

# %%
# A confusion matrix shows which classes the classifier confuses. Each photo is predicted by a model that was trained
# without it.

import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skdecaf import DeCAFTransformer

model = make_pipeline(DeCAFTransformer(), LinearSVC())
predicted = cross_val_predict(model, photos.data, photos.target, cv=3)

figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
ConfusionMatrixDisplay.from_predictions(
    photos.target, predicted, display_labels=photos.target_names, xticks_rotation="vertical", colorbar=False, ax=ax
)
plt.show()

# %%
# These are some of the wrong predictions. Often the photo shows the reason: it has two things in it, or is in the wrong
# folder.

import numpy as np

from skdecaf.images import decode

wrong = np.flatnonzero(predicted != photos.target)
print(f"{len(wrong)} of {len(predicted)} predictions are wrong")
figure, axes = plt.subplots(2, 6, figsize=(9, 4), layout="constrained")
for ax in axes.flat:
    ax.set_axis_off()
for ax, i in zip(axes.flat, wrong[:: max(1, len(wrong) // 12)], strict=False):
    ax.imshow(decode(photos.data[i]), cmap="gray")
    ax.set_title(f"{photos.target_names[photos.target[i]]},\npredicted {photos.target_names[predicted[i]]}", fontsize=9)
plt.show()
