"""What all estimators of skdecaf.domain_adaptation promise alike."""

# SPDX-License-Identifier: BSD-3-Clause
import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdecaf.domain_adaptation import (
    CORAL,
    DomainScaler,
    FeatureAugmentation,
    GeodesicFlowKernel,
    MaxMarginDomainTransform,
    SubspaceAlignment,
    TransferComponentAnalysis,
)
from skdecaf.model_selection import DomainSelector

TRANSFORMERS = [
    CORAL(),
    DomainScaler(),
    FeatureAugmentation(),
    GeodesicFlowKernel(),
    SubspaceAlignment(),
    TransferComponentAnalysis(),
    TransferComponentAnalysis(kernel="rbf"),
]
ESTIMATORS = [*TRANSFORMERS, MaxMarginDomainTransform()]
NOT_YIELDED = [
    "check_dataframe_column_names_consistency",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
]


def name_of(estimator):
    return str(estimator).replace("()", "")


each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)
each_transformer = pytest.mark.parametrize("transformer", TRANSFORMERS, ids=name_of)


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@each_transformer
@pytest.mark.parametrize("check", NOT_YIELDED)
@pytest.mark.filterwarnings("ignore:X (does not have valid|has) feature names")  # the checks mix frames and arrays
def test_scikit_learn_checks_that_are_not_yielded(check, transformer):
    getattr(estimator_checks, check)(type(transformer).__name__, clone(transformer))


@pytest.fixture
def samples():
    """Rows, classes and domains of two domains that differ in means and correlations, in mixed order."""
    rng = np.random.default_rng(0)
    y, domains = rng.integers(3, size=90), rng.permutation(np.repeat([0, 2, -1], 30))
    X = rng.normal(size=(90, 8)) + 2 * np.eye(3, 8)[y]
    X[domains < 0] = X[domains < 0] @ (np.eye(8) + 0.3 * rng.normal(size=(8, 8))) + rng.normal(size=8)
    return X, y, domains


def output(estimator, X, **domains):
    method = estimator.decision_function if is_classifier(estimator) else estimator.transform
    return method(X, **domains)


@each_estimator
def test_without_domains_all_rows_are_the_source(samples, estimator):
    X, y, _ = samples
    without = clone(estimator).fit(X, y)
    given = clone(estimator).fit(X, y, sample_domain=np.zeros(len(X)))
    assert not without.has_target_
    assert_array_equal(output(without, X), output(given, X))
    assert_array_equal(output(without, X), output(without, X, sample_domain=np.ones(len(X))))


@each_estimator
def test_without_domains_rows_are_of_the_target_if_fit_saw_one(samples, estimator):
    X, y, domains = samples
    estimator = clone(estimator).fit(X, y, sample_domain=domains)
    assert estimator.has_target_
    assert_array_equal(output(estimator, X), output(estimator, X, sample_domain=np.full(len(X), -1)))


@each_estimator
def test_each_row_gets_the_side_of_its_domain(samples, estimator):
    X, y, domains = samples
    estimator = clone(estimator).fit(X, y, sample_domain=domains)
    mixed = output(estimator, X, sample_domain=domains)
    for side in (1, -1):
        alone = output(estimator, X, sample_domain=np.full(len(X), side))
        assert_allclose(mixed[domains * side > 0], alone[domains * side > 0], rtol=1e-12, atol=1e-14)


@each_transformer
def test_fit_transform_is_fit_then_transform(samples, transformer):
    X, y, domains = samples
    transformed = clone(transformer).fit_transform(X, y, sample_domain=domains)
    again = clone(transformer).fit(X, sample_domain=domains).transform(X, sample_domain=domains)
    assert_array_equal(transformed, again)


@each_estimator
def test_the_order_of_rows_does_not_matter(samples, estimator):
    X, y, domains = samples
    order = np.random.default_rng(1).permutation(len(X))
    one = clone(estimator).fit(X, y, sample_domain=domains)
    other = clone(estimator).fit(X[order], y[order], sample_domain=domains[order])
    assert_allclose(output(other, X), output(one, X), rtol=1e-5, atol=1e-6)


@each_estimator
def test_float32_is_kept_and_close(samples, estimator):
    X, y, domains = samples
    in_32 = output(clone(estimator).fit(X.astype(np.float32), y, sample_domain=domains), X.astype(np.float32))
    assert in_32.dtype == np.float32
    in_64 = output(clone(estimator).fit(X, y, sample_domain=domains), X)
    assert in_64.dtype == np.float64
    assert_allclose(in_32, in_64, rtol=1e-3, atol=1e-4 * np.abs(in_64).max())


@each_estimator
def test_features_wider_than_rows(samples, estimator):
    X, y, domains = samples
    wide = np.hstack([X, np.random.default_rng(2).normal(size=(len(X), 300))])
    estimator = clone(estimator).fit(wide, y, sample_domain=domains)
    assert np.isfinite(output(estimator, wide, sample_domain=domains)).all()


@each_estimator
def test_refitting_forgets_the_target(samples, estimator):
    X, y, domains = samples
    estimator = clone(estimator).fit(X, y, sample_domain=domains).fit(X, y)
    assert_array_equal(output(estimator, X), output(clone(estimator).fit(X, y), X))


@each_estimator
def test_pickles_and_input_is_left_alone(samples, estimator):
    X, y, domains = samples
    given = X.copy()
    estimator = clone(estimator).fit(X, y, sample_domain=domains)
    before = output(estimator, X, sample_domain=domains)
    assert_array_equal(X, given)
    assert before is not X and not np.shares_memory(before, X)
    assert_array_equal(output(pickle.loads(pickle.dumps(estimator)), X, sample_domain=domains), before)


@each_estimator
def test_domains_that_cannot_be(samples, estimator):
    X, y, domains = samples
    with pytest.raises(ValueError, match="no sample is of the source"):
        clone(estimator).fit(X, y, sample_domain=-np.ones(len(X)))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clone(estimator).fit(X, y, sample_domain=domains[:-1])
    fitted = clone(estimator).fit(X, y, sample_domain=domains)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        output(fitted, X, sample_domain=domains[:-1])
    with pytest.raises(ValueError, match="something else than numbers"):
        output(fitted, X, sample_domain=["amazon"] * len(X))


@pytest.mark.parametrize("transformer", [CORAL(), GeodesicFlowKernel(), SubspaceAlignment()], ids=name_of)
def test_one_row_of_a_domain_has_no_covariance(samples, transformer):
    X, _, _ = samples
    with pytest.raises(ValueError, match="at least 2 samples of the target; got 1"):
        clone(transformer).fit(X, sample_domain=np.append(np.zeros(len(X) - 1), -1))


@each_estimator
def test_rows_that_are_all_equal(estimator):
    X = np.ones((6, 3))
    estimator = clone(estimator).fit(X, [0, 0, 1, 1, 0, 1], sample_domain=[1, 1, 1, -1, -1, -1])
    assert np.isfinite(output(estimator, X)).all()


@each_transformer
def test_names_of_a_frame(samples, transformer):
    X, _, domains = samples
    frame = pd.DataFrame(X, columns=[f"f{i}" for i in range(X.shape[1])])
    transformer = clone(transformer).set_output(transform="pandas").fit(frame, sample_domain=domains)
    transformed = transformer.transform(frame, sample_domain=domains)
    assert list(transformed.columns) == list(transformer.get_feature_names_out())
    assert transformed.index.equals(frame.index)


@each_transformer
def test_routed_through_a_pipeline(samples, transformer):
    """The domains reach both steps, hidden labels reach no classifier, and rows to predict are of the target."""
    X, y, domains = samples
    hidden = np.where((domains < 0) & (np.arange(len(y)) % 2 == 0), -1, y)
    with config_context(enable_metadata_routing=True):
        model = make_pipeline(clone(transformer), DomainSelector(LinearSVC(), "both"))
        model.fit(X, hidden, sample_domain=domains)
        predicted = model.predict(X)
    named = make_pipeline(clone(transformer), DomainSelector(LinearSVC(), "both"))
    parameters = {f"{name}__sample_domain": domains for name in named.named_steps}
    assert_array_equal(named.fit(X, hidden, **parameters).predict(X), predicted)
    step = clone(transformer).fit(X, sample_domain=domains)
    svm = LinearSVC().fit(step.transform(X, sample_domain=domains)[hidden >= 0], y[hidden >= 0])
    assert_array_equal(svm.predict(step.transform(X)), predicted)
    assert set(predicted) <= {0, 1, 2}
