"""TPOT: a search space whose first step is the features; pass paths as an (n, 1) array."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace
from tpot import TPOTEstimator
from tpot.config import get_search_space
from tpot.search_spaces.nodes import EstimatorNode
from tpot.search_spaces.pipelines import SequentialPipeline

from skdecaf import DeCAFTransformer, datasets

if __name__ == "__main__":
    photos = datasets.load_image_folder("photos")
    paths = np.array(photos.filenames).reshape(-1, 1)
    layers = ConfigurationSpace({"layer": Categorical("layer", ["pool5", "fc6"]), "memory": "feature-cache"})
    space = SequentialPipeline(
        [EstimatorNode(method=DeCAFTransformer, space=layers), get_search_space("LogisticRegression")]
    )
    tpot = TPOTEstimator(
        search_space=space, scorers=["accuracy"], scorers_weights=[1], classification=True, cv=2,
        population_size=2, generations=2, n_jobs=1, max_time_mins=2, random_state=0, verbose=0,
    )  # fmt: skip
    predicted = tpot.fit(paths, np.asarray(photos.target)).predict(paths)
