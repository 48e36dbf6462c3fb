"""GeodesicFlowKernel against the integral that defines it, and against its invariants."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import null_space, subspace_angles, svd
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from skdecaf.domain_adaptation import GeodesicFlowKernel
from skdecaf.domain_adaptation._geodesic_flow_kernel import geodesic_flow
from skdecaf.domain_adaptation._subspaces import principal_axes, subspace_dimension


def random_bases(n_features, d, seed=0):
    rng = np.random.default_rng(seed)
    return [np.linalg.qr(rng.normal(size=(n_features, d)))[0] for _ in range(2)]


def integrated(source, target, n_nodes=40):
    """The kernel's matrix by quadrature along the geodesic, written with the complement of the source's subspace."""
    complement = null_space(source.T)
    u1, cosines, right = svd(source.T @ target)
    angles = np.arccos(np.clip(cosines, -1, 1))
    u2 = -complement.T @ target @ right.T / np.where(angles > 0, np.sin(angles), 1)
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    total = 0
    for t, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        flow = source @ u1 * np.cos(t * angles) - complement @ u2 * np.sin(t * angles)
        total = total + weight * flow @ flow.T
    return total


def matrix(source, target):
    projection, _ = geodesic_flow(source, target)
    return projection @ projection.T


@pytest.mark.parametrize(("n_features", "d"), [(9, 1), (9, 3), (9, 4), (9, 6), (40, 12)])
def test_is_the_integral(n_features, d):
    source, target = random_bases(n_features, d)
    assert_allclose(matrix(source, target), integrated(source, target), atol=1e-13)


@pytest.mark.parametrize("angle", [0, 1e-12, 1e-8, 1e-5, 1e-3, 1.0, np.pi / 2 - 1e-9, np.pi / 2])
def test_one_plane_turned_by_an_angle(angle):
    """In two dimensions the integrals are elementary."""
    source, target = np.array([[1.0], [0.0]]), np.array([[np.cos(angle)], [np.sin(angle)]])
    sinc = np.sinc(2 * angle / np.pi)
    across = np.sin(angle) ** 2 / (2 * angle) if angle else 0
    expected = [[(1 + sinc) / 2, across], [across, (1 - sinc) / 2]]
    assert_allclose(matrix(source, target), expected, atol=1e-15)
    assert_allclose(geodesic_flow(source, target)[1], [angle], rtol=1e-12, atol=1e-16)


def test_45_degrees():
    root = np.sqrt(0.5)
    expected = [[0.81830989, 0.31830989], [0.31830989, 0.18169011]]
    assert_allclose(matrix(np.array([[1.0], [0.0]]), np.array([[root], [root]])), expected, atol=1e-8)


def test_invariants():
    source, target = random_bases(30, 7)
    G = matrix(source, target)
    assert np.trace(G) == pytest.approx(7)
    assert np.linalg.eigvalsh(G).min() > -1e-14
    assert_allclose(matrix(target, source), G, atol=1e-13)
    turn, other = random_bases(7, 7, seed=1)
    assert_allclose(matrix(source @ turn, target @ other), G, atol=1e-13)
    assert_allclose(matrix(source, source @ turn), source @ source.T, atol=1e-13)
    assert_allclose(geodesic_flow(source, target)[1], subspace_angles(source, target)[::-1], rtol=1e-10)


@pytest.fixture
def domains():
    rng = np.random.default_rng(0)
    scales = np.geomspace(3, 0.1, 20)
    source, target = rng.normal(size=(2, 60, 20)) * scales
    return source, target @ np.linalg.qr(np.eye(20) + 0.1 * rng.normal(size=(20, 20)))[0]


def fitted(source, target, **options):
    X, sample_domain = np.concatenate([source, target]), np.repeat([1, -1], [len(source), len(target)])
    return GeodesicFlowKernel(**options).fit(X, sample_domain=sample_domain)


def pca(X, d):
    return svd(X - X.mean(axis=0), full_matrices=False)[2][:d].T


@pytest.mark.parametrize("n_rows", [12, 60])  # fewer and more than features
def test_kernel_and_rows_are_those_of_the_principal_subspaces(domains, n_rows):
    source, target = (rows[:n_rows] for rows in domains)
    flow = fitted(source, target, n_components=5)
    G = integrated(pca(source, 5), pca(target, 5))
    assert_allclose(flow.kernel(source, target), source @ G @ target.T, atol=1e-10)
    mapped = flow.transform(target)
    assert mapped.shape == (n_rows, 10)
    assert_allclose(mapped @ mapped.T, target @ G @ target.T, atol=1e-10)
    assert_allclose(subspace_angles(flow.source_components_.T, pca(source, 5)), 0, atol=1e-7)


def test_the_kernel_is_an_array_whatever_the_container_of_rows(domains):
    flow = fitted(*domains)
    expected = flow.kernel(*domains)
    found = flow.set_output(transform="pandas").kernel(*domains)
    assert isinstance(found, np.ndarray)
    assert_array_equal(found, expected)


def test_svm_on_the_kernel_is_the_svm_on_the_rows(domains):
    source, target = domains
    y = (source[:, 0] > 0).astype(int)
    flow = fitted(source, target)
    on_kernel = SVC(kernel="precomputed", tol=1e-8).fit(flow.kernel(source), y)
    on_rows = SVC(kernel="linear", tol=1e-8).fit(flow.transform(source), y)
    assert_allclose(
        on_kernel.decision_function(flow.kernel(target, source)),
        on_rows.decision_function(flow.transform(target)),
        atol=1e-5,
    )
    nearest = KNeighborsClassifier(1).fit(flow.transform(source), y).predict(flow.transform(target))
    G = flow.projection_ @ flow.projection_.T
    difference = target[:, np.newaxis] - source
    assert_array_equal(nearest, y[np.einsum("ijk,kl,ijl->ij", difference, G, difference).argmin(axis=1)])


def disagreement(source, target, d):
    """Mean sine of the largest principal angles between the subspaces of each domain and of both."""
    both = pca(np.concatenate([source - source.mean(axis=0), target - target.mean(axis=0)]), d)
    return np.mean([np.sin(subspace_angles(pca(rows, d), both).max()) for rows in (source, target)])


def test_dimension_by_disagreement():
    rng = np.random.default_rng(3)
    common = rng.normal(size=(2, 100, 3)) * 5
    own = rng.normal(size=(2, 100, 4)) * 1.0
    source, target = np.zeros((2, 100, 30))
    source[:, :3], target[:, :3] = common
    source[:, 3:7], target[:, 7:11] = own
    source += 0.01 * rng.normal(size=source.shape)
    target += 0.01 * rng.normal(size=target.shape)
    measures = [disagreement(source, target, d) for d in range(1, 16)]
    reached = [d for d, measure in enumerate(measures, 1) if measure >= 1 - 1e-3]
    assert reached  # else the example is no test
    assert fitted(source, target).n_components_ == reached[0]


def test_dimension_does_not_depend_on_the_means(domains):
    source, target = domains
    assert fitted(source, target + 100).n_components_ == fitted(source, target).n_components_


def test_dimension_where_subspaces_agree_is_half_of_the_features():
    X = np.random.default_rng(0).normal(size=(50, 10))
    axes = principal_axes(X - X.mean(axis=0))
    assert subspace_dimension(axes, axes, axes) == 5
    assert subspace_dimension(axes[:, :3], axes, axes) == 3
    assert subspace_dimension(axes[:1, :1], axes[:1, :1], axes[:1, :1]) == 1


def test_no_more_components_than_directions():
    rng = np.random.default_rng(0)
    flow = fitted(rng.normal(size=(20, 10)), rng.normal(size=(5, 10)), n_components=6)
    assert flow.n_components_ == 4
    assert flow.transform(np.eye(10)).shape == (10, 8)
