"""
What the layers see in a photo
==============================

Every blob of the network can be a feature, including the maps of its convolutions. Drawn as pictures, the maps show
what each layer keeps of a photo: first edges and colours, then coarser structures.

The left picture is the photo. The right picture is the input of the network: the photo is warped to 72 x 72 pixels, and
the centre of 64 x 64 is cropped.
"""

# SPDX-License-Identifier: BSD-3-Clause
import matplotlib.pyplot as plt
from sklearn.datasets import load_sample_images

from skdecaf.images import cut_crops, fit_image
from skdecaf.weights import resolve_network

preprocessing = resolve_network("mini").preprocessing
photo = load_sample_images().images[0]
fitted = fit_image(photo, preprocessing.resize, preprocessing.policy, preprocessing.resample)
crops = cut_crops(fitted, preprocessing.crop, "center")

figure, axes = plt.subplots(1, 2, figsize=(6, 2.6), layout="constrained")
for ax, picture in zip(axes, (photo, crops[0]), strict=True):
    ax.imshow(picture)
    ax.set_axis_off()
plt.show()

# %%
# The filters of the first layer detect edges of all directions and spots of colour:

from skdecaf.plotting import FilterDisplay

FilterDisplay.from_weights("mini")
plt.show()

# %%
# Each filter is applied at every position of the photo, which gives a map. These are the strongest maps, with the
# numbers of their filters, counted from 0 row by row:

from skdecaf import DeCAFTransformer
from skdecaf.plotting import BlobDisplay

BlobDisplay.from_estimator(DeCAFTransformer(), photo, blob="conv1")
plt.show()

# %%
# Higher layers have more maps with fewer positions. A map of ``conv5`` no longer shows edges, but the positions of
# larger structures, such as a roof. As features, maps are flattened as (channel, row, column).

BlobDisplay.from_estimator(DeCAFTransformer(), photo, blob="conv5")
plt.show()
