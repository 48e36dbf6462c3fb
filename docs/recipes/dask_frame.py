"""Dask: a data frame with a column of paths, in processes."""

# SPDX-License-Identifier: BSD-3-Clause
import dask.dataframe as dd
import pandas as pd
from dask.distributed import Client

from skdecaf import DeCAFTransformer, datasets

if __name__ == "__main__":
    paths = datasets.load_image_folder("photos").filenames
    frame = dd.from_pandas(pd.DataFrame({"path": paths}), npartitions=3)[["path"]]
    transformer = DeCAFTransformer(dropout=False).set_output(transform="pandas").fit(frame.head(1))
    meta = transformer.transform(frame.head(0))  # names and types, without a photo
    with Client(n_workers=2, threads_per_worker=1):
        features = frame.map_partitions(transformer.transform, meta=meta).compute()
