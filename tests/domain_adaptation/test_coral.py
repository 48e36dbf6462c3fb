"""CORAL against its formula with full covariance matrices."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import fractional_matrix_power, inv, sqrtm

from skdecaf.domain_adaptation import CORAL


@pytest.mark.parametrize("reg", [1e-3, 1.0, 20])
@pytest.mark.parametrize(("n_source", "n_target", "n_features"), [(50, 40, 6), (50, 5, 12), (8, 40, 30), (20, 10, 30)])
def test_follows_the_formula(n_source, n_target, n_features, reg):
    rng = np.random.default_rng(0)
    source = rng.normal(1, 2, size=(n_source, n_features)) @ rng.normal(size=(n_features, n_features))
    target = rng.normal(size=(n_target, n_features))
    X, domains = np.concatenate([source, target]), np.repeat([1, -1], [n_source, n_target])
    transformed = CORAL(reg).fit_transform(X, sample_domain=domains)
    Cs, Ct = (np.cov(rows.T) + reg * np.eye(n_features) for rows in (source, target))
    expected = source @ inv(sqrtm(Cs)).real @ fractional_matrix_power(Ct, 0.5).real
    assert_allclose(transformed[:n_source], expected, rtol=1e-7, atol=1e-7)
    assert_array_equal(transformed[n_source:], target)


def test_without_a_target_rows_stay_as_they_are():
    X = np.random.default_rng(0).normal(size=(20, 6))
    assert_array_equal(CORAL().fit_transform(X), X)
    assert_array_equal(CORAL().fit(X).transform(X, sample_domain=-np.ones(20)), X)


def test_equal_domains_are_left_alone():
    X = np.random.default_rng(0).normal(size=(20, 6))
    both = CORAL().fit_transform(np.concatenate([X, X]), sample_domain=np.repeat([1, -1], 20))
    assert_allclose(both[:20], X, atol=1e-13)
