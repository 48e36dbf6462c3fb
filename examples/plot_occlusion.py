"""
Which parts of a photo matter
=============================

A classifier can be right for the wrong reason: it may recognise boats by the water around them. This example covers one
part of a photo after another with a grey square, and shows how much the decision changes.

The classifier learns the classes from photos with one thing each. The photo to explain has two.
"""

# SPDX-License-Identifier: BSD-3-Clause
import matplotlib.pyplot as plt
import numpy as np
from sample_photos import load_photos

from skdecaf import DeCAFClassifier
from skdecaf.images import decode, resize_image, to_rgb

photos, labels = load_photos()
names = np.unique(labels)
shown = names[(len(names) - 1) // 5], names[len(names) // 2]  # any two classes
left, right = (resize_image(to_rgb(decode(photos[labels == name][0])), (192, 192), "bicubic") for name in shown)
photo = np.concatenate([left, right], axis=1)
model = DeCAFClassifier(random_state=0).fit(photos, labels)

scores = dict(zip(model.classes_, model.decision_function([photo])[0], strict=True))
first, second = sorted(scores, key=scores.get, reverse=True)[:2]
print(f"first {first} ({scores[first]:.2f}), then {second} ({scores[second]:.2f})")

# %%
# Red parts support the first class: its decision value drops when they are covered. Blue parts speak against it.

from skdecaf.plotting import OcclusionDisplay

OcclusionDisplay.from_estimator(model, photo, response_method="decision_function")
plt.show()

# %%
# The second class rests on other parts of the photo. A smaller square shows smaller details, and takes longer, because
# each position of the square is one more photo to classify.

OcclusionDisplay.from_estimator(model, photo, label=second, response_method="decision_function", size=0.2)
plt.show()
