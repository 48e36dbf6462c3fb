"""Cosine distances between photos and changed copies of them: the table of near-duplicates of the guide.

python docs/measurements/near_duplicates.py FOLDER

FOLDER holds class folders of photos. The script takes 150 photos at even intervals, changes each, and prints the median
and the 95th percentile of the cosine distances of pool5. Then it prints how far all photos are from their nearest other
photo, and how many groups of near-duplicates there are at the threshold of ``skdecaf duplicates``.
"""

# SPDX-License-Identifier: BSD-3-Clause
import io
import sys
from pathlib import Path

import numpy as np
from accuracy import photos_by_class
from PIL import Image, ImageEnhance, ImageOps
from scipy.sparse.csgraph import connected_components
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from skdecaf import DeCAFTransformer

N_PHOTOS, THRESHOLD = 150, 0.05


def recompressed(photo, quality):
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=quality)
    return Image.open(file)


def cropped(photo, share):
    left, top = (round(share * side) for side in photo.size)
    return photo.crop((left, top, photo.width - left, photo.height - top))


CHANGES = {
    "half the width and height": lambda photo: photo.resize((photo.width // 2, photo.height // 2)),
    "JPEG of quality 50": lambda photo: recompressed(photo, 50),
    "JPEG of quality 20": lambda photo: recompressed(photo, 20),
    "20 % brighter": lambda photo: ImageEnhance.Brightness(photo).enhance(1.2),
    "2 % cropped from each side": lambda photo: cropped(photo, 0.02),
    "5 % cropped from each side": lambda photo: cropped(photo, 0.05),
    "10 % cropped from each side": lambda photo: cropped(photo, 0.1),
    "without colour": ImageOps.grayscale,
    "mirrored": ImageOps.mirror,
}


def main(folder):
    files = [str(file) for files in photos_by_class(folder) for file in files]
    transformer = DeCAFTransformer("pool5", dropout=False)
    features = normalize(transformer.fit_transform(files))
    chosen = np.linspace(0, len(files) - 1, N_PHOTOS).round().astype(int)
    photos = [Image.open(files[i]).convert("RGB") for i in chosen]
    for name, change in CHANGES.items():
        changed = normalize(transformer.transform([change(photo) for photo in photos]))
        distances = 1 - (features[chosen] * changed).sum(axis=1)
        print(f"{name:30}{np.median(distances):.4f}  {np.percentile(distances, 95):.3f}", flush=True)
    neighbors = NearestNeighbors(metric="cosine").fit(features)
    print(f"nearest other photo, median: {np.median(neighbors.kneighbors(n_neighbors=1)[0]):.2f}")
    _, groups = connected_components(neighbors.radius_neighbors_graph(radius=THRESHOLD))
    print(f"groups at {THRESHOLD}: {(np.unique(groups, return_counts=True)[1] > 1).sum()}")


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit(__doc__)
    main(sys.argv[1])
