"""MaxMarginDomainTransform against its dual problems and the authors' procedure, in plain steps on full matrices."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import solve_triangular
from scipy.optimize import minimize, nnls
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from skdecaf.domain_adaptation import MaxMarginDomainTransform


def turned_domains(n_classes=3, n_features=4, n_source=40, n_target=12, seed=0):
    """Classes around means, which are turned and moved in the target."""
    rng = np.random.default_rng(seed)
    means = 2 * rng.normal(size=(n_classes, n_features))
    y = np.append(rng.integers(n_classes, size=n_source), np.arange(n_target) % n_classes)
    X = means[y] + rng.normal(size=(len(y), n_features))
    X[n_source:] = X[n_source:] @ np.linalg.qr(rng.normal(size=(n_features, n_features)))[0] + 0.5
    order = rng.permutation(len(y))
    return X[order], y[order], np.repeat([1, -2], [n_source, n_target])[order]


def with_one(X):
    return np.hstack([X, np.ones((len(X), 1))])


def signs_of(y):
    signs = np.where(y == np.unique(y)[:, np.newaxis], 1, -1)
    return signs if len(signs) > 2 else signs[1:]


def objective(hyperplanes, W, X, y, domains, C_source, C_target):
    """The objective of the docstring, and its gradients."""
    signs, value = signs_of(y), (np.sum((W - np.eye(len(W))) ** 2) + np.sum(hyperplanes**2)) / 2
    by_hyperplanes, by_W = hyperplanes.copy(), W - np.eye(len(W))
    for rows, C, given in ((domains >= 0, C_source, np.eye(len(W))), (domains < 0, C_target, W)):
        x = with_one(X[rows])
        slack = np.maximum(0, 1 - signs[:, rows] * (hyperplanes @ given @ x.T))
        value += C * np.sum(slack**2)
        by_scores = -2 * C * signs[:, rows] * slack
        by_hyperplanes += by_scores @ x @ given.T
        if given is W:
            by_W += hyperplanes.T @ by_scores @ x
    return value, by_hyperplanes, by_W


def hyperplanes_of(model):
    return np.hstack([model.source_coef_, model.source_intercept_[:, np.newaxis]])


def minimised(function, start):
    """scipy's minimum of a function that gives its value and gradient."""

    def flat(w):
        value, gradient = function(w.reshape(start.shape))
        return value, gradient.ravel()

    options = {"maxiter": 50_000, "maxfun": 100_000, "ftol": 1e-16, "gtol": 1e-10, "maxcor": 30}
    return minimize(flat, start.ravel(), jac=True, method="L-BFGS-B", options=options).x.reshape(start.shape)


def best_map(hyperplanes, *problem):
    identity = np.eye(hyperplanes.shape[1])
    return minimised(lambda W: objective(hyperplanes, W, *problem)[::2], identity)


def dual_solution(rows, signs, costs, margins):
    """Weights of rows in the w that minimises ½‖w‖² + Σ costs max(0, 1 - signs (margins + rows w))².

    The dual problem is quadratic with a >= 0, so it is a problem of nonnegative least squares, which scipy solves
    exactly by an active set.
    """
    signed = signs[:, np.newaxis] * rows
    factor = np.linalg.cholesky(signed @ signed.T + np.diag(0.5 / costs))
    return nnls(factor.T, solve_triangular(factor, 1 - signs * margins, lower=True))[0] * signs


def alternated_by_duals(X, y, domains, C_source, C_target, n_turns, map_cost=None):
    """Both steps by their dual problems: hyperplanes, map, and objectives after each step."""
    problem, signs = (X, y, domains, C_source, C_target), signs_of(y)
    W, target, costs, values = np.eye(X.shape[1] + 1), domains < 0, np.where(domains < 0, C_target, C_source), []
    for _ in range(n_turns):
        rows = with_one(X)
        rows[target] = rows[target] @ W.T
        hyperplanes = np.array([dual_solution(rows, of_class, costs, 0) @ rows for of_class in signs])
        values.append(objective(hyperplanes, W, *problem)[0])
        rows = with_one(X[target])
        # The score of W on a row is its inner product with the outer product of hyperplane and row.
        products = np.einsum("ki,nj->knij", hyperplanes, rows).reshape(signs[:, target].size, -1)
        margins = (hyperplanes @ rows.T).ravel()
        costs_of_map = np.full(len(products), C_target if map_cost is None else map_cost)
        weights = dual_solution(products, signs[:, target].ravel(), costs_of_map, margins)
        W = np.eye(len(W)) + (weights @ products).reshape(W.shape)
        values.append(objective(hyperplanes, W, *problem)[0])
    return hyperplanes, W, values


@pytest.mark.parametrize(("C_source", "C_target"), [(1.0, 1.0), (0.05, 1.0), (0.3, 5.0)])
@pytest.mark.parametrize(
    ("n_classes", "n_features"), [(3, 4), (2, 3), (3, 70)], ids=["narrow", "two classes", "wider than rows"]
)
def test_turns_are_those_of_the_dual_problems(n_classes, n_features, C_source, C_target):
    X, y, domains = turned_domains(n_classes, n_features)
    X /= np.sqrt(n_features)
    model = MaxMarginDomainTransform(C_source, C_target, max_iter=3, tol=0)
    with pytest.warns(ConvergenceWarning, match="still falls after max_iter=3"):
        model.fit(X, y, sample_domain=domains)
    hyperplanes, W, values = alternated_by_duals(X, y, domains, C_source, C_target, 3)
    assert_allclose(model.objective_, values, rtol=1e-8)
    assert_allclose(hyperplanes_of(model), hyperplanes, rtol=1e-6, atol=1e-7)
    assert_allclose(model.coef_, (hyperplanes @ W)[:, :-1], rtol=1e-6, atol=1e-7)
    assert_allclose(model.intercept_, (hyperplanes @ W)[:, -1], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_the_objective_falls_to_a_point_that_scipy_cannot_improve(seed):
    X, y, domains = turned_domains(seed=seed)
    model = MaxMarginDomainTransform(max_iter=5000, tol=1e-12).fit(X, y, sample_domain=domains)
    assert np.all(np.diff(model.objective_) <= 1e-9 * model.objective_[0])
    assert model.objective_[0] > 1.02 * model.objective_[-1]
    n, hyperplanes = X.shape[1] + 1, hyperplanes_of(model)
    start = np.concatenate([hyperplanes, best_map(hyperplanes, X, y, domains, 1, 1)])

    def jointly(both):
        value, *gradients = objective(both[:-n], both[-n:], X, y, domains, 1, 1)
        return value, np.concatenate(gradients)

    assert jointly(start)[0] == pytest.approx(model.objective_[-1], rel=1e-6)
    assert jointly(minimised(jointly, start))[0] == pytest.approx(model.objective_[-1], rel=1e-5)


@pytest.mark.parametrize("n_features", [4, 70])
def test_the_released_procedure(n_features):
    """Two turns, of the map at the cost 1e-4: by liblinear with weights, and by the dual problems."""
    X, y, domains = turned_domains(n_features=n_features)
    X /= np.sqrt(n_features)
    model = MaxMarginDomainTransform(0.05, 1.0, gamma=1e-4, max_iter=2).fit(X, y, sample_domain=domains)
    W, source = np.eye(n_features + 1), domains >= 0
    for _ in range(2):
        rows = with_one(X)
        rows[~source] = rows[~source] @ W.T
        svm = LinearSVC(fit_intercept=False, tol=1e-11, max_iter=1_000_000, random_state=0)
        hyperplanes = svm.fit(rows, y, sample_weight=np.where(source, 0.05, 1.0)).coef_
        W = best_map(hyperplanes, X, y, domains, 0.05, 0.5e-4)
    assert model.n_iter_ == 2
    assert_allclose(hyperplanes_of(model), hyperplanes, rtol=1e-4, atol=1e-5)
    scores = with_one(X) @ (hyperplanes @ W).T
    assert_allclose(model.decision_function(X), scores, rtol=1e-4, atol=1e-5)
    assert_array_equal(model.predict(X), scores.argmax(axis=1))
    hyperplanes, W, _ = alternated_by_duals(X, y, domains, 0.05, 1.0, 2, map_cost=0.5e-4)
    assert_allclose(model.decision_function(X), with_one(X) @ (hyperplanes @ W).T, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("hidden", [False, True], ids=["no target", "target without labels"])
def test_without_labels_of_the_target_it_is_a_linear_svm(n_classes, hidden):
    X, y, domains = turned_domains(n_classes)
    source = domains >= 0
    if hidden:
        model = MaxMarginDomainTransform(0.7).fit(X, np.where(source, y, -1), sample_domain=domains)
    else:
        model = MaxMarginDomainTransform(0.7).fit(X[source], y[source])
    svm = LinearSVC(C=0.7, tol=1e-11, max_iter=1_000_000, random_state=0).fit(X[source], y[source])
    assert_allclose(model.coef_, svm.coef_, rtol=1e-5, atol=1e-6)
    assert_allclose(model.intercept_, svm.intercept_, rtol=1e-5, atol=1e-6)
    assert_array_equal(model.coef_, model.source_coef_)
    assert_allclose(model.decision_function(X), svm.decision_function(X), rtol=1e-5, atol=1e-5)
    assert_array_equal(model.predict(X), svm.predict(X))


@pytest.mark.parametrize("names", [["ant", "bass", "crab"], [10, 20, 30]], ids=["strings", "numbers"])
def test_hidden_labels_are_left_out(names):
    X, y, domains = turned_domains()
    seen = (domains >= 0) | (np.arange(len(y)) % 3 > 0)
    labels = np.array(names, dtype=object if isinstance(names[0], str) else int)[y]
    hidden = labels.copy()
    hidden[~seen] = None if labels.dtype == object else -1
    model = MaxMarginDomainTransform().fit(X, hidden, sample_domain=domains)
    without = MaxMarginDomainTransform().fit(X[seen], labels[seen], sample_domain=domains[seen])
    assert model.classes_.tolist() == names
    assert_array_equal(model.coef_, without.coef_)


def test_minus_one_may_be_a_class_where_all_is_source():
    X, y, _ = turned_domains(2)
    assert MaxMarginDomainTransform().fit(X, 2 * y - 1).classes_.tolist() == [-1, 1]


def test_serves_a_class_of_which_the_target_has_no_label():
    """What moves the labelled classes moves the other one, too: here all are moved by one vector."""
    rng = np.random.default_rng(0)
    y = np.arange(800) % 4
    X = 2 * np.eye(4)[y] + 0.3 * rng.normal(size=(800, 4))
    domains = np.repeat([1, -1], 400)
    X[domains < 0] += [0, 0, 2.5, 0]  # looks like class 2
    seen = (domains > 0) | ((y != 3) & (np.arange(800) < 430))
    model = MaxMarginDomainTransform().fit(X[seen], y[seen], sample_domain=domains[seen])
    test = (domains < 0) & (y == 3)
    svm = LinearSVC().fit(X[seen], y[seen])
    assert model.score(X[test], y[test]) > svm.score(X[test], y[test]) + 0.3


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="at least 2 classes; got one class"):
        MaxMarginDomainTransform().fit(np.eye(4), np.zeros(4))
