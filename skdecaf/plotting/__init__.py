"""Displays, in scikit-learn's manner: embeddings, learning curves, filters, maps, occlusion and parts."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf.plotting._blobs import BlobDisplay
from skdecaf.plotting._embedding import EmbeddingDisplay
from skdecaf.plotting._filters import FilterDisplay
from skdecaf.plotting._learning_curve import LearningCurveByClassDisplay
from skdecaf.plotting._occlusion import OcclusionDisplay
from skdecaf.plotting._parts import PartsDisplay

__all__ = [
    "BlobDisplay",
    "EmbeddingDisplay",
    "FilterDisplay",
    "LearningCurveByClassDisplay",
    "OcclusionDisplay",
    "PartsDisplay",
]
