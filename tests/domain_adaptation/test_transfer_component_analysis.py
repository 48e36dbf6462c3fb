"""TransferComponentAnalysis against the generalised eigenvalue problem as it is published."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import eig
from sklearn.decomposition import KernelPCA
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.preprocessing import normalize

from skdecaf.domain_adaptation import TransferComponentAnalysis


def components_by_definition(K, in_source, d, reg):
    """Leading solutions of (K M K + reg I)^-1 K H K a = v a, with the variance of K a set to 1."""
    n = len(K)
    e = np.where(in_source, 1 / in_source.sum(), -1 / max(1, (~in_source).sum()))
    M = np.outer(e, e) / np.linalg.norm(np.outer(e, e)) if not in_source.all() else np.zeros((n, n))
    H = np.eye(n) - np.ones((n, n)) / n
    values, vectors = eig(np.linalg.solve(K @ M @ K + reg * np.eye(n), K @ H @ K))
    a = vectors[:, np.argsort(-values.real)[:d]].real
    return a / (K @ a).std(axis=0)


def up_to_signs(A, B):
    return A * np.sign(np.sum(A * B, axis=0))


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X = normalize(rng.normal(size=(40, 12)) * np.geomspace(3, 0.5, 12) + 1)
    in_source = rng.permutation(np.arange(40) < 25)
    X[~in_source] += 0.1
    return X, in_source


@pytest.mark.parametrize("reg", [0.1, 1.0])
@pytest.mark.parametrize(
    ("kernel", "options"), [("linear", {}), ("rbf", {"gamma": 0.5}), ("poly", {"degree": 2, "gamma": 1, "coef0": 1})]
)
def test_follows_the_definition(rows, kernel, options, reg):
    X, in_source = rows
    model = TransferComponentAnalysis(4, reg=reg, kernel=kernel, **options)
    transformed = model.fit_transform(X, sample_domain=np.where(in_source, 1, -1))
    K = pairwise_kernels(X, metric=kernel, **options)
    a = components_by_definition(K, in_source, 4, reg)
    expected = K @ a
    assert_allclose(up_to_signs(transformed, expected), expected, rtol=1e-6, atol=1e-6)
    new = np.random.default_rng(1).normal(size=(7, 12))
    expected = pairwise_kernels(new, X, metric=kernel, **options) @ a
    given = model.transform(new) * np.sign(np.sum(transformed * (K @ a), axis=0))
    assert_allclose(given, expected, rtol=1e-6, atol=1e-6)


def test_wide_rows_follow_the_definition():
    rng = np.random.default_rng(0)
    X, in_source = normalize(rng.normal(size=(30, 200)) + 0.3), np.arange(30) < 12
    transformed = TransferComponentAnalysis(3).fit_transform(X, sample_domain=np.where(in_source, 1, -1))
    expected = X @ X.T @ components_by_definition(X @ X.T, in_source, 3, 1.0)
    assert_allclose(up_to_signs(transformed, expected), expected, rtol=1e-6, atol=1e-6)


def test_a_small_penalty_brings_the_means_together(rows):
    X, in_source = rows
    gaps = []
    for reg in (1e-6, 1e-2, 1e2):
        Z = TransferComponentAnalysis(2, reg=reg).fit_transform(X, sample_domain=np.where(in_source, 1, -1))
        gaps.append(np.linalg.norm(Z[in_source].mean(axis=0) - Z[~in_source].mean(axis=0)))
    assert gaps[0] < 1e-4 * gaps[2] and gaps[0] < gaps[1] < gaps[2]


def test_without_a_target_it_is_whitened_kernel_pca_of_centred_rows():
    X = np.random.default_rng(0).normal(size=(40, 6)) * np.arange(1, 7)
    X -= X.mean(axis=0)
    transformed = TransferComponentAnalysis(3).fit_transform(X)
    expected = KernelPCA(3).fit_transform(X)
    expected /= expected.std(axis=0)
    assert_allclose(up_to_signs(transformed, expected), expected, atol=1e-8)


def test_no_more_components_than_the_kernel_has_dimensions():
    X = np.random.default_rng(0).normal(size=(20, 3))
    assert TransferComponentAnalysis(30).fit_transform(X).shape == (20, 3)


@pytest.mark.parametrize("options", [{}, {"kernel": "cosine"}, {"kernel": "poly", "coef0": 0}])
def test_rows_of_zeros_are_refused(options):
    with pytest.raises(ValueError, match="all rows are zero"):
        TransferComponentAnalysis(**options).fit(np.zeros((4, 3)))
