"""FeatureAugmentation against its definition, and its kernel against the augmented rows."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC, LinearSVC

from skdecaf.domain_adaptation import FeatureAugmentation


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    return rng.normal(size=(12, 5)), rng.permutation(np.repeat([3, -1], 6))


def augmented_by_hand(X, domains):
    zeros = [0.0] * X.shape[1]
    return np.array([[*x, *x, *zeros] if domain >= 0 else [*x, *zeros, *x] for x, domain in zip(X, domains)])  # noqa: B905


def test_rows_follow_the_definition(rows):
    X, domains = rows
    assert_array_equal(FeatureAugmentation().fit_transform(X, sample_domain=domains), augmented_by_hand(X, domains))


def test_without_domains_rows_are_of_the_source(rows):
    X, _ = rows
    assert_array_equal(FeatureAugmentation().fit_transform(X), augmented_by_hand(X, np.ones(12)))


def test_kernel_is_that_of_augmented_rows(rows):
    X, domains = rows
    augmentation = FeatureAugmentation().fit(X, sample_domain=domains)
    augmented = augmented_by_hand(X, domains)
    assert_allclose(augmentation.kernel(X, X_domain=domains), augmented @ augmented.T, atol=1e-14)
    of_target = augmented_by_hand(X[:4], -np.ones(4))
    assert_allclose(augmentation.kernel(X[:4], X, Z_domain=domains), of_target @ augmented.T, atol=1e-14)
    assert augmentation.kernel(X.astype(np.float32)).dtype == np.float32


def test_kernel_of_another_metric(rows):
    X, domains = rows
    given = FeatureAugmentation().fit(X).kernel(X, X_domain=domains, metric="rbf", gamma=0.3)
    same = np.equal.outer(domains >= 0, domains >= 0)
    assert_allclose(given, rbf_kernel(X, gamma=0.3) * (1 + same))


def test_svm_on_the_kernel_is_the_svm_on_augmented_rows(rows):
    X, domains = rows
    y = np.arange(12) % 3
    augmentation = FeatureAugmentation().fit(X, sample_domain=domains)
    on_rows = SVC(kernel="linear", tol=1e-8).fit(augmentation.transform(X, sample_domain=domains), y)
    on_kernel = SVC(kernel="precomputed", tol=1e-8).fit(augmentation.kernel(X, X_domain=domains), y)
    assert_allclose(
        on_kernel.decision_function(augmentation.kernel(X, X, Z_domain=domains)),
        on_rows.decision_function(augmentation.transform(X)),
        atol=1e-6,
    )


def test_tells_domains_apart_where_a_common_classifier_cannot():
    """The classes are the other way round in the target."""
    X = np.array([[1.0], [-1.0]] * 10)
    y, domains = np.tile([0, 1, 1, 0], 5), np.tile([1, 1, -2, -2], 5)
    augmentation = FeatureAugmentation()
    model = LinearSVC().fit(augmentation.fit_transform(X, sample_domain=domains), y)
    assert model.score(augmentation.transform(X, sample_domain=domains), y) == 1
    assert LinearSVC().fit(X, y).score(X, y) == 0.5


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix, sparse.csc_array])
def test_sparse_rows_stay_sparse(rows, container):
    X, domains = rows
    augmentation = FeatureAugmentation()
    transformed = augmentation.fit_transform(container(X), sample_domain=domains)
    assert sparse.issparse(transformed) and transformed.nnz == 2 * X.size
    assert isinstance(transformed, sparse.sparray) == issubclass(container, sparse.sparray)
    assert_array_equal(transformed.toarray(), augmented_by_hand(X, domains))
    assert_allclose(
        augmentation.kernel(container(X), X_domain=domains), augmentation.kernel(X, X_domain=domains), atol=1e-14
    )


def test_names():
    augmentation = FeatureAugmentation().fit(np.eye(2))
    assert augmentation.get_feature_names_out().tolist() == [
        *("shared_x0", "shared_x1", "source_x0", "source_x1", "target_x0", "target_x1")
    ]
