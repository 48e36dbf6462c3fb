"""Spark: files as bytes, one process for each core. Each row carries its path."""

# SPDX-License-Identifier: BSD-3-Clause
import pandas as pd
from pyspark.sql import SparkSession

from skdecaf import DeCAFTransformer


def add_features(batches):
    """Compute the features of one partition, batch by batch."""
    transformer = DeCAFTransformer(dropout=False, n_jobs=1)
    for batch in batches:
        features = transformer.fit_transform(batch["content"])
        yield pd.DataFrame({"path": batch["path"], "features": list(features)})


if __name__ == "__main__":
    # Two processes; a task whose worker dies is tried up to four times.
    spark = SparkSession.builder.master("local[2,4]").config("spark.ui.enabled", False).getOrCreate()
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 64)  # photos in memory at a time
    photos = spark.read.format("binaryFile").option("recursiveFileLookup", True).load("photos")
    rows = photos.repartition(4).mapInPandas(add_features, "path string, features array<float>").collect()
    features = {row["path"].removeprefix("file:"): row["features"] for row in rows}
    spark.stop()
