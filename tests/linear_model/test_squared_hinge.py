"""The solver against scipy's, and against liblinear."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import approx_fprime, minimize
from sklearn.svm import LinearSVC

from skdecaf._linear_model.squared_hinge import SquaredHinge


def slow_value(W, right, signs, weights, left, offset):
    """The function, number by number."""
    total = sum(w**2 for w in np.ravel(W)) / 2
    for k, row in enumerate(signs):
        for i, sign in enumerate(row):
            score = left[k] @ W @ right[i] + offset[k, i]
            total += weights[k, i] * max(0, 1 - sign * score) ** 2
    return total


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(3, 2)), rng.normal(size=(15, 4))
    signs = rng.choice([-1.0, 1.0], size=(3, 15))
    return right, signs, rng.uniform(0.1, 3, size=(3, 15)), left, rng.normal(size=(3, 15))


def test_value_and_minimum(problem):
    right, signs, weights, left, offset = problem
    function = SquaredHinge(right, signs, weights, left, offset)
    W = np.random.default_rng(1).normal(size=(2, 4))
    assert function.value(W) == pytest.approx(slow_value(W, *problem))
    found = function.minimise()
    by_scipy = minimize(
        lambda w: slow_value(w.reshape(2, 4), *problem), np.zeros(8), method="BFGS", options={"gtol": 1e-9}
    )
    assert_allclose(found.ravel(), by_scipy.x, atol=1e-6)
    assert function.value(found) <= by_scipy.fun * (1 + 1e-12)
    slope = approx_fprime(found.ravel(), lambda w: slow_value(w.reshape(2, 4), *problem))
    assert np.abs(slope).max() < 1e-5


def test_the_start_does_not_matter(problem):
    function = SquaredHinge(*problem)
    start = 100 * np.random.default_rng(1).normal(size=(2, 4))
    given = start.copy()
    assert_allclose(function.minimise(start), function.minimise(), atol=1e-6)
    assert np.array_equal(start, given)


@pytest.mark.parametrize("C", [0.05, 1.0, 30.0])
@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
def test_one_versus_the_rest_is_liblinear(C, scale):
    rng = np.random.default_rng(0)
    y = rng.integers(4, size=80)
    X = scale * (rng.normal(size=(80, 6)) + np.eye(4, 6)[y])
    with_one = np.hstack([X, np.ones((80, 1))])
    signs = np.where(y == np.arange(4)[:, np.newaxis], 1.0, -1.0)
    found = SquaredHinge(with_one, signs, C).minimise()
    svm = LinearSVC(C=C, dual=False, tol=1e-11, max_iter=10_000).fit(X, y)
    assert_allclose(found, np.hstack([svm.coef_, svm.intercept_[:, np.newaxis]]), rtol=1e-5, atol=1e-6 / scale)
