"""Ray Data: actors that load the network once. Each row carries its path, since Ray does not keep the order."""

# SPDX-License-Identifier: BSD-3-Clause
import ray

from skdecaf import DeCAFTransformer, datasets


class Features:
    """Adds a column of features to a batch of paths."""

    def __init__(self):
        self.transformer = DeCAFTransformer(dropout=False, n_jobs=1)

    def __call__(self, batch):
        """Compute the features of a batch."""
        return batch | {"features": self.transformer.fit_transform(batch["path"])}


if __name__ == "__main__":
    paths = datasets.load_image_folder("photos").filenames
    ray.init(num_cpus=3, include_dashboard=False)  # two actors, and one that reads
    rows = ray.data.from_items([{"path": path} for path in paths])
    rows = rows.map_batches(Features, batch_size=3, concurrency=2).take_all()
    features = {row["path"]: row["features"] for row in rows}
    ray.shutdown()
