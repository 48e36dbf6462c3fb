"""
Train a network on small colour pictures
========================================

:func:`~skdecaf.training.train_network` trains a network from random weights. This example draws 8,000 pictures of
32 x 32 pixels in ten classes, as in CIFAR-10, so that nothing is downloaded. They are shapes of any colour, size, place
and direction on noisy backgrounds. The network is compared with linear classifiers. The example needs torch
(``pip install "skdecaf[train]"``) and takes two minutes on two processors.
"""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from PIL import Image, ImageDraw

CLASSES = ("bar", "cross", "disc", "ellipse", "half disc", "ring", "square", "star", "triangle", "two discs")
SIDE = 32


def corners(*radii):
    """Corners of a shape, at equal angles around the centre of 128 x 128 pixels."""
    angles = np.arange(len(radii)) * 2 * np.pi / len(radii)
    return [(64 + r * np.cos(a), 64 + r * np.sin(a)) for r, a in zip(radii, angles, strict=True)]


def draw_shape(name):
    """Draw a white shape on black, of 128 x 128 pixels."""
    mask = Image.new("L", (128, 128))
    pen = ImageDraw.Draw(mask)
    match name:
        case "bar" | "cross":
            pen.rectangle((14, 52, 114, 76), fill=255)
            if name == "cross":
                pen.rectangle((52, 14, 76, 114), fill=255)
        case "disc":
            pen.ellipse((20, 20, 108, 108), fill=255)
        case "ellipse":
            pen.ellipse((10, 38, 118, 90), fill=255)
        case "half disc":
            pen.pieslice((16, 16, 112, 112), 0, 180, fill=255)
        case "ring":
            pen.ellipse((16, 16, 112, 112), outline=255, width=16)
        case "two discs":
            pen.ellipse((8, 42, 56, 90), fill=255)
            pen.ellipse((72, 42, 120, 90), fill=255)
        case "square":
            pen.polygon(corners(50, 50, 50, 50), fill=255)
        case "star":
            pen.polygon(corners(*[54, 22] * 5), fill=255)
        case "triangle":
            pen.polygon(corners(50, 50, 50), fill=255)
    return mask


def draw_picture(name, generator):
    """Draw a shape of random size, place and direction on a background of another colour, with noise."""
    side = int(generator.integers(18, 30))
    turned = draw_shape(name).rotate(generator.uniform(0, 360), Image.Resampling.BICUBIC)
    mask = np.zeros((SIDE, SIDE, 1))
    top, left = generator.integers(0, SIDE - side + 1, 2)
    mask[top : top + side, left : left + side, 0] = np.asarray(turned.resize((side, side))) / 255
    back, front = generator.uniform(0, 255, (2, 3))
    while np.abs(front - back).max() < 90:
        front = generator.uniform(0, 255, 3)
    pixels = back + mask * (front - back) + generator.normal(0, 12, (SIDE, SIDE, 3))
    return pixels.clip(0, 255).astype(np.uint8)


generator = np.random.default_rng(0)
names = np.repeat(CLASSES, 800)
pictures = np.array([draw_picture(name, generator) for name in names])
is_test = np.arange(len(names)) % 8 == 0  # 700 of each class for training, 100 for the test

# %%

import matplotlib.pyplot as plt

figure, axes = plt.subplots(4, 10, figsize=(8, 3.6), layout="constrained")
for column, name in zip(axes.T, CLASSES, strict=True):
    column[0].set_title(name, fontsize="small")
    for ax, shown in zip(column, pictures[names == name], strict=False):
        ax.imshow(shown)
        ax.set_axis_off()
plt.show()

# %%
# The network has three convolutions. In each epoch, windows of other size and place are cut out of the pictures,
# half of them are mirrored, and their brightness, contrast and saturation are changed.

from skdecaf.training import train_network
from skdecaf.weights import Architecture, Convolution, FullyConnected, MaxPool, Preprocessing, ReLU

layers = (
    Convolution("conv1", 24, 3, pad=1), ReLU("relu1"), MaxPool("pool1", 2, 2),
    Convolution("conv2", 48, 3, pad=1), ReLU("relu2"), MaxPool("pool2", 2, 2),
    Convolution("conv3", 64, 3, pad=1), ReLU("relu3"), MaxPool("pool3", 2, 2),
    FullyConnected("fc4", 128), ReLU("relu4"), FullyConnected("fc5", 10),
)  # fmt: skip
preprocessing = Preprocessing(resize=(36, 36), crop=(32, 32), mean=(128, 128, 128), scale=(64, 64, 64))
network, history = train_network(
    Architecture(layers, preprocessing), pictures[~is_test], names[~is_test],
    epochs=12, augmentation=("crop", "mirror"), smallest_area=0.7, random_state=0,
)  # fmt: skip

# %%
# Pixels tell a linear classifier little about shapes of any colour, size, place and direction. The features of the
# network that ships with skdecaf tell much more, although these shapes do not resemble the photos that it was trained
# on. With 700 pictures of each class, the network that was trained on them is best:

from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC

from skdecaf import DeCAFTransformer, ImageNetClassifier

flatten = FunctionTransformer(lambda pictures: pictures.reshape(len(pictures), -1) / 255)
trained = ImageNetClassifier(network)
for title, classifier in {
    "pixels, LinearSVC": make_pipeline(flatten, StandardScaler(), LinearSVC(C=1e-4)),
    "DeCAF5 of the embedded network, LinearSVC": make_pipeline(DeCAFTransformer(layer=5), LinearSVC()),
    "the trained network": trained,
}.items():
    predicted = classifier.fit(pictures[~is_test], names[~is_test]).predict(pictures[is_test])
    print(f"{title}: {np.mean(predicted == names[is_test]):.1%}")

# %%
# The confusion matrix shows which shapes the trained network takes for each other:

from sklearn.metrics import ConfusionMatrixDisplay

figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
ConfusionMatrixDisplay.from_predictions(
    names[is_test], trained.predict(pictures[is_test]), ax=ax, xticks_rotation=60, colorbar=False
)
plt.show()
