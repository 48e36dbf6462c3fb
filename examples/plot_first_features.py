"""
From photos to a classifier
===========================

This pipeline reads photos and predicts classes. Its first step turns each photo into the activations of a network that
was trained on ImageNet. Its second step can be any classifier of scikit-learn.

Half of the photos are used for training, the others for the test.
"""

# SPDX-License-Identifier: BSD-3-Clause
from sample_photos import load_photos
from sklearn.model_selection import train_test_split

photos, labels = load_photos()
train_photos, test_photos, train_labels, test_labels = train_test_split(
    photos, labels, test_size=0.5, stratify=labels, random_state=0
)
print(f"{len(photos)} photos of {len(set(labels))} classes, {len(train_photos)} of them for training")

# %%
# The transformer reads paths, arrays of pixels and PIL images of any size. Nothing is downloaded, because the network
# ships with the package.

from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skdecaf import DeCAFTransformer

model = make_pipeline(DeCAFTransformer(), LinearSVC())
model.fit(train_photos, train_labels)
print(f"accuracy on the other {len(test_photos)}: {model.score(test_photos, test_labels):.1%}")

# %%
# In a notebook, the pipeline is drawn as a diagram, in which each question mark links to the page of a step:

model  # noqa: B018

# %%
# The figure shows some test photos with their predicted classes. Wrong predictions are red. Without matplotlib, the
# figure is left out.

from skdecaf.images import decode

try:
    import matplotlib.pyplot as plt
except ImportError:
    plt = None

if plt is not None:
    shown = range(0, len(test_photos), max(1, len(test_photos) // 12))[:12]
    predictions = model.predict([test_photos[i] for i in shown])
    figure, axes = plt.subplots(2, 6, figsize=(9, 3.6), layout="constrained")
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, i, prediction in zip(axes.flat, shown, predictions, strict=False):
        ax.imshow(decode(test_photos[i]), cmap="gray")
        ax.set_title(prediction, color="black" if prediction == test_labels[i] else "red")
    plt.show()
