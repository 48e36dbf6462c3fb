"""dask-ml: a fitted pipeline that predicts one block after another."""

# SPDX-License-Identifier: BSD-3-Clause
import dask.array as da
import numpy as np
from dask_ml.wrappers import ParallelPostFit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skdecaf import DeCAFTransformer, datasets

if __name__ == "__main__":
    photos = datasets.load_image_folder("photos")
    column = np.array(photos.filenames).reshape(-1, 1)
    pipeline = make_pipeline(DeCAFTransformer(), LogisticRegression())
    # Without predict_meta, dask-ml would call predict on a row of zeros, which is no path.
    model = ParallelPostFit(pipeline, predict_meta=np.empty(0, int)).fit(column, photos.target)
    predicted = model.predict(da.from_array(column, chunks=(3, 1))).compute()
