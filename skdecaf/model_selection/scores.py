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
        Classes that were predicted.
    sample_weight : array-like of shape (n_samples,), default=None
        How much each sample counts within its class; None is all the same.

    Returns
    -------
    float
        Between 0 and 1; every class counts the same, however many samples it has.

    Raises
    ------
    ValueError
        If there are no samples, the lengths differ, or one side has names of classes and the other numbers.

    See Also
    --------
    sklearn.metrics.balanced_accuracy_score : The same number.
    sklearn.metrics.accuracy_score : Every sample counts the same.

    Notes
    -----
    It is the score of Figure 4 (Section 4.1 of the paper), where classes have from 1 to 770 samples for testing, and
    of Table 3, where they have 50 each and both scores are the same. Tables 1 and 2 have plain accuracy.

    The classes are those of `y_true`, except those whose samples all have a weight of 0. One that is only predicted
    takes part as the mistake that it is, and has no accuracy of its own. In that case
    `~sklearn.metrics.balanced_accuracy_score` gives the same number with a warning.

    The parameter ``scoring`` of scikit-learn takes the scorer that is made of it, ``mean_per_class_accuracy``, which is
    called with a classifier, samples and their classes, and takes `sample_weight`, too. Where metadata routing is
    enabled, have a copy request it: ``copy.deepcopy(mean_per_class_accuracy).set_score_request(sample_weight=True)``.

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
