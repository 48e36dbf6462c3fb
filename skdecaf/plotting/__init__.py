"""Displays, in scikit-learn's manner: embeddings, learning curves, filters and maps."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf.plotting.blobs import BlobDisplay
from skdecaf.plotting.embedding import EmbeddingDisplay
from skdecaf.plotting.filters import FilterDisplay
from skdecaf.plotting.learning_curve import LearningCurveByClassDisplay

__all__ = [
    "BlobDisplay",
    "EmbeddingDisplay",
    "FilterDisplay",
    "LearningCurveByClassDisplay",
]
