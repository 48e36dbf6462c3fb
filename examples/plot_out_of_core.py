"""
More photos than fit into memory
================================

Neither the photos nor their features have to be in memory together. This example reads photos in chunks, and each chunk
is forgotten before the next one is read. Paths are small, so a list of a million of them is no problem.
"""

# SPDX-License-Identifier: BSD-3-Clause
import tempfile

import matplotlib.pyplot as plt
import numpy as np
from sample_photos import load_photos
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split
from sklearn.utils import gen_batches

from skdecaf import DeCAFTransformer

photos, labels = load_photos()
train_photos, test_photos, train_labels, test_labels = train_test_split(
    photos, labels, test_size=0.4, stratify=labels, random_state=0
)  # in random order, so that each chunk has photos of all classes
chunks = list(gen_batches(len(train_photos), 16))
print(f"{len(train_photos)} photos in {len(chunks)} chunks")

# %%
# The first pass learns the scale of the features. :meth:`~skdecaf.DeCAFTransformer.partial_fit` gives the same result
# as ``fit`` on all photos. With ``memory``, the activations are kept on disk, and later passes only read them.

transformer = DeCAFTransformer(memory=tempfile.mkdtemp())
for chunk in chunks:
    transformer.partial_fit(train_photos[chunk])

# %%
# The other passes train a linear classifier by stochastic gradient descent.

classifier = SGDClassifier(alpha=0.01, random_state=0)
accuracies = []
for _ in range(10):
    for chunk in chunks:
        features = transformer.transform(train_photos[chunk])
        classifier.partial_fit(features, train_labels[chunk], classes=np.unique(labels))
    accuracies.append(classifier.score(transformer.transform(test_photos), test_labels))
print(f"after one pass: accuracy {accuracies[0]:.1%}, after ten: {accuracies[-1]:.1%}")

figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.plot(range(1, 11), accuracies, marker="o")
ax.set(xlabel="passes over the training photos", ylabel="accuracy on the test photos", ylim=(0, 1))
plt.show()

# %%
# If the features fit on the disk but not into memory, ``skdecaf extract`` writes them to a ``.npy`` file, which
# ``numpy.load(..., mmap_mode="r")`` opens without reading it. Any classifier with ``partial_fit`` can use it.
