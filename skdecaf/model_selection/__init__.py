"""The paper's splits, its score, and classifiers trained on one of two domains, for scikit-learn's cross-validation."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf.model_selection._domains import DomainSelector, mask_target_labels
from skdecaf.model_selection._scores import mean_per_class_accuracy, mean_per_class_accuracy_score
from skdecaf.model_selection._splits import DomainAdaptationSplit, PerClassShuffleSplit, PredefinedSplits

__all__ = [
    "DomainAdaptationSplit",
    "DomainSelector",
    "PerClassShuffleSplit",
    "PredefinedSplits",
    "mask_target_labels",
    "mean_per_class_accuracy",
    "mean_per_class_accuracy_score",
]
