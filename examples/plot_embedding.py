"""
A map of photos
===============

Photos of similar things have similar features. t-SNE makes a map on which similar photos are neighbours. It needs
neither a classifier nor labels.
"""

# SPDX-License-Identifier: BSD-3-Clause
import matplotlib.pyplot as plt
from sample_photos import load_photos

from skdecaf import DeCAFTransformer
from skdecaf.plotting import EmbeddingDisplay

photos, labels = load_photos()
display = EmbeddingDisplay.from_estimator(DeCAFTransformer(), photos, labels, random_state=0, thumbnails=True)
plt.show()

# %%
# A photo that would cover another is drawn as a point. The colours of points and frames show the classes.
#
# The paper uses such maps to compare features. The left map below is computed from pixels, with each photo shrunk to
# 16 x 16 pixels; the right map is computed from the features of the network. A display keeps its map, so ``plot`` draws
# it again without computing it.

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
