"""
What the layers see in a photo
==============================

Any blob of the network can be a feature, also the maps of its convolutions. Drawn as pictures they show what each
layer keeps of a photo: edges and colours first, then fewer and coarser answers.

On the left the photo, on the right what the network reads of it: warped to 72 x 72 pixels and cut to the middle
64 x 64.
"""

# SPDX-License-Identifier: BSD-3-Clause
import matplotlib.pyplot as plt
from sample_photos import load_whole_photos

from skdecaf.images import cut_windows, decode, fit_image, to_rgb
from skdecaf.weights import resolve_network

preprocessing = resolve_network("mini").preprocessing
photo = load_whole_photos()[0]
fitted = fit_image(to_rgb(decode(photo)), preprocessing.resize, preprocessing.policy, preprocessing.resample)
crops = cut_windows(fitted, preprocessing.crop, "center")

figure, axes = plt.subplots(1, 2, figsize=(6, 2.6), layout="constrained")
for ax, picture in zip(axes, (decode(photo), crops[0]), strict=True):
    ax.imshow(picture, cmap="gray")
    ax.set_axis_off()
plt.show()

# %%
# The filters of the first layer look for edges of all directions, and for spots of colour:

from skdecaf.plotting import FilterDisplay

FilterDisplay.from_weights("mini")
plt.show()

# %%
# Laid over every place of the photo, each filter answers with a map. The strongest of them, with the numbers of their
# filters, counted from 0 row by row:

from skdecaf import DeCAFTransformer
from skdecaf.plotting import BlobDisplay

BlobDisplay.from_estimator(DeCAFTransformer(), photo, blob="conv1")
plt.show()

# %%
# Higher layers have more maps, and fewer places in each. A map of ``conv5`` no longer says where there is an edge, but
# where there is something like a roof. As features, maps are flattened as (channel, row, column).

BlobDisplay.from_estimator(DeCAFTransformer(), photo, blob="conv5")
plt.show()
