"""The tables' linear SVM against liblinear's."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from sklearn.svm import LinearSVC

from skdecaf._paper.classifiers import C_GRID, choose_C, score
from skdecaf._paper.linear_svm import LinearSVM, svm_path


def rows_of_classes(n_classes, n_features, n=90):
    rng = np.random.default_rng(0)
    y = np.arange(n) % n_classes + 3
    X = np.maximum(rng.normal(size=(n, n_features)) + 0.2 * rng.normal(size=(n_classes + 3, n_features))[y], 0)
    return (X / np.sqrt(np.square(X).sum(axis=1).mean())).astype(np.float32), y


@pytest.mark.parametrize(("n_classes", "n_features"), [(5, 20), (5, 300), (2, 300)])
def test_weights_and_classes_are_those_of_liblinear(n_classes, n_features):
    X, y = rows_of_classes(n_classes, n_features)
    for C, model in zip(C_GRID["SVM"], svm_path(X, y, C_GRID["SVM"]), strict=True):
        svm = LinearSVC(C=C, tol=1e-9, max_iter=1_000_000, random_state=0).fit(X, y)
        expected = np.hstack([svm.coef_, svm.intercept_[:, np.newaxis]])
        assert np.linalg.norm(model.hyperplanes_ - expected) < 1e-3 * np.linalg.norm(expected)
        assert np.array_equal(model.predict(X), svm.predict(X))
        alone = LinearSVM(C).fit(X, y)
        assert np.linalg.norm(alone.hyperplanes_ - expected) < 1e-3 * np.linalg.norm(expected)


def test_C_is_the_one_that_separate_fits_choose():
    X, y = rows_of_classes(6, 200, n=240)
    X *= 7  # the scale is the classifier's to set
    train, validation = np.arange(120), np.arange(120, 240)
    scale = np.sqrt(np.square(X[train], dtype=np.float64).sum(axis=1).mean())
    scores = [score(LinearSVC(C=C, random_state=0), X / scale, y, train, validation) for C in C_GRID["SVM"]]
    chosen, best = choose_C("SVM", X, y, train, validation, 0)
    assert len(set(scores)) > 1
    assert best == max(scores) and chosen == C_GRID["SVM"][int(np.argmax(scores))]
