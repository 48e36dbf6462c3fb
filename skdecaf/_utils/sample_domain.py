"""The parameter ``sample_domain``, and labels of the target that are hidden."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from sklearn.utils import column_or_1d

UNKNOWN = -1  # the label of a sample whose class is hidden


def check_domains(domains):
    """The domain of each sample as an array of numbers."""
    domains = column_or_1d(domains)
    if domains.dtype.kind not in "iuf" or np.isnan(domains).any():
        raise ValueError(
            "sample_domain has something else than numbers; give one for each sample, 0 or more for the source and "
            "less for the target"
        )
    return domains


def hidden_labels(y, in_source, train_on):
    """Tell which labels `mask_target_labels` has hidden.

    None is never a class. -1 may be one: if the source has it, its meaning in the target is ambiguous.
    """
    y = column_or_1d(y)
    if y.dtype == object:
        return np.array([label is None for label in y])
    unknown = y == UNKNOWN if y.dtype.kind in "if" else np.zeros(len(y), bool)
    hidden = unknown & ~in_source
    if train_on != "source" and hidden.any() and unknown[in_source].any():
        raise ValueError(
            "-1 is a class of the source, while in the target it means an unknown label; give that class another number"
        )
    return hidden
