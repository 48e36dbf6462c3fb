"""SubspaceAlignment against its formula."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import svd

from skdecaf.domain_adaptation import SubspaceAlignment


@pytest.mark.parametrize("n_features", [10, 80])
def test_inner_products_follow_the_formula(n_features):
    """Axes have no sign, inner products between rows of the two domains do not depend on it."""
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(2, 40, n_features)) @ np.diag(np.geomspace(3, 0.3, n_features))
    X, domains = np.concatenate([source, target]), np.repeat([1, -1], 40)
    transformed = SubspaceAlignment(n_components=4).fit_transform(X, sample_domain=domains)
    Ps, Pt = (svd(rows - rows.mean(axis=0))[2][:4].T for rows in (source, target))
    assert transformed.shape == (80, 4)
    assert_allclose(transformed[:40] @ transformed[40:].T, source @ Ps @ Ps.T @ Pt @ Pt.T @ target.T, atol=1e-10)
    assert_allclose(transformed[40:] @ transformed[40:].T, target @ Pt @ Pt.T @ target.T, atol=1e-10)


def test_without_a_target_the_alignment_is_the_identity():
    alignment = SubspaceAlignment(n_components=3).fit(np.random.default_rng(0).normal(size=(20, 6)))
    assert_allclose(alignment.alignment_, np.eye(3), atol=1e-14)
