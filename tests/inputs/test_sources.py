"""X against what fit saw, the shape of flattened images, the range of values, and errors that name the image."""

# SPDX-License-Identifier: BSD-3-Clause
import math
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdecaf._inputs.reading import read_images
from skdecaf._inputs.sources import check_images, load_image
from skdecaf._inputs.value_range import learn_value_range, require_value_range, warn_if_out_of_range
from skdecaf.images import ImageError


class MeanColour(TransformerMixin, BaseEstimator):
    """Uses the inputs as a transformer does; its features are the mean red, green and blue."""

    on_error = "raise"

    def __init__(self, image_shape=None, value_range=None):
        self.image_shape = image_shape
        self.value_range = value_range

    def fit(self, X, y=None):
        checked = check_images(read_images(self, X, reset=True), "raise")
        self.value_range_ = learn_value_range(checked, self.value_range)
        self._n_features_out = 3
        return self

    def transform(self, X):
        images = read_images(self, X, reset=False)
        require_value_range(check_images(images, "raise"), self.value_range_)
        loaded = [load_image(images, i, self.value_range_) for i in range(len(images))]
        out_of_range = [i for i, image in enumerate(loaded) if image.out_of_range]
        warn_if_out_of_range(images, out_of_range, self.value_range_)
        colours = [image.pixels.mean(axis=(0, 1)) for image in loaded]
        return np.array(colours, dtype=np.float32).reshape(len(images), 3)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


@pytest.fixture
def paths(tmp_path):
    """Three photos of one colour each: values 10, 20 and 30."""
    names = [str(tmp_path / f"{value}.png") for value in (10, 20, 30)]
    for name in names:
        Image.new("RGB", (4, 4), (int(name[-6:-4]),) * 3).save(name)
    return names


GREYS = np.array([[10.0] * 3, [20.0] * 3, [30.0] * 3], dtype=np.float32)


# scikit-learn's own checks


@parametrize_with_checks([MeanColour()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_dataframe_column_names_consistency,
        estimator_checks.check_n_features_in,
        estimator_checks.check_fit2d_1feature,
        estimator_checks.check_fit2d_1sample,
    ],
)
def test_scikit_learn_checks_that_transformers_may_miss(check):
    check("MeanColour", MeanColour())


def test_messages_for_nothing_are_scikit_learns():
    for X in (np.empty((0, 3)), pd.DataFrame({"a": []}, dtype=float)):
        with pytest.raises(ValueError, match=r"0 sample\(s\).*minimum of 1 is required by MeanColour"):
            MeanColour().fit(X)
    for X in ([], pd.Series([], dtype=object), np.empty((0, 8, 8)), pd.DataFrame({"path": []}, dtype=object)):
        with pytest.raises(ValueError, match=r"0 images.*minimum of 1 is required by MeanColour"):
            MeanColour().fit(X)


# What fit learns of the kind of input


def test_fit_on_another_kind_forgets_the_first(paths):
    reader = MeanColour().fit(pd.DataFrame(np.ones((2, 4)), columns=list("abcd")))
    assert (reader.input_kind_, reader.image_shape_, reader.n_features_in_) == ("table", (2, 2), 4)
    assert list(reader.feature_names_in_) == list("abcd")
    reader.fit(paths)
    assert (reader.input_kind_, reader.image_shape_) == ("images", None)
    assert not hasattr(reader, "n_features_in_") and not hasattr(reader, "feature_names_in_")
    reader.fit(pd.DataFrame({"path": paths}))
    assert reader.input_kind_ == "images" and reader.n_features_in_ == 1
    assert list(reader.feature_names_in_) == ["path"]
    reader.fit(np.array(paths).reshape(-1, 1))
    assert reader.n_features_in_ == 1 and not hasattr(reader, "feature_names_in_")
    reader.fit(np.ones((2, 12)))
    assert (reader.input_kind_, reader.image_shape_, reader.n_features_in_) == ("table", (2, 2, 3), 12)


def test_transform_wants_the_kind_that_fit_saw(paths):
    table, images = MeanColour().fit(np.ones((2, 4))), MeanColour().fit(paths)
    for X in (paths, pd.DataFrame({"path": paths}), np.ones((2, 2, 2))):
        with pytest.raises(ValueError, match=r"fit saw numbers.* but X holds paths.* fit MeanColour again"):
            table.transform(X)
    for X in (np.ones((2, 4)), [[1, 2]], pd.DataFrame({"a": [1]}), np.arange(4)):
        with pytest.raises(ValueError, match=r"fit saw paths.* but X holds numbers"):
            images.transform(X)


def test_images_may_come_in_any_container(paths):
    photos = [np.asarray(Image.open(path)) for path in paths]
    containers = [
        paths,
        np.array(paths),
        pd.Series(paths, index=[3, 0, 7]),
        pl.Series("path", paths),
        [[path] for path in paths],
        np.array(paths).reshape(-1, 1),
        photos,
        np.stack(photos),
    ]
    for fitted in (paths, np.array(paths).reshape(-1, 1)):
        reader = MeanColour().fit(fitted)
        for X in containers:
            np.testing.assert_array_equal(reader.transform(X), GREYS)
    for frame in (pl.DataFrame({"path": paths}), pd.DataFrame({"path": paths}, index=[3, 0, 7])):
        np.testing.assert_array_equal(MeanColour().fit(paths).transform(frame), GREYS)


def test_names_of_columns_of_paths_are_checked(paths):
    reader = MeanColour().fit(pd.DataFrame({"path": paths}))
    np.testing.assert_array_equal(reader.transform(pd.DataFrame({"path": paths})), GREYS)
    with pytest.raises(ValueError, match=r"(?s)feature names should match.*- file"):
        reader.transform(pd.DataFrame({"file": paths}))
    for X in (paths, np.array(paths).reshape(-1, 1)):
        with pytest.warns(UserWarning, match="X does not have valid feature names"):
            np.testing.assert_array_equal(reader.transform(X), GREYS)


@pytest.mark.parametrize("X", [[], (), np.array([]), pd.Series([]), pl.Series("a", []), np.empty((0, 5, 5))])
def test_nothing_has_the_kind_that_fit_saw(X, paths):
    for fitted in (paths, np.ones((2, 4)), pd.DataFrame({"path": paths})):
        assert MeanColour().fit(fitted).transform(X).shape == (0, 3)


def test_empty_tables_and_columns(paths):
    assert MeanColour().fit(np.ones((2, 4))).transform(np.empty((0, 4))).shape == (0, 3)
    with pytest.raises(ValueError, match="X has 3 features, but MeanColour is expecting 4"):
        MeanColour().fit(np.ones((2, 4))).transform(np.empty((0, 3)))
    frame = pd.DataFrame({"path": paths})
    assert MeanColour().fit(frame).transform(frame[:0]).shape == (0, 3)
    assert MeanColour().fit(paths).transform(np.empty((0, 4))).shape == (0, 3)


# Shapes of flattened images


def shape_taken(n_columns, image_shape=None):
    return MeanColour(image_shape).fit(np.zeros((1, n_columns), dtype=np.uint8)).image_shape_


@pytest.mark.filterwarnings("ignore:The .* columns of X are taken as grey")
@given(st.integers(1, 100))
def test_squares_are_recognised(side):
    assert shape_taken(side**2) == (side, side)
    assert shape_taken(3 * side**2) == (side, side, 3)


def test_narrow_tables_are_one_row_of_pixels_and_wide_ones_an_error():
    squares = {n**2 for n in range(1, 15)} | {3 * n**2 for n in range(1, 9)}
    for n_columns in sorted(set(range(1, 101)) - squares):
        assert shape_taken(n_columns) == (1, n_columns)
    for n_columns in sorted(set(range(101, 193)) - squares):
        with pytest.raises(ValueError, match=f"{n_columns} columns .* image_shape"):
            shape_taken(n_columns)


@pytest.mark.parametrize("n_columns", [144, 9216])
def test_squares_that_may_be_colour_warn(n_columns):
    side = math.isqrt(n_columns)
    with pytest.warns(UserWarning, match=f"{n_columns} columns of X are taken as grey images of {side} x {side}"):
        assert shape_taken(n_columns) == (side, side)
    assert shape_taken(n_columns, (side, side)) == (side, side)
    assert shape_taken(81) == (9, 9)
    assert shape_taken(784) == (28, 28)


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([None, 1, 3, 4]), st.booleans())
def test_rows_take_the_shape_that_is_given(height, width, channels, first):
    images = np.arange(2 * height * width * (channels or 1), dtype=np.uint8).reshape(2, height, width, -1)
    stored, shape = images, (height, width)
    if channels is None:
        images = images[..., 0]
    elif first and width not in (1, 3, 4):
        stored, shape = np.moveaxis(images, -1, 1), (channels, height, width)
    else:
        shape = (height, width, channels)
    read = read_images(MeanColour(shape), stored.reshape(2, -1), reset=True)
    assert len(read) == 2
    for i in range(2):
        np.testing.assert_array_equal(read[i], images[i])


WRONG_SHAPES = [5, (4,), (2, 2, 2), (2, 2, 1, 1), (2.0, 2), (0, 4), (-2, -2), (True, 4), "ab", ()]


@pytest.mark.parametrize("image_shape", WRONG_SHAPES)
def test_wrong_image_shape(image_shape, paths):
    for X in (np.ones((2, 4)), paths):
        with pytest.raises(ValueError, match=rf"image_shape must be .*; got {re.escape(repr(image_shape))}"):
            MeanColour(image_shape).fit(X)


def test_image_shape_has_to_fit_the_columns():
    with pytest.raises(ValueError, match=r"image_shape=\(3, 5\) needs 15 columns; X has 4"):
        MeanColour((3, 5)).fit(np.ones((2, 4)))
    assert shape_taken(15, np.array([3, 5])) == (3, 5)
    assert shape_taken(12, [np.int64(2), 2, 3]) == (2, 2, 3)


# Value range


def range_learned(X, value_range=None):
    return MeanColour(value_range=value_range).fit(X).value_range_


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, (0, 1)),
        (0.2, 0.9, (0, 1)),
        (0, 1.5, (0, 255)),
        (3, 255, (0, 255)),
        (0, 256, (0, 256)),
        (-1, 1, (-1, 1)),
        (-0.001, 0.5, (-0.001, 0.5)),
        (100, 4095, (100, 4095)),
        (300, 300, (0, 300)),
        (-2, -2, (-2, 0)),
        (0, 0, (0, 1)),
    ],
)
def test_range_follows_all_of_X(low, high, expected):
    table = np.array([[low] * 4, [high] * 4], dtype=np.float64)
    stack = table.reshape(2, 2, 2)
    for X in (table, table.tolist(), stack, list(stack), [stack[1], np.uint8([[77]]), stack[0]]):
        np.testing.assert_allclose(range_learned(X), expected, rtol=0)
        assert range_learned(X, (-7, 9)) == (-7.0, 9.0)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint32, np.uint64, np.float16, np.float32])
def test_types_that_need_a_range(dtype):
    assert range_learned(np.array([[0, 100], [3, 4]], dtype=dtype)) == (0, 255)
    assert range_learned([np.array([[0, 1], [1, 0]], dtype=dtype)]) == (0, 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.bool_])
def test_types_that_have_a_range(dtype, paths):
    X = np.array([[0, 1], [1, 1]], dtype=dtype)
    assert range_learned(X) is None
    assert range_learned([X, paths[0]]) is None
    white = np.float32(255 / {np.uint8: 255, np.uint16: 65535, np.bool_: 1}[dtype])
    np.testing.assert_allclose(MeanColour().fit(X).transform(X)[:, 0], white * np.array([0.5, 1]), rtol=1e-6)


def test_transform_uses_the_range_of_fit():
    reader = MeanColour().fit(np.array([[0.0, 1.0], [0.5, 0.5]]))
    np.testing.assert_allclose(reader.transform([[0.25, 0.25]]), [[63.75] * 3])
    np.testing.assert_allclose(reader.transform([[1.5, 1.5]]), [[382.5] * 3])
    assert reader.value_range_ == (0, 1)


def test_tiff_of_floats_counts_as_a_float_array(tmp_path):
    path = str(tmp_path / "depth.tiff")
    Image.fromarray(np.array([[2.0, 1000.0]], dtype=np.float32)).save(path)
    reader = MeanColour().fit([path])
    assert reader.value_range_ == (2, 1000)
    np.testing.assert_allclose(reader.transform([np.full((2, 2), 501.0)]), [[127.5] * 3])


def test_transform_asks_for_a_range_that_fit_did_not_see(paths):
    with pytest.raises(ValueError, match=r"image 1 has float64 pixels.* set value_range=\(low, high\)"):
        MeanColour().fit(paths).transform([paths[0], np.ones((4, 4))])
    with pytest.raises(ValueError, match="image 0 has float64 pixels"):
        MeanColour().fit(np.zeros((2, 4), dtype=np.uint8)).transform(np.ones((2, 4)))
    reader = MeanColour(value_range=(0, 2)).fit(paths)
    np.testing.assert_allclose(reader.transform([np.ones((4, 4))]), [[127.5] * 3])


WRONG_RANGES = [3, (1,), (0, 1, 2), (1, 0), (1, 1), (0, np.inf), (np.nan, 1), ("a", 1), (-1e308, 1e308), (None, 1)]


@pytest.mark.parametrize("value_range", WRONG_RANGES)
def test_wrong_value_range(value_range, paths):
    for X in (paths, np.ones((2, 4))):
        with pytest.raises(ValueError, match=r"value_range must be None or \(low, high\)"):
            MeanColour(value_range=value_range).fit(X)


def test_values_of_another_range_warn_once(paths):
    reader = MeanColour().fit(np.array([[0.0, 1.0]]))
    reader.transform([[-0.9, 1.9]])
    with pytest.warns(UserWarning, match="2 of 3 images have .* another range than 0 to 1 .* image 1;") as caught:
        reader.transform([[0.0, 1.0], [0.0, 128.0], [-1.1, 0.0]])
    assert len(caught) == 1


@pytest.mark.filterwarnings("error")
def test_values_to_1_where_white_is_255_warn(paths):
    reader = MeanColour().fit(np.array([[0.0, 255.0]]))
    reader.transform([[0.0, 1.0], [1.0, 1.0], [0.5, 1.5]])  # the first two are black images
    with pytest.warns(UserWarning, match="1 of 2 images have values of quite another range than 0 to 255 .* image 1;"):
        reader.transform([[0.0, 255.0], [0.25, 1.0]])
    MeanColour(value_range=(0, 2)).fit(paths).transform([np.full((4, 4), 0.3)])


# Errors name the image


def test_bad_rows_are_named_before_anything_is_decoded(paths, tmp_path):
    missing = str(tmp_path / "missing.png")
    X = [paths[0], missing, None, float("nan"), 3, {}, [1, 2], np.ones((2, 2, 5)), b"", paths[1]]
    reader = MeanColour()
    errors = check_images(read_images(reader, X, reset=True)).errors
    assert list(errors) == list(range(1, 9))
    assert all(isinstance(error, ImageError) for error in errors.values())
    assert str(errors[1]) == f"image 1 ({missing!r}) does not exist"
    for i in (2, 3, 4, 5, 6, 7):
        assert str(errors[i]).startswith(f"image {i}: ")
    with pytest.raises(ImageError, match=r"^image 1 "):
        clone(reader).fit(X)


def test_positions_are_counted_not_labels(paths):
    X = pd.Series([*paths, None], index=[9, 8, 7, 6])
    errors = check_images(read_images(MeanColour(), X, reset=True)).errors
    assert list(errors) == [3]


def test_file_that_breaks_while_decoded_is_named(paths, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole.png")
    truncated = tmp_path / "truncated.png"
    truncated.write_bytes((tmp_path / "whole.png").read_bytes()[:1000])
    images = read_images(MeanColour(), [paths[0], truncated], reset=True)
    assert check_images(images).errors == {}
    assert load_image(images, 0, None).pixels.shape == (4, 4, 3)
    with pytest.raises(ImageError, match=r"^image 1 \('[^']*truncated.png'\) [^']*$") as caught:
        load_image(images, 1, None)
    assert isinstance(caught.value.__cause__, ImageError)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_array_with_nan_or_infinity_is_named_and_stays_out_of_the_range(value):
    bad = np.array([[0.0, 4000.0], [1.0, value]])
    images = read_images(MeanColour(), [np.ones((2, 2)), bad], reset=True)
    value_range = learn_value_range(check_images(images), None)
    assert value_range == (0, 1)
    with pytest.raises(ImageError, match=r"^image 1: "):
        load_image(images, 1, value_range)


def test_rows_in_errors_stay_out_of_the_range():
    images = read_images(MeanColour(), [np.ones((2, 2)), np.full((2, 2), 9.0)], reset=True)
    checked = check_images(images)
    assert learn_value_range(checked, None) == (0, 255)
    assert learn_value_range(checked._replace(errors={1: ImageError()}), None) == (0, 1)
