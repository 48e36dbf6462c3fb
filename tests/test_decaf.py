"""DeCAFTransformer as an estimator: layers, dropout, names, changes after fit, and life inside scikit-learn."""

# SPDX-License-Identifier: BSD-3-Clause
import float64_layers
import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from PIL import Image
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils._param_validation import InvalidParameterError
from small_photos import N_CLASSES, photo_arrays, truncated_png, write_photos
from tiny_networks import tiny_network

from skdecaf import DeCAFTransformer
from skdecaf._forward import ForwardPass

NETWORK = tiny_network()
LAYERS = [5, "fc6", [7, "norm1"], ["prob", 6, "conv2_pre"]]
# Earlier, set_output numbers the rows of a Series anew.
SERIES_KEEP_THEIR_INDEX = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 8)


def transformer(layer=6, dropout=True, **parameters):
    return DeCAFTransformer(layer, dropout, weights=NETWORK, **parameters)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture
def passes(monkeypatch):
    """The number of images in each call of the forward pass."""
    calls, run = [], ForwardPass.run

    def counted(self, images, *args, **kwargs):
        calls.append(len(images))
        return run(self, images, *args, **kwargs)

    monkeypatch.setattr(ForwardPass, "run", counted)
    return calls


# Layers


@pytest.fixture(scope="module")
def float64_blobs(paths):
    """Blobs of every photo: read and resized by Pillow, computed by the definitions in float64."""
    crops = [np.asarray(Image.open(path).resize((20, 18), Image.Resampling.BILINEAR))[:17, :19] for path in paths]
    return [float64_layers.blobs(NETWORK, crop) for crop in crops]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_features_are_the_blobs(layer, paths, float64_blobs):
    names = {5: "pool5", 6: "fc6", 7: "fc7"}
    layers = layer if isinstance(layer, list) else [layer]
    found = transformer(layer, dropout=False).fit_transform(paths)
    assert found.dtype == np.float32 and found.flags.c_contiguous
    start = 0
    for name in (names.get(one, one) for one in layers):
        expected = np.array([blobs[name].reshape(-1) for blobs in float64_blobs])  # (channel, row, column)
        block = found[:, start : start + expected.shape[1]]
        np.testing.assert_allclose(block, expected, atol=1e-4 * np.abs(expected).max(), rtol=0)
        start += expected.shape[1]
    assert start == found.shape[1]


def test_wrong_layers_list_the_right_ones(paths):
    for layer in ("fc9", [6, "fc9"]):
        with pytest.raises(ValueError, match=r"no layer 'fc9'; ask for one of 5, 6, 7, 8, conv1_pre, .* prob"):
            transformer(layer).fit(paths)


def test_feature_names_are_known_before_transform(paths, passes):
    fitted = transformer(dropout=False).fit(paths)
    assert list(fitted.get_feature_names_out()) == [f"decaf6_{i:04d}" for i in range(20)]
    assert fitted.get_feature_names_out().dtype == object
    several = transformer(["fc8", 5, "fc7_pre"], dropout=False).fit(paths)
    names = list(several.get_feature_names_out())
    assert not passes
    assert names[:6] == ["fc8_0000", "fc8_0001", "fc8_0002", "fc8_0003", "fc8_0004", "decaf5_0000"]
    assert names[-1] == "fc7_pre_0009" and len(set(names)) == len(names) == several.transform(paths).shape[1]
    with pytest.raises(NotFittedError):
        transformer().get_feature_names_out()


def test_feature_names_check_the_columns_of_fit(paths):
    fitted = transformer().fit(pd.DataFrame({"path": paths}))
    assert len(fitted.get_feature_names_out(["path"])) == 20
    with pytest.raises(ValueError, match="input_features is not equal to feature_names_in_"):
        fitted.get_feature_names_out(["file"])


# Dropout


def expected_dropout(raw):
    """The formula of the class's notes in float64; raw is one block of training rows."""
    raw = raw.astype(np.float64)
    moment = np.mean(raw**2, axis=0)
    variance = moment + moment.mean() / 4
    return raw / np.sqrt(variance) / np.sqrt(np.sum(moment / variance))


@pytest.mark.parametrize(("layer", "edges"), [(6, []), ("norm1", []), ([7, "fc8", "norm1"], [10, 15])], ids=str)
def test_expected_dropout(layer, edges, paths):
    raw = transformer(layer, dropout=False).fit_transform(paths)
    blocks = [expected_dropout(block) for block in np.split(raw, edges, axis=1)]
    found = transformer(layer).fit_transform(paths)
    np.testing.assert_allclose(found, np.hstack(blocks), rtol=1e-5)
    for block in np.split(found.astype(np.float64), edges, axis=1):
        assert np.mean(np.sum(block**2, axis=1)) == pytest.approx(1, rel=1e-5)
    np.testing.assert_array_equal(transformer(layer).fit(paths).transform(paths), found)


def test_expected_dropout_is_learned_from_the_training_photos(paths):
    raw = transformer(dropout=False).fit(paths).transform(paths).astype(np.float64)
    found = transformer().fit(paths[:4]).transform(paths)
    used = raw[:4].any(axis=0)
    factors = expected_dropout(raw[:4])[:, used].max(axis=0) / raw[:4, used].max(axis=0)
    np.testing.assert_allclose(found[:, used], raw[:, used] * factors, rtol=1e-5)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("cuts", [[1], [4, 4, 5], [3, 6]])
def test_pieces_give_what_the_whole_gives(cuts, paths):
    whole = transformer([6, 5]).fit(paths)
    pieces = transformer([6, 5], n_jobs=2, batch_size=2)
    for piece in np.split(np.array(paths), cuts):
        if len(piece):
            assert pieces.partial_fit(list(piece)) is pieces
    np.testing.assert_allclose(pieces._scale(), whole._scale(), rtol=1e-12)
    np.testing.assert_array_equal(pieces.transform(paths), whole.transform(paths))


def test_fit_forgets_and_partial_fit_does_not(paths):
    fitted = transformer().fit(paths[5:])
    assert not np.array_equal(fitted.transform(paths), transformer().fit(paths).transform(paths))
    fitted.partial_fit(paths[:5])
    np.testing.assert_allclose(fitted.transform(paths), transformer().fit(paths).transform(paths), rtol=1e-6)
    fitted.fit(paths[:5])
    np.testing.assert_array_equal(fitted.transform(paths), transformer().fit(paths[:5]).transform(paths))


def test_mask(paths):
    many = paths * 20
    raw = transformer("fc6_pre", dropout=False).fit_transform(many)
    assert raw.all()
    masked = transformer("fc6_pre", "mask", random_state=0)
    features = masked.fit_transform(many)
    kept = features != 0
    np.testing.assert_array_equal(features[kept], raw[kept])
    assert abs(kept.mean() - 0.5) < 5 * 0.5 / np.sqrt(kept.size)
    for axis in (0, 1):  # entries are dropped one by one: their means spread as those of a coin do
        expected_spread = 0.5 / np.sqrt(kept.shape[axis])
        assert kept.mean(axis=axis).std() == pytest.approx(expected_spread, rel=0.5 if axis == 0 else 0.15)
    np.testing.assert_array_equal(masked.transform(many), raw / 2)
    np.testing.assert_array_equal(masked.fit_transform(many), features)
    again = transformer("fc6_pre", "mask", random_state=0, n_jobs=2, batch_size=5).fit_transform(many)
    np.testing.assert_array_equal(again, features)
    other = transformer("fc6_pre", "mask", random_state=1).fit_transform(many)
    assert 0.4 < np.mean((other != 0) == kept) < 0.6


def test_one_pass_through_the_network(paths, passes):
    for dropout in (True, "mask", False):
        passes.clear()
        transformer(dropout=dropout).fit_transform(paths)
        assert sum(passes) == len(paths)
    passes.clear()
    transformer(dropout=True).fit(paths)
    assert sum(passes) == len(paths)


@pytest.mark.parametrize("dropout", [False, np.False_, "mask", np.str_("mask")])
def test_fit_costs_no_pass_where_nothing_is_learned(dropout, paths, passes):
    transformer(dropout=dropout).fit(paths).partial_fit(paths)
    assert not passes


def test_dropout_as_numpy_writes_it(paths):
    for numpy_value, value in ((np.True_, True), (np.False_, False), (np.array([True, "mask"])[1], "mask")):
        found, expected = (transformer(dropout=d, random_state=3).fit_transform(paths) for d in (numpy_value, value))
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(InvalidParameterError, match=r"'dropout' parameter .*'mask'.* Got .*'True'"):
        transformer(dropout=np.array([True, "mask"])[0]).fit(paths)


# A life with changes


CHANGES = [
    ({"layer": 7}, "layer was changed to 7 after fit; call fit again"),
    ({"layer": [6, 7]}, r"layer was changed to \[6, 7\] after fit; call fit again"),
    ({"weights": tiny_network(1)}, "another network than the one that fit saw; call fit again"),
    ({"weights": "no/such/file"}, "'no/such/file' is neither a file nor one of the names .*'mini'"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_changes_that_need_another_fit_say_so(change, message, paths):
    fitted = transformer().fit(paths).set_params(**change)
    for method in (fitted.transform, fitted.partial_fit, fitted.get_feature_names_out):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            method(paths if method != fitted.get_feature_names_out else None)


def test_dropout_may_be_changed_where_nothing_is_missing(paths, passes):
    fitted, raw = transformer().fit(paths), transformer(dropout=False).fit_transform(paths)
    np.testing.assert_array_equal(fitted.set_params(dropout=False).transform(paths), raw)
    np.testing.assert_array_equal(fitted.set_params(dropout="mask").transform(paths), raw / 2)
    unlearned = transformer(dropout=False).fit(paths).set_params(dropout=True)
    passes.clear()
    # partial_fit would know the last piece only.
    for method in (unlearned.transform, unlearned.partial_fit):
        with pytest.raises(ValueError, match="dropout was changed to True after fit; call fit again"):
            method(paths)
    assert not passes


def test_a_failed_fit_leaves_nothing_fitted(paths):
    broken = [*paths, truncated_png(paths[0])]
    half_fitted = transformer()
    for _ in range(2):
        with pytest.raises(ValueError, match="image 9"):
            half_fitted.fit(broken)
        with pytest.raises(NotFittedError):
            half_fitted.transform(paths)
        half_fitted.fit(paths)


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_a_failed_partial_fit_changes_nothing(n_jobs, paths):
    fitted = transformer(batch_size=2, n_jobs=n_jobs).fit(paths[:5])
    before = fitted.transform(paths)
    with pytest.raises(ValueError, match="image 4"):
        fitted.partial_fit([*paths[5:], truncated_png(paths[0])])
    np.testing.assert_array_equal(fitted.transform(paths), before)
    fitted.partial_fit(paths[5:])
    np.testing.assert_array_equal(fitted.transform(paths), transformer().fit(paths).transform(paths))


def test_clone_shares_the_network_and_nothing_learned(paths):
    fitted = transformer([6, 7], "mask", crops="ten", random_state=3).fit(paths)
    twin = clone(fitted)
    assert twin.weights is NETWORK and twin.get_params() == fitted.get_params()
    assert not any(name.endswith("_") for name in vars(twin))
    np.testing.assert_array_equal(twin.fit_transform(paths), fitted.fit_transform(paths))


def test_transform_sets_nothing(paths):
    fitted = transformer(random_state=0).fit(paths)
    before = dict(vars(fitted))
    fitted.transform(paths)
    assert vars(fitted) == before
    array = photo_arrays(1)[0].astype(np.float64)
    copy = array.copy()
    transformer().fit_transform([array])
    np.testing.assert_array_equal(array, copy)


INVALID = {
    "layer": [6.0, None, {6}],
    "dropout": [None, 1, 0.5, "expected", "True"],
    "weights": [None, 3, b"mini"],
    "precision": ["float16", 16, None],
    "crops": ["five", 10, None],
    "resize": ["stretch", True, (72, 72)],
    "image_shape": [5, "5x5"],
    "value_range": [255, "auto"],
    "fast_decode": [None, 2, "yes"],
    "on_error": ["ignore", None, True],
    "batch_size": [0, -1, 2.5, None],
    "n_jobs": [1.5, "2"],
    "memory": [3, True, joblib.Memory(None)],
    "random_state": ["seed", -1.5],
    "verbose": ["yes", None],
}


@pytest.mark.parametrize("name", INVALID)
def test_parameters_are_validated(name, paths):
    assert set(INVALID) == set(DeCAFTransformer().get_params()) == set(DeCAFTransformer._parameter_constraints)
    for value in INVALID[name]:
        estimator = transformer().set_params(**{name: value})
        for method in (estimator.fit, estimator.partial_fit, estimator.fit_transform):
            with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of DeCAFTransformer must be"):
                method(paths)


# Inside scikit-learn


def test_output_containers_keep_the_index(paths):
    index = list("rstuvwxyz")
    frame = pd.DataFrame({"path": paths}, index=index)
    expected = transformer().fit_transform(paths)
    for X in (frame, *([frame["path"]] if SERIES_KEEP_THEIR_INDEX else [])):
        estimator = transformer().set_output(transform="pandas")
        for found in (estimator.fit_transform(X), estimator.transform(X)):
            assert list(found.index) == index and list(found) == [f"decaf6_{i:04d}" for i in range(20)]
            np.testing.assert_array_equal(found.to_numpy(), expected)
            assert (found.dtypes == np.float32).all()
        assert list(estimator.transform(X[2:5]).index) == index[2:5]
    found = transformer().set_output(transform="polars").fit_transform(pl.DataFrame({"path": paths}))
    assert isinstance(found, pl.DataFrame) and set(found.dtypes) == {pl.Float32}
    np.testing.assert_array_equal(found.to_numpy(), expected)
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(transformer().fit_transform(paths), pd.DataFrame)


LABELS = np.arange(9 * 4) % N_CLASSES


CONTAINERS = {
    "list": list,
    "object array": lambda paths: np.array(paths, dtype=object),
    "(n, 1) array": lambda paths: np.array(paths).reshape(-1, 1),
    "Series": lambda paths: pd.Series(paths, index=np.arange(36)[::-1]),
    "frame": lambda paths: pd.DataFrame({"path": paths}, index=np.arange(36)[::-1]),
    "polars frame": lambda paths: pl.DataFrame({"path": paths}),
    "arrays": lambda paths: photo_arrays() * 4,
}


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
def test_cross_validation(container, paths):
    """Photos come four times, so every test photo was a training photo, and tints tell the classes apart."""
    X = container(paths * 4)
    pipeline = make_pipeline(transformer(), LinearSVC())
    scores = cross_val_score(pipeline, X, LABELS, cv=2, error_score="raise")
    assert scores.shape == (2,) and scores.mean() > 0.9
    with joblib.parallel_config(backend="threading", n_jobs=2):
        np.testing.assert_array_equal(cross_val_score(pipeline, X, LABELS, cv=2, error_score="raise"), scores)


@pytest.mark.parametrize("backend", [pytest.param("loky", marks=pytest.mark.slow), "threading"])
def test_grid_search(backend, paths):
    grid = {"decaftransformer__layer": ["fc7", [6, 7]], "decaftransformer__dropout": [True, "mask", False]}
    pipeline = make_pipeline(transformer(random_state=0), LinearSVC(random_state=0, tol=1e-2))
    pipeline.set_params(linearsvc__max_iter=100_000)
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise")
    alone = search.fit(paths * 4, LABELS).cv_results_["mean_test_score"]
    with joblib.parallel_config(backend=backend, n_jobs=2):
        X = np.array(paths * 4, dtype=object)
        np.testing.assert_array_equal(search.fit(X, LABELS).cv_results_["mean_test_score"], alone)
    assert len(alone) == 6 and search.best_score_ > 0.9


def test_beside_other_columns(paths):
    frame = pd.DataFrame({"path": paths, "age": np.arange(9.0)}, index=list("rstuvwxyz"))
    expected = transformer().fit_transform(paths)
    for selected in ("path", ["path"]):
        columns = ColumnTransformer([("photo", transformer(), selected), ("scale", StandardScaler(), ["age"])])
        np.testing.assert_allclose(columns.fit_transform(frame)[:, :-1], expected)
        if selected == "path" and not SERIES_KEEP_THEIR_INDEX:
            continue
        found = columns.set_output(transform="pandas").fit_transform(frame)
        assert list(found.index) == list("rstuvwxyz")
        assert list(found.columns[[0, -1]]) == ["photo__decaf6_0000", "scale__age"]
    union = make_union(transformer(), transformer(7)).fit(paths)
    np.testing.assert_array_equal(union.transform(paths)[:, :20], expected)
    assert len(set(union.get_feature_names_out())) == 30


def test_html(paths):
    for estimator in (DeCAFTransformer(), DeCAFTransformer().fit(paths), make_pipeline(transformer(), LinearSVC())):
        assert "DeCAFTransformer" in estimator._repr_html_()
    assert repr(DeCAFTransformer(layer=[6, 7])) == "DeCAFTransformer(layer=[6, 7])"


@pytest.mark.parametrize("dropout", [True, "mask", False])
def test_scale_is_what_transform_multiplies_by(dropout):
    photos = photo_arrays()
    estimator = DeCAFTransformer([5, 6], dropout, weights=tiny_network(), random_state=0)
    with pytest.raises(NotFittedError):
        estimator.scale_  # noqa: B018
    activations = DeCAFTransformer([5, 6], False, weights=tiny_network()).fit_transform(photos)
    np.testing.assert_array_equal(estimator.fit(photos).transform(photos), activations * estimator.scale_)
