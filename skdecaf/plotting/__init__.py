"""Displays, in scikit-learn's manner: embeddings, learning curves, filters, maps and occlusion."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf.plotting.blobs import BlobDisplay
from skdecaf.plotting.embedding import EmbeddingDisplay
from skdecaf.plotting.filters import FilterDisplay
from skdecaf.plotting.learning_curve import LearningCurveByClassDisplay
from skdecaf.plotting.occlusion import OcclusionDisplay

__all__ = [
    "BlobDisplay",
    "EmbeddingDisplay",
    "FilterDisplay",
    "LearningCurveByClassDisplay",
    "OcclusionDisplay",
]
