"""
From one camera to another
==========================

A classifier that was trained on photos of one kind, the *source*, does worse on photos of another kind, the *target*:
another camera, another light, photos of a shop instead of your own. A few labelled photos of the target help, and it
matters how they are used.

The photos of the source are taken as they are. Those of the target are other photos, and are made to look as if a
poor camera had taken them at dusk: dark, bluish and blurred.
"""

# SPDX-License-Identifier: BSD-3-Clause
import matplotlib.pyplot as plt
import numpy as np
from sample_photos import load_photos

from skdecaf import DeCAFTransformer
from skdecaf.images import decode, resize_image, to_rgb


def at_dusk(photo):
    pixels = to_rgb(decode(photo))
    height, width = pixels.shape[:2]
    small = resize_image(pixels, (max(1, height // 3), max(1, width // 3)), "bicubic")
    blurred = resize_image(small, (height, width), "bicubic").astype(float)
    return np.clip(0.3 * blurred + [0, 10, 40], 0, 255).astype(np.uint8)


photos, labels = load_photos()
sample_domain = np.resize([1, -1], len(photos))  # 0 or more is the source, less than 0 the target
photos = [photo if domain > 0 else at_dusk(photo) for photo, domain in zip(photos, sample_domain, strict=True)]

figure, axes = plt.subplots(2, 6, figsize=(7, 2.6), layout="constrained")
for row, domain, name in zip(axes, (1, -1), ("source", "target"), strict=True):
    shown = np.flatnonzero(sample_domain == domain)
    for ax, i in zip(row, shown[:: len(shown) // 6][:6], strict=True):
        ax.imshow(to_rgb(decode(photos[i])))
        ax.set(title=f"{name}: {labels[i]}", xticks=[], yticks=[])

# %%
# The features are computed once. Scaled as a whole, they suit a linear SVM.

X = DeCAFTransformer(dropout=False).fit_transform(photos)
X /= np.sqrt(np.square(X).sum(axis=1).mean())

# %%
# Five ways to train, from the simplest to the most elaborate:
#
# - on the source, on the few labelled photos of the target, or on both together;
# - on both with :class:`~skdecaf.domain_adaptation.FeatureAugmentation`, where each domain also has weights of its own;
# - with :class:`~skdecaf.domain_adaptation.MaxMarginDomainTransform`, which maps the target to the source.
#
# With metadata routing, scikit-learn's cross-validation hands the domains to the splits and to all steps that ask for
# them. Each split takes all photos of the source and a few of each class of the target for training; the others of the
# target are for the test.

from sklearn import config_context
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skdecaf.domain_adaptation import FeatureAugmentation, MaxMarginDomainTransform
from skdecaf.model_selection import DomainAdaptationSplit, DomainSelector

models = {
    "source only": DomainSelector(LinearSVC(), "source"),
    "target only": DomainSelector(LinearSVC(), "target"),
    "both": DomainSelector(LinearSVC(), "both"),
    "FeatureAugmentation": make_pipeline(FeatureAugmentation(), LinearSVC()),
    "MaxMarginDomainTransform": MaxMarginDomainTransform(),
}
n_labelled = [1, 2, 3, 5]


def accuracies(model):
    for n in n_labelled:
        splits = DomainAdaptationSplit(None, n, n_splits=10, random_state=0)
        with config_context(enable_metadata_routing=True):
            yield cross_val_score(model, X, labels, cv=splits, params={"sample_domain": sample_domain}).mean()


figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for name, model in models.items():
    means = list(accuracies(model))
    ax.plot(n_labelled, means, marker="o", label=name)
    print(name, *(f"{n}: {mean:.1%}" for n, mean in zip(n_labelled, means, strict=True)))
ax.set(xlabel="labelled photos of each class in the target", ylabel="accuracy on the target", xticks=n_labelled)
ax.legend()
plt.show()

# %%
# Here one transformation makes all photos of the target, so the figures only show how it is done. The guide's page on
# adaptation has figures for photos of three kinds, and for methods that need no label of the target at all.
