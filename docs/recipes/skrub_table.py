"""skrub: photos beside other columns of a table."""

# SPDX-License-Identifier: BSD-3-Clause
import pandas as pd
import skrub
from sklearn.linear_model import LogisticRegression

from skdecaf import DeCAFTransformer, datasets

photos = datasets.load_image_folder("photos")
table = skrub.var("table", pd.DataFrame({"path": photos.filenames, "weight": range(len(photos.filenames))}))
y = skrub.y(pd.Series(photos.target))
X = table.skb.mark_as_X()
features = X[["path"]].skb.apply(DeCAFTransformer(memory="feature-cache"))
learner = features.skb.concat([X[["weight"]]], axis=1).skb.apply(LogisticRegression(max_iter=1000), y=y)
predicted = learner.skb.eval()
