"""Displays, in scikit-learn's manner: embeddings, learning curves, filters, maps and occlusion."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf.plotting._blobs import BlobDisplay
from skdecaf.plotting._embedding import EmbeddingDisplay
from skdecaf.plotting._filters import FilterDisplay
from skdecaf.plotting._learning_curve import LearningCurveByClassDisplay
from skdecaf.plotting._occlusion import OcclusionDisplay

__all__ = [
    "BlobDisplay",
    "EmbeddingDisplay",
    "FilterDisplay",
    "LearningCurveByClassDisplay",
    "OcclusionDisplay",
]
