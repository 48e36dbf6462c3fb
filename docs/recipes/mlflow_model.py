"""MLflow: log a pipeline, and load it elsewhere."""

# SPDX-License-Identifier: BSD-3-Clause
import mlflow
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skdecaf import DeCAFTransformer, datasets

photos = datasets.load_image_folder("photos")
pipeline = make_pipeline(DeCAFTransformer(), LogisticRegression()).fit(photos.filenames, photos.target)
mlflow.set_tracking_uri("sqlite:///mlflow.db")
with mlflow.start_run():
    logged = mlflow.sklearn.log_model(pipeline, name="photos", serialization_format="cloudpickle")
model = mlflow.sklearn.load_model(logged.model_uri)
predicted = model.predict(photos.filenames)
np.testing.assert_array_equal(predicted, pipeline.predict(photos.filenames))
