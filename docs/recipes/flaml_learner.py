"""FLAML: a learner whose layer and C are searched; photos are computed once, because activations are stored."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from flaml import AutoML, tune
from flaml.automl.model import SKLearnEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skdecaf import DeCAFTransformer, datasets


class PhotoLearner(SKLearnEstimator):
    """Features and a linear model, as a learner of FLAML."""

    def __init__(self, task="multiclass", n_jobs=None, **config):
        super().__init__(task, **config)

        def build(layer, C, **others):
            return make_pipeline(DeCAFTransformer(layer, memory="feature-cache"), LogisticRegression(C=C))

        self.estimator_class = build

    def _preprocess(self, X):
        return X  # FLAML would turn paths into numbers

    @classmethod
    def search_space(cls, data_size, task):
        """What is searched."""
        return {
            "layer": {"domain": tune.choice(["pool5", "fc6"]), "init_value": "fc6"},
            "C": {"domain": tune.loguniform(0.01, 100), "init_value": 1.0},
        }


photos = datasets.load_image_folder("photos")
paths = np.array(photos.filenames).reshape(-1, 1)
automl = AutoML()
automl.add_learner("photos", PhotoLearner)
automl.fit(
    paths,
    np.asarray(photos.target),
    task="classification",
    metric="accuracy",
    max_iter=4,
    time_budget=60,
    estimator_list=["photos"],
    eval_method="cv",
    n_splits=2,
    skip_transform=True,
    auto_augment=False,  # it would repeat photos
    verbose=0,
)
predicted = automl.predict(paths)
