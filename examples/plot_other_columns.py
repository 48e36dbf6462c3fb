"""
Combine photos with other columns of a table
============================================

A table may have a column of photos and columns of numbers and words. A :class:`~sklearn.compose.ColumnTransformer`
applies a transformer to each column, and one classifier uses all of them.

The other columns in this example are simple measures of the pixels and a made-up column of words; your table will have
more informative ones. Each cell of the column ``photo`` is a path, an array or a PIL image.
"""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pandas as pd
from sample_photos import load_photos

from skdecaf.images import decode, to_rgb

photos, labels = load_photos()
pixels = [to_rgb(decode(photo)) for photo in photos]
table = pd.DataFrame(
    {
        "photo": photos,
        "brightness": [image.mean() for image in pixels],
        "contrast": [image.std() for image in pixels],
        "album": np.resize(["summer", "winter", "family"], len(photos)),
    }
)
table.drop(columns="photo").head()

# %%
# Numbers are standardised and words are one-hot encoded. The norm of a row of photo features is about 1, so a single
# standardised column has about as much influence as all photo features together. ``transformer_weights`` changes that.

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from skdecaf import DeCAFTransformer

columns = [
    ("photo", DeCAFTransformer(), ["photo"]),
    ("numbers", StandardScaler(), ["brightness", "contrast"]),
    ("words", OneHotEncoder(), ["album"]),
]

# %%
# This compares photos alone, the other columns alone, and all columns:

from sklearn.model_selection import cross_val_score

choices = {"photo": columns[:1], "other columns": columns[1:], "all": columns}
scores = {
    name: 100 * cross_val_score(make_pipeline(ColumnTransformer(chosen), LinearSVC()), table, labels, cv=3)
    for name, chosen in choices.items()
}
for name, values in scores.items():
    print(f"{name}: {values.mean():.1f} %")

# %%
# Every feature has a name. The names have the order of the columns of the classifier's ``coef_``.

fitted = ColumnTransformer(columns).fit(table, labels)
names = fitted.get_feature_names_out()
print(len(names), "features:", *names[:2], "...", *names[-5:])

# %%
# The error bars show one standard deviation, which is a rough estimate from three folds.

import matplotlib.pyplot as plt

figure, ax = plt.subplots(figsize=(6, 2.4), layout="constrained")
ax.barh(list(scores), [values.mean() for values in scores.values()], xerr=[values.std() for values in scores.values()])
ax.invert_yaxis()
ax.set(xlabel="accuracy in 3-fold cross-validation, %", xlim=(0, 105))
plt.show()
