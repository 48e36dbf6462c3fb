"""The SVMs of a path against liblinear's."""

# SPDX-License-Identifier: BSD-3-Clause
from inspect import signature

import numpy as np
import pytest
from sklearn.svm import LinearSVC
from sklearn.utils import compute_class_weight

from skdecaf._linear_model.linear_svm import PrincipalAxes, svm_path


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0, 1: 0.5}])
@pytest.mark.parametrize("weighted", [False, True])
def test_hyperplanes_are_those_of_liblinear(n_classes, class_weight, weighted):
    if weighted and class_weight == "balanced" and "sample_weight" not in signature(compute_class_weight).parameters:
        pytest.skip("this LinearSVC balances classes without regard to the weights of samples")
    generator = np.random.default_rng(0)
    y = np.minimum(generator.integers(0, n_classes + 1, 80), n_classes - 1)
    X = np.maximum(generator.normal(size=(80, 30)) + generator.normal(size=(n_classes, 30))[y], 0) / 5
    sample_weight = generator.integers(1, 4, 80).astype(float) if weighted else None
    space, grid = PrincipalAxes(X), (0.1, 1.0, 10.0)
    for C, found in zip(grid, svm_path(space.rows, y, grid, sample_weight, class_weight), strict=True):
        svm = LinearSVC(C=C, class_weight=class_weight, tol=1e-9, max_iter=1_000_000, random_state=0)
        svm.fit(X, y, sample_weight)
        expected = np.hstack([svm.coef_, svm.intercept_[:, np.newaxis]])
        assert np.linalg.norm(found @ space.axes.T - expected) < 1e-3 * np.linalg.norm(expected)


def test_one_class_is_an_error():
    with pytest.raises(ValueError, match="at least 2 classes"):
        next(svm_path(np.ones((3, 1), np.float32), np.zeros(3), [1.0]))
