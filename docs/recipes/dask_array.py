"""Dask: an array of images, in processes."""

# SPDX-License-Identifier: BSD-3-Clause
import dask.array as da
import numpy as np
from dask.distributed import Client
from PIL import Image

from skdecaf import DeCAFTransformer, datasets

if __name__ == "__main__":
    paths = datasets.load_image_folder("photos").filenames
    images = da.from_array(np.stack([np.asarray(Image.open(path)) for path in paths]), chunks=(3, -1, -1, -1))
    transformer = DeCAFTransformer(dropout=False).fit(images[:1].compute())
    n_features = len(transformer.get_feature_names_out())
    rows = images.map_blocks(
        transformer.transform, drop_axis=[2, 3], chunks=(images.chunks[0], (n_features,)), dtype="float32"
    )
    with Client(n_workers=2, threads_per_worker=1):
        features = rows.compute()
