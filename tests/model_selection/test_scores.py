"""The score against loops."""

# SPDX-License-Identifier: BSD-3-Clause
import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.dummy import DummyClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB

from skdecaf.model_selection import (
    PerClassShuffleSplit,
    mean_per_class_accuracy,
    mean_per_class_accuracy_score,
)


def mean_over_classes(y_true, y_pred):
    accuracies = []
    for label in set(y_true):
        predictions = [predicted for true, predicted in zip(y_true, y_pred, strict=True) if true == label]
        accuracies.append(np.float64(predictions.count(label)) / len(predictions))
    return np.mean(accuracies)


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=1, max_size=60))
def test_score_against_a_loop_and_scikit_learn(pairs):
    y_true, y_pred = zip(*pairs, strict=True)
    score = mean_per_class_accuracy_score(y_true, y_pred)
    assert score == pytest.approx(mean_over_classes(y_true, y_pred), rel=1e-14)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that are only predicted
        assert score == pytest.approx(balanced_accuracy_score(y_true, y_pred), rel=1e-14)
    names = [[f"class {label}" for label in side] for side in (y_true, y_pred)]
    assert (
        mean_per_class_accuracy_score(*names)
        == mean_per_class_accuracy_score(pd.Series(names[0]), np.array(names[1]))
        == score
    )


def test_one_photo_of_a_class_counts_as_much_as_770():
    y_true = np.repeat([0, 1], [770, 1])
    assert mean_per_class_accuracy_score(y_true, np.zeros(771, int)) == 0.5


def test_weights_count_within_a_class():
    y_true, y_pred = ["cat", "cat", "dog", "owl"], ["cat", "dog", "dog", "cat"]
    assert mean_per_class_accuracy_score(y_true, y_pred, sample_weight=[1, 3, 5, 9]) == pytest.approx((1 / 4 + 1) / 3)
    weights = [1, 3, 5, 0]  # the owl has none, and no part in the mean
    score = mean_per_class_accuracy_score(y_true, y_pred, sample_weight=weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert score == balanced_accuracy_score(y_true, y_pred, sample_weight=weights) == (1 / 4 + 1) / 2
    with pytest.raises(ValueError, match="inconsistent"):
        mean_per_class_accuracy_score(y_true, y_pred, sample_weight=[1, 2])


def test_a_score_of_nothing_or_of_names_against_numbers():
    with pytest.raises(ValueError, match="empty"):
        mean_per_class_accuracy_score([], [])
    with pytest.raises(ValueError, match="inconsistent"):
        mean_per_class_accuracy_score([1], [1, 2])
    with pytest.raises(ValueError, match="string and number"):
        mean_per_class_accuracy_score(["cat", "dog"], [0, 1])
    with pytest.raises(ValueError, match="1d array"):
        mean_per_class_accuracy_score([[1, 0], [0, 1]], [[1, 0], [0, 1]])


def test_scorer():
    X, y = np.zeros((30, 1)), np.repeat([0, 1, 2], [20, 6, 4])
    scorer = pickle.loads(pickle.dumps(mean_per_class_accuracy))
    cv = PerClassShuffleSplit(3, random_state=0)
    np.testing.assert_allclose(cross_val_score(DummyClassifier(), X, y, cv=cv, scoring=scorer), 1 / 3)


def test_weights_reach_the_scorer_through_cross_validation():
    generator = np.random.default_rng(0)
    X, y, weights = generator.normal(size=(40, 2)), np.tile([0, 1], 20), generator.uniform(1, 9, 40)
    cv = PerClassShuffleSplit(5, n_splits=2, random_state=0)
    with config_context(enable_metadata_routing=True):
        scorer = copy.deepcopy(mean_per_class_accuracy).set_score_request(sample_weight=True)
        model = GaussianNB().set_fit_request(sample_weight=False)
        scores = cross_val_score(model, X, y, cv=cv, scoring=scorer, params={"sample_weight": weights})
    for score, (train, test) in zip(scores, cv.split(X, y), strict=True):
        predicted = GaussianNB().fit(X[train], y[train]).predict(X[test])
        assert score == pytest.approx(balanced_accuracy_score(y[test], predicted, sample_weight=weights[test]))
        assert score != pytest.approx(balanced_accuracy_score(y[test], predicted))
