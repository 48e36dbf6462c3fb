"""
Which layer makes the best features?
====================================

Lower layers of the network keep more detail, and higher ones are closer to the names of ImageNet's classes. Try which
layer suits your classes best. One pass through the network computes all of them.
"""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from sample_photos import load_photos

from skdecaf import DeCAFTransformer
from skdecaf.weights import resolve_network

photos, labels = load_photos()
layers = ["pool1", "pool2", "pool5", "fc6", "fc7", "fc8"]
sizes = [int(np.prod(resolve_network("mini").blob_shapes[layer])) for layer in layers]
features = DeCAFTransformer(layers, dropout=False).fit_transform(photos)
blocks = dict(zip(layers, np.split(features, np.cumsum(sizes)[:-1], axis=1), strict=True))

# %%
# A list concatenates layers, and :class:`~skdecaf.DropoutFeatures` brings features to a scale that suits a linear SVM.
# Each fold learns that scale from its own training photos.

from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skdecaf import DropoutFeatures

blocks["fc6 and fc7"] = np.hstack([blocks["fc6"], blocks["fc7"]])
splits = StratifiedKFold(n_splits=4, shuffle=True, random_state=0)
scores = {
    name: 100 * cross_val_score(make_pipeline(DropoutFeatures(), LinearSVC()), block, labels, cv=splits)
    for name, block in blocks.items()
}
for name, values in scores.items():
    print(f"{name:12} {blocks[name].shape[1]:6} features, accuracy {values.mean():.1f} %")

# %%
# The bars show one standard deviation over the folds. As in the paper, layers near the top are better than layers near
# the pixels. :class:`~skdecaf.DeCAFClassifier` makes this choice for you.

import matplotlib.pyplot as plt

figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.barh(list(scores), [values.mean() for values in scores.values()], xerr=[values.std() for values in scores.values()])
ax.invert_yaxis()
ax.set(xlabel="accuracy in cross-validation, %", xlim=(0, 100))
plt.show()
