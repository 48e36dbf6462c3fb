"""Tests of `DropoutClassifier`."""

# SPDX-License-Identifier: BSD-3-Clause
import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression, Perceptron, SGDClassifier, SGDRegressor
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

from skdecaf._dropout_classifier import DropoutClassifier

REPEATED_ROWS_DIFFER = {
    "check_sample_weight_equivalence_on_dense_data": "repeated rows draw different masks, a weighted row draws one",
    "check_sample_weight_equivalence_on_sparse_data": "repeated rows draw different masks, a weighted row draws one",
}
STACKED = DropoutClassifier(LogisticRegression(), n_draws=5)
EPOCHS = DropoutClassifier(SGDClassifier(random_state=0))


@pytest.mark.slow
@parametrize_with_checks([STACKED, EPOCHS], expected_failed_checks=lambda estimator: REPEATED_ROWS_DIFFER)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("classifier", [STACKED, EPOCHS], ids=["stack", "epochs"])
def test_scikit_learn_check_of_feature_names(classifier):
    estimator_checks.check_dataframe_column_names_consistency("DropoutClassifier", classifier)


@pytest.fixture
def data():
    X, y = make_classification(120, 20, n_informative=8, n_classes=3, random_state=0)
    return X, np.array(["crane", "maillot", "zebra"])[y]


def exact_logistic_regression(C=1.0):
    return LogisticRegression(C=C, solver="newton-cholesky", tol=1e-10)


class Recorder(ClassifierMixin, BaseEstimator):
    """Keep what `fit` is given."""

    def fit(self, X, y, sample_weight=None, groups=None):
        self.calls_ = [{"X": X, "y": y, "sample_weight": sample_weight, "groups": groups}]
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(X.shape[0], self.classes_[0])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class PartialRecorder(Recorder):
    """Keep what each `partial_fit` is given."""

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        call = {"X": X, "y": y, "classes": classes, "sample_weight": sample_weight}
        self.calls_ = [*getattr(self, "calls_", []), call]
        if classes is not None:
            self.classes_ = np.asarray(classes)
        return self


@pytest.fixture
def metadata_routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.parametrize("estimator", [LogisticRegression(), LinearSVC(random_state=0), KNeighborsClassifier()])
def test_without_dropout_is_the_bare_estimator(data, estimator):
    X, y = data
    classifier = DropoutClassifier(estimator, rate=0, n_draws=1).fit(X, y)
    bare = clone(estimator).fit(X, y)
    assert_array_equal(classifier.predict(X), bare.predict(X))
    assert_array_equal(classifier.classes_, bare.classes_)
    if hasattr(bare, "coef_"):
        assert_allclose(classifier.estimator_.coef_, bare.coef_, rtol=1e-12)


def test_epochs_without_dropout_are_partial_fits(data):
    X, y = data
    classifier = DropoutClassifier(SGDClassifier(random_state=0), rate=0, n_draws=3).fit(X, y)
    bare = SGDClassifier(random_state=0)
    for _ in range(3):
        bare.partial_fit(X, y, classes=np.unique(y))
    assert_array_equal(classifier.estimator_.coef_, bare.coef_)


@pytest.mark.parametrize(
    ("C", "weighted"),
    [
        (0.01, True),
        (0.1, False),
        *(pytest.param(C, w, marks=pytest.mark.slow) for C, w in [(0.01, False), (0.1, True), (1, False), (1, True)]),
    ],
)
def test_C_keeps_its_meaning(data, C, weighted):
    X, y = data
    weights = np.random.default_rng(0).uniform(0, 2, 120) if weighted else None
    stacked = DropoutClassifier(exact_logistic_regression(C), rate=0, n_draws=5).fit(X, y, sample_weight=weights)
    bare = exact_logistic_regression(C).fit(X, y, sample_weight=weights)
    assert_allclose(stacked.estimator_.coef_, bare.coef_, rtol=1e-5, atol=1e-7)


def test_stack_is_the_explicit_stack(data):
    X, y = data
    classifier = DropoutClassifier(exact_logistic_regression(), rate=0.3, n_draws=4, random_state=7).fit(X, y)
    uniform = np.random.RandomState(7).random_sample((4, *X.shape))
    masked = np.concatenate([np.where(draw < 0.3, 0, X) for draw in uniform])
    bare = exact_logistic_regression().fit(masked, np.concatenate([y] * 4), sample_weight=np.full(480, 1 / 4))
    assert_allclose(classifier.estimator_.coef_, bare.coef_, rtol=1e-6, atol=1e-8)
    assert_allclose(classifier.predict_proba(X), bare.predict_proba(0.7 * X), rtol=1e-6)
    assert_allclose(classifier.predict_log_proba(X), bare.predict_log_proba(0.7 * X), rtol=1e-5)
    assert_allclose(classifier.decision_function(X), bare.decision_function(0.7 * X), rtol=1e-5, atol=1e-7)
    assert_array_equal(classifier.predict(X), bare.predict(0.7 * X))


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, sparse.csr_matrix])
def test_every_copy_has_its_own_mask(container):
    X = np.random.default_rng(0).uniform(1, 2, (50, 40))
    y = np.arange(50) % 2
    (call,) = DropoutClassifier(Recorder(), n_draws=6, random_state=0).fit(container(X), y).estimator_.calls_
    assert sparse.issparse(call["X"]) == sparse.issparse(container(X))
    stack = call["X"].toarray() if sparse.issparse(call["X"]) else call["X"]
    copies = stack.reshape(6, 50, 40)
    for copy in copies:
        assert_array_equal(copy[copy != 0], X[copy != 0])
        assert np.mean(copy == 0) == pytest.approx(0.5, abs=0.05)
    assert len({copy.tobytes() for copy in copies}) == 6
    assert_array_equal(call["y"], np.concatenate([y] * 6))
    assert_allclose(call["sample_weight"], np.full(300, 1 / 6))


def test_every_epoch_has_its_own_mask():
    X = np.random.default_rng(0).uniform(1, 2, (50, 40)).astype(np.float32)
    y = np.arange(50) % 2
    given = X.copy()
    weights = np.linspace(1, 2, 50)
    classifier = DropoutClassifier(PartialRecorder(), n_draws=4, random_state=0).fit(X, y, sample_weight=weights)
    calls = classifier.partial_fit(X, y).estimator_.calls_
    assert len({call["X"].tobytes() for call in calls}) == len(calls) == 5
    for call in calls:
        assert call["X"].dtype == np.float32
        assert np.mean(call["X"] == 0) == pytest.approx(0.5, abs=0.05)
    for call in calls[:4]:
        assert_array_equal(call["classes"], [0, 1])
        assert_array_equal(call["sample_weight"], weights)
    assert_array_equal(X, given)


def test_partial_fit_calls_are_the_epochs_of_fit(data):
    X, y = data
    estimator = SGDClassifier(random_state=0)
    fitted = DropoutClassifier(estimator, n_draws=3, random_state=5).fit(X, y)
    in_calls = DropoutClassifier(estimator, random_state=5).partial_fit(X, y, classes=np.unique(y))
    in_calls.partial_fit(X, y).partial_fit(X, y)
    assert_array_equal(in_calls.estimator_.coef_, fitted.estimator_.coef_)
    assert_array_equal(in_calls.predict(X), fitted.predict(X))
    assert in_calls.n_features_in_ == 20


def test_partial_fit_needs_the_classes_first(data):
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        DropoutClassifier(SGDClassifier()).partial_fit(*data)


def test_solver(data):
    X, y = data
    assert len(DropoutClassifier(PartialRecorder(), n_draws=3).fit(X, y).estimator_.calls_) == 3
    assert len(DropoutClassifier(PartialRecorder(), n_draws=3, solver="stack").fit(X, y).estimator_.calls_) == 1
    with pytest.raises(ValueError, match="needs an estimator with partial_fit; LinearSVC has no partial_fit"):
        DropoutClassifier(LinearSVC(), solver="epochs").fit(X, y)


def test_estimators_without_sample_weight(data):
    X, y = data
    classifier = DropoutClassifier(KNeighborsClassifier(), n_draws=2, random_state=0).fit(X, y)
    masked = np.concatenate([X, X]) * (np.random.RandomState(0).random_sample((240, 20)) >= 0.5)
    bare = KNeighborsClassifier().fit(masked, np.concatenate([y, y]))
    assert_array_equal(classifier.predict_proba(X), bare.predict_proba(X / 2))
    assert DropoutClassifier(make_pipeline(StandardScaler(), LinearSVC())).fit(X, y).n_features_in_ == 20
    with pytest.raises(TypeError, match=r"KNeighborsClassifier.fit\(\) got an unexpected .* 'sample_weight'"):
        DropoutClassifier(KNeighborsClassifier()).fit(X, y, sample_weight=np.ones(120))


def test_methods_are_those_of_the_estimator():
    svc, perceptron = DropoutClassifier(LinearSVC()), DropoutClassifier(Perceptron())
    logistic = DropoutClassifier(LogisticRegression())
    for method, expected in [
        ("predict", [True, True, True]),
        ("decision_function", [True, True, True]),
        ("predict_proba", [False, False, True]),
        ("predict_log_proba", [False, False, True]),
        ("partial_fit", [False, True, False]),
    ]:
        assert [hasattr(classifier, method) for classifier in (svc, perceptron, logistic)] == expected
    assert not hasattr(DropoutClassifier(KNeighborsClassifier()), "decision_function")


def test_unfitted():
    for method in ("predict", "predict_proba", "decision_function"):
        with pytest.raises(NotFittedError):
            getattr(STACKED, method)([[1.0]])
    assert not hasattr(STACKED, "classes_")


def test_a_failed_first_fit_leaves_it_unfitted(data):
    X, y = data
    classifier = DropoutClassifier(SGDClassifier(random_state=0), random_state=0)
    with pytest.raises(ValueError, match="classes"):
        classifier.partial_fit(X, y)
    with pytest.raises(NotFittedError):
        classifier.predict(X)
    with pytest.raises(NotFittedError):
        check_is_fitted(classifier)
    classifier.partial_fit(X[:, :3], y, classes=np.unique(y))
    assert classifier.n_features_in_ == 3
    stacked = DropoutClassifier(LogisticRegression())
    with pytest.raises(ValueError, match="class"):
        stacked.fit(X, np.zeros(len(X)))
    with pytest.raises(NotFittedError):
        stacked.predict(X)


def test_a_regressor_is_refused(data):
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match="must be a classifier, which SGDRegressor is not"):
            getattr(DropoutClassifier(SGDRegressor()), method)(*data)


def test_estimator_is_cloned_and_fit_repeatable(data):
    X, y = data
    estimator = exact_logistic_regression()
    classifier = DropoutClassifier(estimator, n_draws=2, random_state=0)
    first = classifier.fit(X, y).estimator_.coef_
    assert_array_equal(classifier.fit(X, y).estimator_.coef_, first)
    assert not hasattr(estimator, "coef_")
    assert (classifier.set_params(random_state=1).fit(X, y).estimator_.coef_ != first).any()


def test_rate_changed_after_fit_needs_fit(data):
    X, y = data
    classifier = DropoutClassifier(LogisticRegression(), n_draws=2).fit(X, y)
    before = classifier.predict_proba(X)
    assert_array_equal(classifier.set_params(rate=0).predict_proba(X), before)


@pytest.mark.parametrize(
    "estimator", [exact_logistic_regression(0.1), SGDClassifier(fit_intercept=False, random_state=0)]
)
def test_sparse_input_without_dropout_is_dense_input(data, estimator):
    X, y = data
    X = np.where(np.abs(X) < 0.5, 0, X)
    from_sparse = DropoutClassifier(estimator, rate=0).fit(sparse.csc_array(X), y)
    from_dense = DropoutClassifier(estimator, rate=0).fit(X, y)
    assert_allclose(from_sparse.estimator_.coef_, from_dense.estimator_.coef_, rtol=1e-5, atol=1e-7)
    assert_array_equal(from_sparse.predict(sparse.csr_matrix(X)), from_dense.predict(X))


def test_sparse_input_is_refused_where_the_estimator_refuses_it(data):
    X, y = data
    with pytest.raises(TypeError, match="Sparse data was passed"):
        DropoutClassifier(GaussianNB()).fit(sparse.csr_array(X), y)


def test_feature_names_and_labels_of_frames(data):
    X, y = data
    frame = pd.DataFrame(X, columns=[f"decaf6_{j:04}" for j in range(20)])
    classifier = DropoutClassifier(LogisticRegression(), n_draws=2, random_state=0)
    classifier.fit(frame, pd.Series(y, index=range(1000, 1120)), sample_weight=pd.Series(np.ones(120)))
    assert list(classifier.feature_names_in_) == list(frame.columns)
    assert_array_equal(classifier.classes_, ["crane", "maillot", "zebra"])
    assert set(classifier.predict(frame)) <= set(y)
    with pytest.raises(ValueError, match="feature names should match"):
        classifier.predict(frame[frame.columns[::-1]])


def test_pickle(data):
    X, y = data
    for classifier in (STACKED, EPOCHS):
        fitted = clone(classifier).fit(X, y)
        assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(X), fitted.predict(X))


def test_nested_parameters_in_a_grid_search(data):
    X, y = data
    grid = {"dropoutclassifier__estimator__C": [0.01, 1], "dropoutclassifier__rate": [0, 0.5]}
    pipeline = make_pipeline(StandardScaler(), DropoutClassifier(LogisticRegression(), n_draws=2, random_state=0))
    assert set(GridSearchCV(pipeline, grid, cv=2).fit(X, y).best_params_) == set(grid)


@pytest.mark.parametrize(
    "parameters", [{"rate": 1}, {"n_draws": 0}, {"n_draws": 1.5}, {"solver": "sgd"}, {"estimator": "svm"}]
)
def test_wrong_parameters(data, parameters):
    with pytest.raises(ValueError, match=f"The '{next(iter(parameters))}' parameter of DropoutClassifier must be"):
        DropoutClassifier(**{"estimator": LogisticRegression(), **parameters}).fit(*data)


def test_metadata_without_routing(data):
    X, y = data
    with pytest.raises(ValueError, match="groups"):
        DropoutClassifier(Recorder()).fit(X, y, groups=np.arange(120))


@pytest.mark.usefixtures("metadata_routing")
def test_stack_repeats_routed_metadata(data):
    X, y = data
    weights, groups = np.linspace(1, 2, 120), np.arange(120)
    estimator = Recorder().set_fit_request(sample_weight=True, groups=True)
    (call,) = DropoutClassifier(estimator, n_draws=3).fit(X, y, sample_weight=weights, groups=groups).estimator_.calls_
    assert_allclose(call["sample_weight"], np.concatenate([weights] * 3) / 3)
    assert_array_equal(call["groups"], np.concatenate([groups] * 3))


@pytest.mark.usefixtures("metadata_routing")
def test_stack_is_weighted_also_where_no_weights_are_requested(data):
    estimator = Recorder().set_fit_request(sample_weight=False)
    (call,) = DropoutClassifier(estimator, n_draws=4).fit(*data).estimator_.calls_
    assert_allclose(call["sample_weight"], np.full(480, 1 / 4))


@pytest.mark.usefixtures("metadata_routing")
def test_metadata_that_nobody_requested_is_an_error(data):
    X, y = data
    for estimator in (Recorder(), PartialRecorder()):
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            DropoutClassifier(estimator).fit(X, y, sample_weight=np.ones(120))


@pytest.mark.usefixtures("metadata_routing")
def test_epochs_route_the_requests_of_partial_fit(data):
    X, y = data
    weights = np.linspace(1, 2, 120)
    estimator = PartialRecorder().set_partial_fit_request(sample_weight=True)
    classifier = DropoutClassifier(estimator, n_draws=2).fit(X, y, sample_weight=weights)
    classifier.partial_fit(X, y, sample_weight=weights)
    for call in classifier.estimator_.calls_:
        assert_array_equal(call["sample_weight"], weights)


@pytest.mark.slow
@pytest.mark.usefixtures("metadata_routing")
def test_weights_reach_the_estimator_and_the_score_in_cross_validation(data):
    X, y = data
    wrong = y.copy()
    wrong[60:] = "zebra"
    weights = np.repeat([1.0, 0.0], 60)  # the wrong half counts for nothing, neither in training nor in the score
    inner = exact_logistic_regression().set_fit_request(sample_weight=True)
    classifier = DropoutClassifier(inner, rate=0.1, random_state=0).set_score_request(sample_weight=True)
    scores = {}
    for name, labels in [("right", y), ("wrong", wrong)]:
        folds = [(np.arange(30, 120), np.r_[0:30, 60:120]), (np.r_[0:30, 60:120], np.arange(30, 120))]
        scores[name] = cross_validate(classifier, X, labels, cv=folds, params={"sample_weight": weights})["test_score"]
    assert_array_equal(scores["wrong"], scores["right"])


@pytest.mark.parametrize(("classifier", "shown"), [(EPOCHS, "10/10"), (STACKED, "1/1")], ids=["epochs", "stack"])
def test_a_progress_bar_counts_draws_and_changes_nothing(classifier, shown, data, capsys):
    silent, shows = (clone(classifier).set_params(random_state=0, verbose=verbose) for verbose in (False, True))
    silent.fit(*data)
    assert capsys.readouterr() == ("", "")
    shows.fit(*data)
    printed = capsys.readouterr()
    assert printed.out == "" and shown in printed.err and "training" in printed.err
    assert_array_equal(shows.estimator_.coef_, silent.estimator_.coef_)
