"""
Which parts of a photo matter
=============================

A classifier can be right for the wrong reason: it may recognise boats by the water around them. This example covers one
part of a photo after another with a grey square, and shows how much the decision changes.

The classifier learns seven classes from small pieces of two photos. The photo to explain has a temple and a flower.
"""

# SPDX-License-Identifier: BSD-3-Clause
import matplotlib.pyplot as plt
import numpy as np
from sample_photos import load_photos, load_whole_photos, named_folder

from skdecaf import DeCAFClassifier

photos, labels = load_photos()
model = DeCAFClassifier(random_state=0).fit(photos, labels)

photo = load_whole_photos()[0]
if named_folder() is None:
    temple, flower = load_whole_photos()
    photo = np.concatenate([temple[:, :320], flower[:, 150:470]], axis=1)

scores = dict(zip(model.classes_, model.decision_function([photo])[0], strict=True))
first, second = sorted(scores, key=scores.get, reverse=True)[:2]
print(f"first {first} ({scores[first]:.2f}), then {second} ({scores[second]:.2f})")

# %%
# Red parts support the first class: its decision value drops when they are covered. Blue parts speak against it. Here
# the flower speaks more strongly against the temple than any part of the temple supports it.

from skdecaf.plotting import OcclusionDisplay

OcclusionDisplay.from_estimator(model, photo, response_method="decision_function")
plt.show()

# %%
# The second class rests on other parts of the photo. A smaller square shows smaller details, and takes longer, because
# each position of the square is one more photo to classify.

OcclusionDisplay.from_estimator(model, photo, label=second, response_method="decision_function", size=0.2)
plt.show()
