"""skops: store a pipeline in a file that runs no code when it is loaded."""

# SPDX-License-Identifier: BSD-3-Clause
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skdecaf import DeCAFTransformer, datasets

photos = datasets.load_image_folder("photos")
pipeline = make_pipeline(DeCAFTransformer(), LogisticRegression()).fit(photos.filenames, photos.target)
skops.io.dump(pipeline, "photos.skops")
model = skops.io.load("photos.skops", trusted=["skdecaf._decaf.DeCAFTransformer"])
predicted = model.predict(photos.filenames)
