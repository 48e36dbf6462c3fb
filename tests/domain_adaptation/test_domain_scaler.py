"""DomainScaler against scikit-learn's scaler on each domain."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.preprocessing import StandardScaler

from skdecaf.domain_adaptation import DomainScaler


@pytest.mark.parametrize("options", [{}, {"with_mean": False}, {"with_std": False}], ids=str)
def test_each_domain_has_a_scaler_of_its_own(options):
    rng = np.random.default_rng(0)
    X, domains = rng.normal(3, 2, size=(30, 4)), rng.permutation(np.repeat([0, -1], 15))
    transformed = DomainScaler(**options).fit_transform(X, sample_domain=domains)
    for rows in (domains == 0, domains == -1):
        assert_array_equal(transformed[rows], StandardScaler(**options).fit_transform(X[rows]))


def test_the_target_has_the_scaler_of_the_source_where_there_was_none():
    X = np.random.default_rng(0).normal(3, 2, size=(30, 4))
    scaler = DomainScaler().fit(X)
    assert_array_equal(scaler.transform(X, sample_domain=-np.ones(30)), StandardScaler().fit_transform(X))
