"""Accuracy as a mean over classes."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from sklearn.metrics import make_scorer, recall_score
from sklearn.utils import column_or_1d


def mean_per_class_accuracy_score(y_true, y_pred, *, sample_weight=None):
    """Accuracy within each class, averaged over the classes.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Classes of the samples.
    y_pred : array-like of shape (n_samples,)
        Predicted classes.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples within their class.

    Returns
    -------
    float
        Between 0 and 1; every class has the same weight.

    Raises
    ------
    ValueError
        If there are no samples, the lengths differ, or one argument has strings and the other numbers.

    See Also
    --------
    sklearn.metrics.balanced_accuracy_score : Equal, up to a warning.
    sklearn.metrics.accuracy_score : Every sample has the same weight.

    Notes
    -----
    Figure 4 of the paper (Section 4.1) uses this score, with 1 to 770 test samples per class, and so does Table 3,
    with 50 each. Tables 1 and 2 use plain accuracy.

    The mean is over the classes in `y_true` whose samples do not all have a weight of 0. Predicting any other class is
    a mistake. `~sklearn.metrics.balanced_accuracy_score` then returns the same number with a warning.

    Pass the scorer ``mean_per_class_accuracy`` as ``scoring`` to scikit-learn. With metadata routing enabled, a copy
    can request weights: ``copy.deepcopy(mean_per_class_accuracy).set_score_request(sample_weight=True)``.

    Examples
    --------
    >>> from skdecaf.model_selection import mean_per_class_accuracy_score
    >>> mean_per_class_accuracy_score(["cat", "cat", "cat", "dog"], ["cat", "cat", "dog", "dog"]) == (2 / 3 + 1) / 2
    True
    """
    y_true, y_pred = column_or_1d(y_true), column_or_1d(y_pred)
    if len(y_true) == 0:
        raise ValueError("y_true is empty, and has no classes to average over")
    options = {"average": "macro", "zero_division": np.nan}  # which is left out of the mean
    return float(recall_score(y_true, y_pred, labels=np.unique(y_true), sample_weight=sample_weight, **options))


mean_per_class_accuracy = make_scorer(mean_per_class_accuracy_score)
