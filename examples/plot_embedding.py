"""
A map of photos
===============

Photos of similar things have similar features. t-SNE turns the features into a map on which neighbours are alike; no
classifier, and no class, has a part in it.
"""

# SPDX-License-Identifier: BSD-3-Clause
import matplotlib.pyplot as plt
from sample_photos import load_photos

from skdecaf import DeCAFTransformer
from skdecaf.plotting import EmbeddingDisplay

photos, labels = load_photos()
display = EmbeddingDisplay.from_estimator(
    DeCAFTransformer(), photos, labels, random_state=0, thumbnails=True, thumbnail_size=20
)
plt.show()

# %%
# Where photos would cover each other, the later ones stay points. The colours, of points and frames, are the classes.
#
# The paper draws such maps to compare features. Here are the plain pixels, with each photo shrunk to 16 x 16 of them,
# beside the features of the network. Their map is there already: a display can be drawn again, in another way, without
# new computations.

import numpy as np

from skdecaf.images import decode, resize_image, to_rgb

pixels = np.array([resize_image(to_rgb(decode(photo)), (16, 16), "bicubic").ravel() for photo in photos])
figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
EmbeddingDisplay.from_features(pixels, labels, random_state=0, ax=axes[0], legend=False)
display.plot(axes[1])
for ax, name in zip(axes, ("pixels", "DeCAF6"), strict=True):
    ax.set_title(name)
plt.show()

# %%
# One class in colour, all others in grey:

display.plot(highlight=labels[0])
plt.show()
