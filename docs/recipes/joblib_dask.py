"""joblib: a search whose candidates are fitted on the workers of dask."""

# SPDX-License-Identifier: BSD-3-Clause
import joblib
from dask.distributed import Client
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skdecaf import DeCAFTransformer, datasets

if __name__ == "__main__":
    photos = datasets.load_image_folder("photos")
    pipeline = make_pipeline(DeCAFTransformer(), LogisticRegression())
    search = GridSearchCV(pipeline, {"decaftransformer__layer": [5, 6]}, cv=2)
    with Client(n_workers=2, threads_per_worker=1), joblib.parallel_config("dask"):
        search.fit(photos.filenames, photos.target)
