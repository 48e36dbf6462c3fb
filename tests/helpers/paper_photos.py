"""Small photos in classes, listed as by the functions of skdecaf.datasets, for the tests of the paper's tables."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from PIL import Image
from sklearn.utils import Bunch


def write_classes(folder, names, n_photos):
    """Photos of classes that are alike, but not the same, in a folder for each; returns a Bunch."""
    paths, target = [], []
    for k, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        base = np.random.default_rng(k).integers(60, 196, (4, 4, 3))
        for i in range(n_photos):
            noise = np.random.default_rng([k, i]).integers(-50, 51, base.shape)
            image = Image.fromarray((base + noise).astype(np.uint8)).resize((40, 40), Image.Resampling.BICUBIC)
            image.save(folder / name / f"image_{i + 1:04d}.png")
            paths.append(str(folder / name / f"image_{i + 1:04d}.png"))
            target.append(k)
    return Bunch(data=np.array(paths, dtype=object), target=np.array(target), target_names=list(names))
