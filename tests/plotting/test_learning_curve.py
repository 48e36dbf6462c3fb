"""Learning curves by the number of photos of each class."""

# SPDX-License-Identifier: BSD-3-Clause
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from displays import NeverFitted, blobs, legend_of
from matplotlib.text import Text
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdecaf.model_selection import PerClassShuffleSplit
from skdecaf.plotting import (
    LearningCurveByClassDisplay,
)

PCA_TO_2 = PCA(2, svd_solver="full")


def test_the_curve_is_that_of_cross_validation():
    X, y = blobs(60)
    seeds = np.random.RandomState(0)
    display = LearningCurveByClassDisplay.from_estimator(
        GaussianNB(var_smoothing=1), X, y, n_train=[2, 5], n_splits=3, random_state=0
    )
    for n, scores in zip((2, 5), display.scores, strict=True):
        splits = PerClassShuffleSplit(n, n_splits=3, random_state=seeds.randint(2**31 - 1))
        expected = []
        for train, test in splits.split(X, y):
            predicted = GaussianNB(var_smoothing=1).fit(X[train], y[train]).predict(X[test])
            expected.append(balanced_accuracy_score(y[test], predicted))
        np.testing.assert_allclose(scores, expected)
    np.testing.assert_array_equal(display.line_.get_xdata(), [2, 5])
    np.testing.assert_allclose(display.line_.get_ydata(), 100 * display.scores.mean(axis=1))


def test_the_band_is_one_standard_deviation_to_either_side():
    scores = np.array([[0.2, 0.4], [0.5, 0.9]])
    display = LearningCurveByClassDisplay([1, 10], scores).plot()
    corners = display.band_.get_paths()[0].vertices
    at = {x: corners[corners[:, 0] == x, 1] for x in (1, 10)}
    np.testing.assert_allclose([at[1].min(), at[1].max(), at[10].min(), at[10].max()], [20, 40, 50, 90])
    assert display.ax_.get_ylabel() == "mean per-class accuracy (%)"
    assert display.ax_.get_legend() is None


def test_several_curves_on_one_axis():
    one = LearningCurveByClassDisplay([1, 2], [[0.1], [0.2]], name="one").plot()
    two = LearningCurveByClassDisplay([1, 2], [[0.2], [0.3]], name="two").plot(one.ax_, linestyle="--")
    two.plot(one.ax_, name="three")
    assert two.ax_ is one.ax_ and legend_of(one) == ["one", "two", "three"]
    assert len({line.get_color() for line in one.ax_.lines}) == 3
    assert one.ax_.lines[1].get_linestyle() == "--"


def test_keywords_of_the_line_go_by_their_short_names_too():
    line = LearningCurveByClassDisplay([1, 2], [[0.1], [0.2]]).plot(ms=3, c="red", ls=":").line_
    assert (line.get_markersize(), line.get_color(), line.get_linestyle()) == (3, "red", ":")


def test_a_score_of_ones_own_is_named():
    X, y = blobs(30)
    model = LogisticRegression()
    display = LearningCurveByClassDisplay.from_estimator(
        model, X, y, n_train=[3], n_test=2, n_splits=2, scoring="accuracy", random_state=1
    )
    splits = PerClassShuffleSplit(3, 2, 2, random_state=np.random.RandomState(1).randint(2**31 - 1))
    np.testing.assert_array_equal(display.scores[0], cross_val_score(model, X, y, cv=splits))
    assert display.ax_.get_ylabel() == "accuracy (%)" and display.name == "LogisticRegression"


def test_a_class_too_small_for_the_largest_size_is_found_before_anything_is_fitted():
    X, y = blobs(30)
    with pytest.raises(ValueError, match="every class needs 11 samples"):
        LearningCurveByClassDisplay.from_estimator(NeverFitted(), X, y, n_train=[1, 10])


@pytest.mark.parametrize("estimator", [PCA_TO_2, make_pipeline(StandardScaler())], ids=["alone", "pipeline"])
def test_a_curve_needs_a_classifier(estimator):
    X, y = blobs(30)
    with pytest.raises(TypeError, match="needs a classifier; got .* has no predict"):
        LearningCurveByClassDisplay.from_estimator(estimator, X, y, n_train=[1])


def test_a_fit_that_fails_is_raised_rather_than_drawn_as_a_gap():
    X, y = blobs(30)
    with pytest.raises(AssertionError, match="fitted"):
        LearningCurveByClassDisplay.from_estimator(NeverFitted(), X, y, n_train=[1, 2])


def test_a_curve_of_a_frame_and_classes_with_names():
    X, y = blobs(30)
    names = np.array(["ant", "bee", "cat"])[y]
    options = {"n_train": [2, 5], "n_splits": 2, "random_state": 0}
    frame = pd.DataFrame(X, index=range(7, 37), columns=list("abcdef"))
    of_frame = LearningCurveByClassDisplay.from_estimator(GaussianNB(), frame, pd.Series(names), **options)
    np.testing.assert_array_equal(
        of_frame.scores, LearningCurveByClassDisplay.from_estimator(GaussianNB(), X, y, **options).scores
    )


def test_ticks_are_the_numbers_that_were_asked_for():
    curve = LearningCurveByClassDisplay([1, 7, 30], np.ones((3, 2))).plot()
    assert curve.ax_.get_xticks().tolist() == [1, 7, 30]
    curve.figure_.draw_without_rendering()
    assert [label.get_text() for label in curve.ax_.get_xticklabels()] == ["1", "7", "30"]
    LearningCurveByClassDisplay([3, 7], np.ones((2, 2))).plot(curve.ax_)
    assert curve.ax_.get_xticks().tolist() == [1, 3, 7, 30]
    assert LearningCurveByClassDisplay([5], [[1.0]]).plot().ax_.get_xticks().tolist() == [5]


@pytest.mark.parametrize(
    ("numbers", "n_rows"), [([1, 5, 10, 15, 20, 25, 30], 1), ([1, 2, 5, 10, 20], 1), (range(1, 31), 5)]
)
def test_all_numbers_are_labelled_in_rows_without_overlap(numbers, n_rows):
    ax = LearningCurveByClassDisplay(numbers, np.ones((len(numbers), 2))).plot().ax_
    ax.figure.draw_without_rendering()
    assert ax.get_xticks().tolist() == list(numbers)
    assert [label.get_text().strip() for label in ax.get_xticklabels()] == [str(number) for number in numbers]
    assert len(rows_of_labels(ax)) <= n_rows


def test_labels_of_a_hundred_numbers_do_not_overlap():
    ax = LearningCurveByClassDisplay(range(1, 101), np.ones((100, 2))).plot().ax_
    ax.figure.draw_without_rendering()
    assert ax.get_xticks().tolist() == list(range(1, 101))
    assert sum(map(len, rows_of_labels(ax))) > 30


def rows_of_labels(ax):
    """The labels of ticks by row, after a test that those of a row do not overlap."""
    rows = {}
    for label in filter(Text.get_text, ax.get_xticklabels()):
        rows.setdefault(label.get_text().count("\n"), []).append(label.get_window_extent())
    for boxes in rows.values():
        assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    return list(rows.values())
