"""FLAML: AutoML on features that are computed once."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from flaml import AutoML
from sklearn.pipeline import Pipeline

from skdecaf import DeCAFTransformer, datasets

photos = datasets.load_image_folder("photos")
pipeline = Pipeline([("decaf", DeCAFTransformer()), ("automl", AutoML())])
pipeline.fit(
    photos.filenames,
    np.asarray(photos.target),  # FLAML refuses a list
    automl__task="classification",
    automl__metric="accuracy",
    automl__time_budget=10,
    automl__estimator_list=["lrl2", "rf"],
    automl__eval_method="cv",
    automl__n_splits=2,
    automl__verbose=0,
)
predicted = pipeline.predict(photos.filenames)
