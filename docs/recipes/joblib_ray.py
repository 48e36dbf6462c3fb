"""joblib: a search whose candidates are fitted on the workers of Ray."""

# SPDX-License-Identifier: BSD-3-Clause
import joblib
import ray
from ray.util.joblib import register_ray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skdecaf import DeCAFTransformer, datasets

if __name__ == "__main__":
    photos = datasets.load_image_folder("photos")
    pipeline = make_pipeline(DeCAFTransformer(n_jobs=1), LogisticRegression())
    search = GridSearchCV(pipeline, {"decaftransformer__layer": [5, 6]}, cv=2)
    ray.init(num_cpus=2, include_dashboard=False)
    register_ray()
    with joblib.parallel_config("ray", n_jobs=2):
        search.fit(photos.filenames, photos.target)
    ray.shutdown()
