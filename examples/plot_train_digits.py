"""
Train a network on digits
=========================

:func:`~skdecaf.training.train_network` trains a network from random weights. This example trains a small network on
scikit-learn's digits, in less than a minute. It needs torch: ``pip install "skdecaf[train]"``.
"""

# SPDX-License-Identifier: BSD-3-Clause
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

digits = load_digits()
images = (digits.images * 15.9).astype("uint8")
train, test, y_train, y_test = train_test_split(
    images, digits.target, test_size=397, stratify=digits.target, random_state=0
)

# %%
# A network is a list of layers, and a description of how an image becomes its input. The digits of 8 x 8 pixels are
# enlarged to 18 x 18; the network reads windows of 16 x 16.

from skdecaf.weights import Architecture, Convolution, FullyConnected, MaxPool, Preprocessing, ReLU

layers = (
    Convolution("conv1", 32, 3, pad=1), ReLU("relu1"), MaxPool("pool1", 2, 2),
    Convolution("conv2", 64, 3, pad=1), ReLU("relu2"), MaxPool("pool2", 2, 2),
    FullyConnected("fc3", 128), ReLU("relu3"), FullyConnected("fc4", 10),
)  # fmt: skip
preprocessing = Preprocessing(resize=(18, 18), crop=(16, 16), mean=(128, 128, 128), scale=(64, 64, 64))

# %%
# In each epoch, windows of other size and place are cut out of the digits. They are not mirrored, since a mirrored
# digit is another sign, or none.

from skdecaf.training import train_network

network, history = train_network(
    Architecture(layers, preprocessing), train, y_train,
    epochs=15, augmentation=("crop",), smallest_area=0.7, random_state=0,
)  # fmt: skip

# %%
# The network gives probabilities. Its predictions need no torch.

import numpy as np

from skdecaf import ImageNetClassifier

classifier = ImageNetClassifier(network).fit(train)
predicted = classifier.predict(test).astype(int)
print(f"accuracy on {len(test)} other digits: {np.mean(predicted == y_test):.1%}")

# %%
# These are the mistakes, with the right digit and the prediction:

import matplotlib.pyplot as plt

wrong = np.flatnonzero(predicted != y_test)[:6]
figure, axes = plt.subplots(1, max(len(wrong), 2), figsize=(7, 1.8), layout="constrained")
for ax in axes:
    ax.set_axis_off()
for ax, i in zip(axes, wrong, strict=False):
    ax.imshow(test[i], cmap="gray_r")
    ax.set_title(f"{y_test[i]}, not {predicted[i]}")
plt.show()

# %%
# The loss fell from epoch to epoch:

figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
ax.plot(range(1, len(history) + 1), [epoch["loss"] for epoch in history], "o-")
ax.set_xlabel("epoch")
ax.set_ylabel("loss")
plt.show()
