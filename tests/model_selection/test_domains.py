"""Hidden labels, and classifiers that are trained on one domain."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pandas as pd
import pytest
from domain_rows import two_domains
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdecaf.model_selection import (
    DomainAdaptationSplit,
    DomainSelector,
    mask_target_labels,
)

# Hidden labels


@pytest.mark.parametrize(
    ("y", "masked", "dtype"),
    [
        ([0, 1, 2, 3], [0, 1, -1, -1], np.int64),
        (np.array([0, 1, 2, 3], np.uint8), [0, 1, -1, -1], np.int64),
        (np.array([0, 1, 2, 3], np.int8), [0, 1, -1, -1], np.int8),
        (np.array([0.0, 1.0, 2.0, 3.0]), [0, 1, -1, -1], np.float64),
        ([True, False, True, False], [1, 0, -1, -1], np.int64),
        (["a", "b", "c", "d"], ["a", "b", None, None], object),
        (pd.Series(["a", "b", "c", "d"], index=[3, 2, 1, 0]), ["a", "b", None, None], object),
        (np.array([0, 1, "c", "d"], dtype=object), [0, 1, None, None], object),
    ],
)
def test_masked_labels(y, masked, dtype):
    before = list(y)
    result = mask_target_labels(y, np.arange(4), [3, 2])
    np.testing.assert_array_equal(mask_target_labels(y, np.ones(4, bool), np.array([0, 0, 1, 1], bool)), result)
    assert result.dtype == dtype and result.tolist() == masked
    assert list(y) == before


def test_labels_that_cannot_be_masked():
    with pytest.raises(ValueError, match="class -1"):
        mask_target_labels([1, -1, 1], [0, 1, 2], [2])
    with pytest.raises(ValueError, match="no label is left"):
        mask_target_labels([1, 2, 1], [1, 2], [1, 2])
    with pytest.raises(ValueError, match="the label of row 0 is missing"):  # as None, which means an unknown one here
        mask_target_labels(np.array([None, "a"], object), [0, 1], [1])


# Training on one domain


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:train_on='source', but fit was given no sample_domain")
@parametrize_with_checks([DomainSelector(LogisticRegression()), DomainSelector(Ridge(), "both")])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


class Remember(ClassifierMixin, BaseEstimator):
    """Keeps what it was given."""

    def fit(self, X, y, sample_weight=None):
        self.X_, self.y_, self.sample_weight_ = X, y, sample_weight
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def choose(train_on, domains):
    return {"source": domains >= 0, "target": domains < 0, "both": np.ones(len(domains), bool)}[train_on]


@pytest.mark.parametrize("train_on", ["source", "target", "both"])
@pytest.mark.parametrize("container", [np.asarray, list, pd.DataFrame], ids=lambda one: one.__name__)
def test_rows_of_one_domain(train_on, container):
    X, y, domains = np.arange(12).reshape(6, 2), np.array([0, 1, 2, 0, 1, 2]), np.array([0, -1, 1, -2, -1, 3])
    weights = np.linspace(1, 2, 6)
    model = DomainSelector(Remember(), train_on)
    model.fit(container(X), y, sample_domain=domains.tolist(), sample_weight=weights)
    chosen = choose(train_on, domains)
    for name, values in (("X_", X), ("y_", y), ("sample_weight_", weights)):
        np.testing.assert_array_equal(np.asarray(getattr(model.estimator_, name)), values[chosen])
    np.testing.assert_array_equal(model.classes_, np.unique(y[chosen]))


def test_without_domains_all_rows_count():
    X, y = [["a.jpg"], ["b.jpg"]], ["cat", "dog"]
    assert DomainSelector(Remember(), "both").fit(X, y).estimator_.X_ is X
    with pytest.warns(UserWarning, match="train_on='target', but fit was given no sample_domain"):
        assert DomainSelector(Remember(), "target").fit(X, y).estimator_.X_ is X


def test_no_row_of_the_domain():
    for train_on, domains in (("target", [0, 1, 2]), ("source", [-1, -1, -2])):
        with pytest.raises(ValueError, match=f"train_on='{train_on}', but none of the 3 samples is of the {train_on}"):
            DomainSelector(Remember(), train_on).fit([[0]] * 3, [0, 1, 2], sample_domain=domains)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        DomainSelector(Remember()).fit([[0]] * 3, [0, 1, 2], sample_domain=[1, 1])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        DomainSelector(Remember()).fit([[0]] * 3, [0, 1], sample_domain=[1, 1, 1])


@pytest.mark.parametrize("names", [False, True])
def test_hidden_labels_are_left_out(names):
    y, domains = two_domains([4, 4], [5, 6])
    y = np.array(["cat", "dog"])[y] if names else y
    X = np.arange(len(y)).reshape(-1, 1)
    for train, test in DomainAdaptationSplit(2, 1, transductive=True, random_state=0).split(X, y, domains):
        masked = mask_target_labels(y, train, test)[train]
        for train_on in ("source", "target", "both"):
            model = DomainSelector(Remember(), train_on).fit(X[train], masked, sample_domain=domains[train])
            expected = np.setdiff1d(train[choose(train_on, domains[train])], test)
            assert sorted(model.estimator_.X_[:, 0]) == expected.tolist()
            assert model.estimator_.y_.tolist() == y[model.estimator_.X_[:, 0]].tolist()
    with pytest.raises(ValueError, match="all labels of its samples are hidden"):
        hidden = np.array([0, None], dtype=object) if names else [0, -1]
        DomainSelector(Remember(), "target").fit([[0], [1]], hidden, sample_domain=[1, -1])


def test_a_class_of_minus_one():
    """It is a class in the source, and a number like any other for a regressor."""
    X, domains = np.arange(4.0).reshape(-1, 1), [1, 1, -1, -1]
    assert DomainSelector(Remember(), "source").fit(X, [-1, 1, -1, 1], sample_domain=domains).classes_.tolist() == [
        -1,
        1,
    ]
    with pytest.raises(ValueError, match="-1 is a class of the source"):
        DomainSelector(Remember(), "both").fit(X, [-1, 1, -1, 1], sample_domain=domains)
    model = DomainSelector(Ridge(0), "target").fit(X, [5, 5, -1, 1], sample_domain=domains)
    np.testing.assert_allclose(model.predict(X), [-5, -3, -1, 1])


def test_methods_are_those_of_the_estimator():
    X, y = np.random.default_rng(0).normal(size=(20, 3)), np.tile([0, 1], 10)
    model = DomainSelector(LogisticRegression(), "both")
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function", "score"):
        with pytest.raises(NotFittedError):
            getattr(model, method)(X)
    X = pd.DataFrame(X, columns=list("abc"))
    model.fit(X, y)
    inner = LogisticRegression().fit(X, y)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        np.testing.assert_array_equal(getattr(model, method)(X), getattr(inner, method)(X))
    assert model.score(X, y) == inner.score(X, y)
    assert model.n_features_in_ == 3 and model.feature_names_in_.tolist() == ["a", "b", "c"]
    assert not hasattr(DomainSelector(LinearSVC()), "predict_proba") and not hasattr(model, "transform")


@pytest.fixture(scope="module")
def shifted():
    """Two domains, the target shifted, so that it matters on which one trains."""
    y, domains = two_domains([12, 12], [12, 12])
    X = np.random.default_rng(0).normal(size=(len(y), 3)) + 2 * y[:, np.newaxis] + 3 * (domains < 0)[:, np.newaxis]
    return X, y, domains


CV = DomainAdaptationSplit(8, 3, random_state=0)


def scores_by_hand(X, y, domains, train_on, C):
    scores = []
    for train, test in CV.split(X, y, domains):
        rows = train[choose(train_on, domains[train])]
        scale = StandardScaler().fit(X[train])  # it sees both domains
        model = LinearSVC(C=C).fit(scale.transform(X[rows]), y[rows])
        scores.append(model.score(scale.transform(X[test]), y[test]))
    return scores


def pipeline(train_on, C=1):
    return make_pipeline(StandardScaler(), DomainSelector(LinearSVC(C=C), train_on))


@pytest.mark.parametrize("train_on", ["source", "target", "both"])
def test_cross_validation_with_and_without_routing(shifted, train_on):
    X, y, domains = shifted
    expected = scores_by_hand(X, y, domains, train_on, C=1)
    params = {"domainselector__sample_domain": domains}
    result = cross_validate(pipeline(train_on), X, y, groups=domains, cv=CV, params=params)
    np.testing.assert_array_equal(result["test_score"], expected)
    with config_context(enable_metadata_routing=True):
        asked = DomainAdaptationSplit(8, 3, random_state=0).set_split_request(sample_domain=True, groups=False)
        for cv in (CV, asked):
            result = cross_validate(pipeline(train_on), X, y, cv=cv, params={"sample_domain": domains})
            np.testing.assert_array_equal(result["test_score"], expected)


@pytest.mark.parametrize("routing", [True, False])
def test_grid_search_with_and_without_routing(shifted, routing):
    X, y, domains = shifted
    grid = {"domainselector__train_on": ["source", "both"], "domainselector__estimator__C": [0.01, 1]}
    with config_context(enable_metadata_routing=routing):
        search = GridSearchCV(pipeline("target"), grid, cv=CV)
        if routing:
            search.fit(X, y, sample_domain=domains)
        else:
            search.fit(X, y, groups=domains, domainselector__sample_domain=domains)
    results = search.cv_results_
    for params, score in zip(results["params"], results["mean_test_score"], strict=True):
        by_hand = scores_by_hand(X, y, domains, *(params[name] for name in grid))
        assert score == pytest.approx(np.mean(by_hand))
    assert search.n_splits_ == 5


def test_further_metadata_is_cut_to_the_rows(shifted):
    X, y, domains = shifted
    with config_context(enable_metadata_routing=True):
        inner = DomainSelector(Remember().set_fit_request(sample_weight=True), "source")
        outer = DomainSelector(inner, "both").fit(X, y, sample_domain=domains, sample_weight=np.arange(len(y)))
    assert outer.estimator_.estimator_.sample_weight_.tolist() == np.flatnonzero(domains >= 0).tolist()
