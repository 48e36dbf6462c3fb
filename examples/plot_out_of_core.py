"""
More photos than fit into memory
================================

:func:`skdecaf.extract` writes the features of any number of photos to disk, and estimators with ``partial_fit`` read
them from there. This example never has all photos or all features in memory.
"""

# SPDX-License-Identifier: BSD-3-Clause
import os
import tempfile

import matplotlib.pyplot as plt
import numpy as np
from sample_photos import load_photos
from sklearn.decomposition import IncrementalPCA
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

from skdecaf import DropoutFeatures, extract

photos, labels = load_photos()
train_photos, test_photos, train_labels, test_labels = train_test_split(
    photos, labels, test_size=0.4, stratify=labels, random_state=0
)  # in random order, so that each shard has photos of all classes

# %%
# The photos are read one after another. Each shard is a file with the features of 22 photos; for large data sets,
# 10,000 are usual. If the process is killed, the same call continues.

folder = tempfile.mkdtemp()
train = extract(train_photos, os.path.join(folder, "train.npy"), shard_size=22)
test = extract(test_photos, os.path.join(folder, "test.npy"), shard_size=22)
print(f"{train.n_rows} photos in {len(train.files)} files: {[os.path.basename(file) for file in train.files]}")


def shards(done, labels):
    """Yield the features of one shard after another, mapped from the disk, and their labels."""
    start = 0
    for file in done.files:
        features = np.load(file, mmap_mode="r")
        yield features, labels[start : start + len(features)]
        start += len(features)


# %%
# The first pass learns the scale of the features, the second their principal components.

scale, pca = DropoutFeatures(), IncrementalPCA(n_components=20)
for features, _ in shards(train, train_labels):
    scale.partial_fit(features)
for features, _ in shards(train, train_labels):
    pca.partial_fit(scale.transform(features))

# %%
# The other passes train a linear classifier by stochastic gradient descent.

classifier = SGDClassifier(loss="log_loss", alpha=0.01, random_state=0)
accuracies = []
for _ in range(10):
    for features, y in shards(train, train_labels):
        classifier.partial_fit(pca.transform(scale.transform(features)), y, classes=np.unique(labels))
    right = []
    for features, y in shards(test, test_labels):
        right.extend(classifier.predict(pca.transform(scale.transform(features))) == y)
    accuracies.append(np.mean(right))
print(f"after one pass: accuracy {accuracies[0]:.1%}, after ten: {accuracies[-1]:.1%}")

figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.plot(range(1, 11), accuracies, marker="o")
ax.set(xlabel="passes over the training photos", ylabel="accuracy on the test photos", ylim=(0, 1))
plt.show()

# %%
# Without files, :meth:`DeCAFTransformer.partial_fit <skdecaf.DeCAFTransformer.partial_fit>` learns the scale from one
# chunk of photos after another, and ``memory`` keeps the activations on disk between the passes.
