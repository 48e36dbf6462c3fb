"""Dask: a bag of paths, in processes."""

# SPDX-License-Identifier: BSD-3-Clause
import dask.bag
import numpy as np
from dask.distributed import Client

from skdecaf import DeCAFTransformer, datasets

if __name__ == "__main__":
    paths = datasets.load_image_folder("photos").filenames
    transformer = DeCAFTransformer(dropout=False).fit(paths[:1])
    bag = dask.bag.from_sequence(paths, npartitions=3)
    with Client(n_workers=2, threads_per_worker=1):
        features = np.vstack(bag.map_partitions(lambda some: [transformer.transform(list(some))]).compute())
