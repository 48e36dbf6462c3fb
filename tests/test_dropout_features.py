"""Tests of `DropoutFeatures` and of the pieces of `skdecaf._utils.dropout` that the transformer uses."""

# SPDX-License-Identifier: BSD-3-Clause
import itertools
import math
import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdecaf._dropout import DropoutFeatures
from skdecaf._utils.dropout import drop_entries, expected_scale, update_second_moment

MASK_FAILURES = {
    "check_transformer_general": "mode='mask': fit_transform masks, transform scales, by definition",
    "check_transformer_data_not_an_array": "mode='mask': fit_transform masks, transform scales, by definition",
}
NOT_YIELDED = [
    "check_dataframe_column_names_consistency",
    "check_estimators_partial_fit_n_features",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
]
SPARSE_FORMATS = [sparse.csr_array, sparse.csc_array, sparse.csr_matrix, sparse.csc_matrix]


@parametrize_with_checks([DropoutFeatures()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([DropoutFeatures(mode="mask")], expected_failed_checks=lambda estimator: MASK_FAILURES)
def test_scikit_learn_checks_of_masks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("mode", ["expected", "mask"])
@pytest.mark.parametrize("check", NOT_YIELDED)
@pytest.mark.filterwarnings("ignore:X (does not have valid|has) feature names")  # the checks mix frames and arrays
def test_scikit_learn_checks_that_are_not_yielded(check, mode):
    getattr(estimator_checks, check)("DropoutFeatures", DropoutFeatures(mode=mode, random_state=0))


@pytest.fixture
def X():
    """Non-negative, sparse features of very different sizes, one of them zero everywhere."""
    rng = np.random.default_rng(0)
    X = np.maximum(rng.normal(size=(40, 12)), 0) * 10.0 ** rng.integers(-3, 4, size=12)
    X[:, 5] = 0
    return X


def scaled_by_loops(X, X_new, rate):
    """Write the formula of the documentation out, number by number."""
    n_samples, n_features = X.shape
    m = [math.fsum(float(x) ** 2 for x in X[:, j]) / n_samples for j in range(n_features)]
    rho = rate / (1 - rate)
    spread = [rho * m_j + math.fsum(m) / n_features / 4 for m_j in m]
    norm = math.sqrt(math.fsum(m_j / s for m_j, s in zip(m, spread, strict=True)))
    return np.array([[x / math.sqrt(s) / norm for x, s in zip(row, spread, strict=True)] for row in X_new])


@pytest.mark.parametrize("rate", [0, 0.2, 0.5, 0.95])
def test_expected_follows_the_formula(X, rate):
    features = DropoutFeatures(rate).fit(X[:25])
    assert_allclose(features.transform(X), scaled_by_loops(X[:25], X, rate), rtol=1e-13)
    assert features.n_samples_seen_ == 25


@pytest.mark.parametrize("rate", [0, 0.5])
def test_expected_gives_training_rows_a_root_mean_square_norm_of_one(X, rate):
    norms = np.linalg.norm(DropoutFeatures(rate).fit_transform(X), axis=1)
    assert np.sqrt(np.mean(norms**2)) == pytest.approx(1)


def test_rate_zero_only_rescales_as_a_whole(X):
    ratios = DropoutFeatures(rate=0).fit(X).scale_
    assert_allclose(ratios, ratios[0])


def test_expected_does_not_depend_on_units(X):
    assert_allclose(DropoutFeatures().fit_transform(X * 1e-120), DropoutFeatures().fit_transform(X), rtol=1e-13)


def test_fit_transform_is_fit_then_transform(X):
    assert_array_equal(DropoutFeatures().fit_transform(X), DropoutFeatures().fit(X).transform(X))


@pytest.mark.parametrize("rate", [0.3, 0.5])
def test_expected_is_ridge_under_all_masks(rate):
    """Least squares over every possible mask, each by its probability, predicts what ridge on our scale does."""
    rng = np.random.default_rng(0)
    X, X_new = rng.normal(size=(2, 30, 4)) * [1, 2, 0.5, 4]
    y = rng.normal(size=30)
    m = np.mean(X**2, axis=0)
    own_penalty = m.mean() / 4
    gram, moment = own_penalty * np.eye(4), np.zeros(4)
    for kept in itertools.product([0, 1], repeat=4):
        probability = np.prod([1 - rate if k else rate for k in kept])
        noisy = X * kept / (1 - rate)
        gram += probability * noisy.T @ noisy / 30
        moment += probability * noisy.T @ y / 30
    weights = np.linalg.solve(gram, moment)

    square_norm = np.sum(m / (rate / (1 - rate) * m + own_penalty))
    features = DropoutFeatures(rate).fit(X)
    ridge = Ridge(alpha=30 / square_norm, fit_intercept=False).fit(features.transform(X), y)
    assert_allclose(ridge.predict(features.transform(X_new)), X_new @ weights, rtol=1e-10)


@pytest.mark.parametrize("mode", ["expected", "mask"])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_partial_fit_in_chunks_is_fit(X, container, mode):
    whole = DropoutFeatures(mode=mode).fit(container(X))
    in_chunks = DropoutFeatures(mode=mode)
    for rows in (slice(0, 1), slice(1, 8), slice(8, 40)):
        in_chunks.partial_fit(container(X[rows]))
    assert_allclose(in_chunks.scale_, whole.scale_, rtol=1e-14)
    assert in_chunks.n_samples_seen_ == whole.n_samples_seen_ == 40


def test_fit_forgets(X):
    refitted = DropoutFeatures().fit(X[:10] * 7).partial_fit(X[10:20]).fit(X)
    assert_array_equal(refitted.scale_, DropoutFeatures().fit(X).scale_)


@pytest.mark.parametrize("mode", ["expected", "mask"])
@pytest.mark.parametrize("container", SPARSE_FORMATS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_stays_sparse_and_equals_dense(X, container, dtype, mode):
    X = X.astype(dtype)
    transformed = DropoutFeatures(mode=mode).fit(container(X)).transform(container(X))
    assert type(transformed) is container
    assert transformed.dtype == dtype
    assert_allclose(transformed.toarray(), DropoutFeatures(mode=mode).fit(X).transform(X), rtol=1e-6)


@pytest.mark.parametrize("mode", ["expected", "mask"])
def test_sparse_duplicates_count_as_their_sum(mode):
    split = sparse.csr_array((np.array([1.0, 2.0, 5.0]), np.array([0, 0, 1]), np.array([0, 2, 3])), shape=(2, 2))
    given = split.copy()
    ours = DropoutFeatures(mode=mode, random_state=0)
    merged = split.copy()
    merged.sum_duplicates()
    assert_array_equal(ours.fit_transform(split).toarray(), ours.fit_transform(merged).toarray())
    assert_array_equal(split.data, given.data)


@pytest.mark.parametrize("mode", ["expected", "mask"])
@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(np.float32, np.float32), (np.float64, np.float64), (np.float16, np.float64), (np.uint8, np.float64)],
)
def test_dtypes(dtype, expected, mode):
    X = np.array([[1, 0], [0, 1], [1, 1]], dtype=dtype)
    features = DropoutFeatures(mode=mode, random_state=0)
    assert features.fit_transform(X).dtype == expected
    assert features.transform(X).dtype == expected
    assert features.scale_.dtype == np.float64


def test_float32_is_summed_in_float64():
    X = np.full((200_000, 2), 0.1, dtype=np.float32)
    X[0] = 3000  # in float32 this square would swallow most of each that follows
    moment = DropoutFeatures().fit(X).second_moment_
    assert_allclose(moment, np.mean(X.astype(np.float64) ** 2, axis=0), rtol=1e-12)


@pytest.mark.parametrize("order", ["C", "F"])
def test_input_is_left_alone(X, order):
    X = np.array(X, order=order)
    given = X.copy()
    for mode in ("expected", "mask"):
        features = DropoutFeatures(mode=mode)
        features.fit_transform(X)
        features.transform(X)
    assert_array_equal(X, given)


@pytest.mark.parametrize("mode", ["expected", "mask"])
def test_all_zero_training_rows(mode):
    features = DropoutFeatures(mode=mode)
    zeros = np.zeros((3, 4))
    assert_array_equal(features.fit_transform(zeros), zeros)
    assert np.isfinite(features.transform(np.ones((2, 4)))).all()


def test_feature_unseen_in_training_is_finite_later(X):
    later = X.copy()
    later[:, 5] = 1
    assert np.isfinite(DropoutFeatures().fit(X).transform(later)).all()


def test_squares_that_overflow_are_named():
    X = np.ones((3, 4))
    X[1, 2] = 1e200
    with pytest.raises(ValueError, match="Feature 2 is too large"):
        DropoutFeatures().fit(X)
    assert_array_equal(DropoutFeatures(mode="mask").fit(X).transform(X), X / 2)


def test_transform_of_no_rows(X):
    for mode in ("expected", "mask"):
        assert DropoutFeatures(mode=mode).fit(X).transform(np.empty((0, 12))).shape == (0, 12)


def test_unfitted():
    with pytest.raises(NotFittedError):
        DropoutFeatures().transform([[1.0]])


@pytest.mark.parametrize(
    "parameters", [{"rate": 1}, {"rate": -0.1}, {"rate": "half"}, {"mode": "both"}, {"random_state": "seed"}]
)
def test_wrong_parameters(parameters):
    with pytest.raises(ValueError, match=f"The '{next(iter(parameters))}' parameter of DropoutFeatures must be"):
        DropoutFeatures(**parameters).fit_transform([[1.0]])


def test_rate_changed_after_fit_needs_fit(X):
    features = DropoutFeatures().fit(X)
    before = features.transform(X)
    assert_array_equal(features.set_params(rate=0.1).transform(X), before)


def test_frames_keep_index_and_names(X):
    frame = pd.DataFrame(X, index=[f"photo{i}" for i in range(40)], columns=[f"f{j}" for j in range(12)])
    for mode in ("expected", "mask"):
        features = DropoutFeatures(mode=mode).set_output(transform="pandas")
        for output in (features.fit_transform(frame), features.transform(frame)):
            assert list(output.index) == list(frame.index)
            assert list(output.columns) == list(frame.columns) == list(features.get_feature_names_out())


def test_pickle_and_clone(X):
    features = DropoutFeatures(0.3).fit(X)
    assert_array_equal(pickle.loads(pickle.dumps(features)).transform(X), features.transform(X))
    assert clone(features).get_params() == {"rate": 0.3, "mode": "expected", "random_state": None}


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("rate", [0.0, 0.25, 0.5, 0.9])
def test_mask_has_the_rate_and_leaves_the_rest(container, rate):
    X = np.random.default_rng(0).uniform(1, 2, size=(300, 400))
    masked = DropoutFeatures(rate, mode="mask", random_state=0).fit_transform(container(X))
    masked = masked.toarray() if sparse.issparse(masked) else masked
    kept = masked != 0
    assert_array_equal(masked[kept], X[kept])
    standard_error = np.sqrt(rate * (1 - rate) / X.size)
    assert abs(1 - kept.mean() - rate) <= 4 * standard_error
    for axis in (0, 1):  # each row and each feature has its own draws
        spread = kept.mean(axis=axis).std()
        assert spread == pytest.approx(np.sqrt(rate * (1 - rate) / X.shape[axis]), rel=0.2)


def test_mask_transform_multiplies_by_what_is_kept(X):
    assert_allclose(DropoutFeatures(0.2, mode="mask").fit(X).transform(X), X * 0.8, rtol=1e-15)


def test_mask_drops_stored_entries():
    X = sparse.random_array((50, 60), density=0.5, random_state=0).tocsr()
    masked = DropoutFeatures(mode="mask", random_state=0).fit_transform(X)
    assert masked.nnz == np.count_nonzero(masked.toarray()) < X.nnz


def test_mask_is_repeatable(X):
    X = X + 1
    seeded = DropoutFeatures(mode="mask", random_state=3)
    assert_array_equal(seeded.fit_transform(X), seeded.fit_transform(X))
    drawing_on = DropoutFeatures(mode="mask", random_state=np.random.RandomState(3))
    assert_array_equal(drawing_on.fit_transform(X), seeded.fit_transform(X))
    assert (drawing_on.fit_transform(X) != seeded.fit_transform(X)).any()


@pytest.mark.parametrize("order", ["C", "F"])
def test_drop_entries_in_pieces_is_the_mask_of_the_whole(order):
    X = np.ones((700, 500), order=order)  # more than one block of random numbers
    whole = drop_entries(X.copy(order), 0.5, np.random.RandomState(0))
    random_state = np.random.RandomState(0)
    pieces = [drop_entries(X[rows].copy(order), 0.5, random_state) for rows in (slice(0, 130), slice(130, 700))]
    assert_array_equal(np.concatenate(pieces), whole)


def test_drop_entries_works_in_place_and_keeps_nan_rows():
    X = np.ones((6, 50), dtype=np.float32)
    X[2] = np.nan
    assert drop_entries(X, 0.5, np.random.RandomState(0)) is X
    assert np.isnan(X[2]).all()
    assert set(np.unique(X[[0, 1, 3, 4, 5]])) == {0, 1}


def test_second_moment_of_no_rows_changes_nothing(X):
    moment, n_samples = update_second_moment(0.0, 0, X)
    again, n_again = update_second_moment(moment, n_samples, np.empty((0, 12), dtype=np.float32))
    assert n_again == n_samples == 40
    assert_allclose(again, moment, rtol=1e-15)
    nothing, n_nothing = update_second_moment(0.0, 0, np.empty((0, 12)))
    assert n_nothing == 0
    assert_array_equal(expected_scale(nothing, 0.5), np.ones(12))


def test_a_changed_mode_uses_nothing_of_the_mode_before():
    X = np.random.default_rng(0).normal(size=(9, 4))
    features = DropoutFeatures().fit(X).set_params(mode="mask").fit(5 * X)
    assert not hasattr(features, "second_moment_")
    features.set_params(mode="expected")
    with pytest.raises(ValueError, match="mode was changed to 'expected'.*call fit"):
        features.partial_fit(X)
    assert_array_equal(features.fit(X).scale_, DropoutFeatures().fit(X).scale_)
