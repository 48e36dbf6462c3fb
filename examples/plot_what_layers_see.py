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
import numpy as np
from sample_photos import load_whole_photos

from skdecaf.images import cut_windows, decode, fit_image, to_rgb
from skdecaf.weights import resolve_network

network = resolve_network("mini")
preprocessing = network.preprocessing
photo = load_whole_photos()[0]
fitted = fit_image(to_rgb(decode(photo)), preprocessing.resize, preprocessing.policy, preprocessing.resample)
crops = cut_windows(fitted, preprocessing.crop, "center")

figure, axes = plt.subplots(1, 2, figsize=(6, 2.6), layout="constrained")
for ax, picture in zip(axes, (decode(photo), crops[0]), strict=True):
    ax.imshow(picture, cmap="gray")
    ax.set_axis_off()
plt.show()

# %%
# Ask for several blobs at once, and they come side by side from one pass through the network. Maps are flattened as
# (channel, row, column); the network knows the shape of each.

from skdecaf import DeCAFTransformer

blobs = ["conv1", "conv2", "conv3", "conv5"]
shapes = [network.blob_shapes[blob] for blob in blobs]
features = DeCAFTransformer(blobs, dropout=False).fit_transform([photo])[0]
parts = np.split(features, np.cumsum([np.prod(shape) for shape in shapes])[:-1])
maps = {blob: part.reshape(shape) for blob, part, shape in zip(blobs, parts, shapes, strict=True)}
for blob, values in maps.items():
    print(f"{blob}: {len(values)} maps of {values.shape[1]} x {values.shape[2]}, {np.mean(values == 0):.0%} zeros")

# %%
# The maps of each blob whose values vary most, each from its smallest value (dark) to its largest (bright). The
# numbers are those of the channels.

figure, axes = plt.subplots(len(blobs), 6, figsize=(8, 5.6), layout="constrained")
for row_of_axes, (blob, values) in zip(axes, maps.items(), strict=True):
    liveliest = np.argsort(values.std(axis=(1, 2)))[::-1][: len(row_of_axes)]
    for ax, channel in zip(row_of_axes, liveliest, strict=True):
        ax.imshow(values[channel])
        ax.set(title=f"{blob}, {channel}", xticks=[], yticks=[])
plt.show()
