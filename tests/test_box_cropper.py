"""Crops against Pillow's, and photos with boxes through a pipeline."""

# SPDX-License-Identifier: BSD-3-Clause
import copy
import io
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks
from small_photos import photo_arrays, write_photos
from tiny_networks import tiny_network

from skdecaf import BoxCropper, DeCAFTransformer, FeatureCache
from skdecaf._inputs.kinds import find_rows
from skdecaf.images import Crop, ImageError, check_source, decode, describe
from skdecaf.images._digests import source_digest

WIDTH, HEIGHT = 30, 20
RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
NAMES = ["photo", "x", "y", "width", "height"]


def png(pixels, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", **options)
    return file.getvalue()


def cut_by_pillow(pixels, x, y, width, height, scale):
    """The rule of the release of DeCAF, one axis after the other."""
    image = Image.fromarray(pixels)
    edges = []
    for start, length, last in ((x, width, image.width - 1), (y, height, image.height - 1)):
        centre, offset = start + length / 2, scale * length / 2
        edges.append((max(int(centre - offset + 0.5), 0), min(int(centre + offset + 0.5), last)))
    (left, right), (top, bottom) = edges
    return np.asarray(image.crop((left, top, right, bottom))) if left < right and top < bottom else None


# Crops


@given(
    box=st.tuples(
        st.integers(-10, 2 * WIDTH + 20), st.integers(-10, 2 * HEIGHT + 20), st.integers(2, 60), st.integers(2, 60)
    ),
    scale=st.sampled_from([0.5, 1, 1.5, 2.25]),
)
def test_crops_against_pillow(box, scale):
    x, y, width, height = np.array(box) / 2  # halves are where rounding matters
    expected = cut_by_pillow(RGB, x, y, width, height, scale)
    if expected is None:
        with pytest.raises(ValueError, match="box"):
            decode(BoxCropper(scale).transform([[RGB, x, y, width, height]])[0])
    else:
        [crop] = BoxCropper(scale).transform([[RGB, x, y, width, height]])
        np.testing.assert_array_equal(decode(crop), expected)


def test_a_box_by_hand():
    """Centre (10, 8), so columns 10 - 4.5 to 10 + 4.5 and rows 8 - 3 to 8 + 3, a half upwards."""
    [crop] = BoxCropper().transform([[RGB, 7, 6, 6, 4]])
    assert crop.box == (5.5, 5, 14.5, 11)
    np.testing.assert_array_equal(decode(crop), RGB[5:11, 6:15])


def test_the_last_column_and_row_are_left_out():
    np.testing.assert_array_equal(decode(Crop(RGB, (0, 0, WIDTH, HEIGHT))), RGB[:-1, :-1])


def test_sources(tmp_path):
    data, path = png(RGB), tmp_path / "photo.png"
    path.write_bytes(data)
    box = (3, 2, 11, 9)
    for photo in (str(path), path, data, io.BytesIO(data), RGB, Image.fromarray(RGB), RGB[:, :, 0].astype(np.float32)):
        crop = Crop(photo, box)
        pixels = decode(crop)
        assert check_source(crop) == pixels.dtype
        np.testing.assert_array_equal(pixels, (RGB if pixels.ndim == 3 else RGB[:, :, 0])[2:9, 3:11])


def test_the_box_is_one_in_the_upright_photo():
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it by 90 degrees clockwise
    upright = np.rot90(RGB, -1)
    np.testing.assert_array_equal(decode(Crop(png(RGB, exif=exif), (1, 2, 9, 25))), upright[2:25, 1:9])


def test_crops_are_light_values(tmp_path):
    crop, same = Crop("a.jpg", (1, 2, 3.5, 4)), Crop("a.jpg", np.array([1, 2, 3.5, 4]))
    assert crop == same and hash(crop) == hash(same) and len({crop, same}) == 1
    assert crop != Crop("b.jpg", crop.box) and crop != Crop("a.jpg", (1, 2, 3.5, 4.5))
    assert pickle.loads(pickle.dumps(crop)) == copy.deepcopy(crop) == crop
    assert len(pickle.dumps(crop)) < 300
    assert describe(crop) == "'a.jpg'" and describe(Crop(b"", crop.box)) is None
    with pytest.raises(AttributeError):
        crop.box = (0, 0, 1, 1)


@pytest.mark.parametrize(
    "box", [(0, 0, 1), (0, 0, np.nan, 1), (0, 0, np.inf, 1), (3, 0, 3, 1), (0, 5, 1, 4), (-5, 0, 0.4, 3)]
)
def test_boxes_that_hold_nothing(box):
    with pytest.raises(ValueError, match="a box"):
        Crop("a.jpg", box)


def test_errors_name_the_photo_once(tmp_path):
    path = str(tmp_path / "photo.png")
    crop = Crop(path, (40, 0, 50, 10))
    for read in (decode, check_source):
        with pytest.raises(ImageError) as error:
            read(crop)
        assert str(error.value) == f"{path!r} does not exist"
    Path(path).write_bytes(png(RGB))
    with pytest.raises(ImageError, match="has 30 x 20 pixels, none of them in the box") as error:
        decode(crop)
    assert str(error.value).startswith(f"{path!r} has") and str(error.value).count(path) == 1
    with pytest.raises(ImageError, match="^the photo has 30 x 20"):
        decode(Crop(RGB, crop.box))


def test_digests_tell_crops_apart(tmp_path):
    path, copied = tmp_path / "photo.png", tmp_path / "copied.png"
    for file in (path, copied):
        file.write_bytes(png(RGB))
    digests = [source_digest(one) for one in (path, Crop(path, (0, 0, 5, 5)), Crop(path, (0, 0, 5, 6)))]
    assert len(set(digests)) == 3
    assert source_digest(Crop(copied, (0, 0, 5, 5))) == source_digest(Crop(str(path), (0, 0, 5, 5))) == digests[1]


# The step of a pipeline


def rows_of(photos):
    """Photos with boxes inside them."""
    sizes = [decode(photo).shape for photo in photos]
    return [
        [photo, width // 4, height // 4, width // 2, height // 2]
        for photo, (height, width, _) in zip(photos, sizes, strict=True)
    ]


@pytest.fixture
def photos(tmp_path):
    return write_photos(tmp_path, 12)


def test_containers(photos):
    rows = rows_of(photos)
    frame = pd.DataFrame(rows, columns=NAMES)
    expected = BoxCropper().fit_transform(rows)
    assert expected.shape == (12,) and all(isinstance(crop, Crop) for crop in expected)
    more = frame.assign(other="z")[["height", "other", "photo", "width", "x", "y"]]
    for cropper, X in (
        (BoxCropper(), frame),
        (BoxCropper(), frame.set_axis(["a", "b", "c", "d", "e"], axis=1)),
        (BoxCropper(), frame.set_index(frame.index[::-1])),
        (BoxCropper(), pl.from_pandas(frame)),
        (BoxCropper(), np.array(rows, dtype=object)),
        (BoxCropper(), np.array(rows)),
        (BoxCropper(columns=NAMES), more),
        (BoxCropper(columns=NAMES), pl.from_pandas(more)),
    ):
        assert cropper.fit_transform(X).tolist() == cropper.transform(X).tolist() == expected.tolist()


def test_arrays_and_contents_as_photos():
    for photo in (RGB, png(RGB), Image.fromarray(RGB)):
        for X in ([[photo, 4, 4, 10, 8]], pd.DataFrame({"photo": [photo], "x": 4, "y": 4, "width": 10, "height": 8})):
            np.testing.assert_array_equal(
                decode(BoxCropper().fit_transform(X)[0]), cut_by_pillow(RGB, 4, 4, 10, 8, 1.5)
            )


@pytest.mark.parametrize(
    "box",
    [
        (np.nan, 1, 2, 3),
        (1, None, 2, 3),
        (1, 1, 0, 3),
        (1, 1, 2, -3),
        (1, 1, "wide", 3),
        (1, 1, np.inf, 3),
        (-30, 1, 8, 3),
        (1, 1, 0.01, 0.01),
    ],
)
def test_errors_name_the_row(box):
    rows = [["a.jpg", 1, 1, 2, 3], ["b.jpg", *box]]
    for X in (rows, pd.DataFrame(rows, columns=NAMES)):
        with pytest.raises(ValueError, match=r"^row 1 \('b.jpg'\): x, y, width and height .* are not a box in a photo"):
            BoxCropper().transform(X)


def test_wrong_columns():
    frame = pd.DataFrame([["a.jpg", 1, 1, 2, 3]], columns=NAMES)
    for X in (frame.assign(other=1), frame.assign(other=1).to_numpy(), [["a.jpg", 1, 1, 2, 3, 1]]):
        with pytest.raises(ValueError, match="X has 6 columns instead of five"):
            BoxCropper().fit(X)
    with pytest.raises(ValueError, match="X has 1 columns instead of five"):
        BoxCropper().fit(["a.jpg"])
    with pytest.raises(ValueError, match="X has no rows"):
        BoxCropper().fit([])
    with pytest.raises(ValueError, match="columns must name five"):
        BoxCropper(columns=["photo"]).fit(frame)
    with pytest.raises(ValueError, match="X has no column 'file'"):
        BoxCropper(columns=["file", *NAMES[1:]]).fit(frame)
    with pytest.raises(ValueError, match="X is a list"):
        BoxCropper(columns=NAMES).fit([["a.jpg", 1, 1, 2, 3]])
    with pytest.raises(ValueError, match="scale"):
        BoxCropper(0).fit(frame)
    with pytest.raises(ValueError, match="feature names should match"):
        BoxCropper().fit(frame).transform(frame.rename(columns={"photo": "file"}))


def transformer(**parameters):
    return DeCAFTransformer(weights=tiny_network(), dropout=False, **parameters)


def test_features_are_those_of_the_cut_photos(photos):
    rows = rows_of(photos)
    cut = [cut_by_pillow(pixels, *row[1:], 1.5) for pixels, row in zip(photo_arrays(12), rows, strict=True)]
    expected = transformer().fit_transform(cut)
    frame = pd.DataFrame(rows, columns=NAMES)
    np.testing.assert_array_equal(make_pipeline(BoxCropper(), transformer()).fit_transform(frame), expected)
    for container in ("pandas", "polars"):
        cropper = BoxCropper().set_output(transform=container)
        crops = cropper.fit_transform(frame)
        assert list(crops.columns) == cropper.get_feature_names_out().tolist() == ["crop"]
        np.testing.assert_array_equal(transformer().fit_transform(crops), expected)
    columns = make_column_transformer((make_pipeline(BoxCropper(), transformer()), NAMES))
    np.testing.assert_array_equal(columns.fit_transform(frame.assign(other=1)), expected)


def test_cross_validation(photos):
    frame, y = pd.DataFrame(rows_of(photos), columns=NAMES), np.tile([0, 1, 2], 4)
    model = make_pipeline(BoxCropper(), transformer(), LogisticRegression())
    scores = cross_val_score(model, frame, y, cv=2)
    features = transformer().fit_transform(BoxCropper().fit_transform(frame))
    np.testing.assert_array_equal(scores, cross_val_score(LogisticRegression(), features, y, cv=2))
    copied = pickle.loads(pickle.dumps(clone(model).fit(frame, y)))
    assert copied.predict(frame.iloc[:3]).shape == (3,)


def test_a_box_beyond_the_photo_is_a_bad_image(photos):
    rows = rows_of(photos)
    rows[2][1] = 500
    with pytest.raises(ImageError, match=r"^image 2 \('.*2.png'\) has .* none of them in the box"):
        make_pipeline(BoxCropper(), transformer()).fit_transform(rows)
    with pytest.warns(UserWarning, match="1 of 12 images cannot be read"):
        features = make_pipeline(BoxCropper(), transformer(on_error="nan")).fit_transform(rows)
    assert np.flatnonzero(np.isnan(features).any(axis=1)).tolist() == [2]


def test_the_cache_tells_crops_of_one_photo_apart(photos, tmp_path):
    crops = [Crop(photos[0], box) for box in ((0, 0, 9, 9), (2, 2, 9, 9), (0, 0, 9, 9))]
    expected = transformer().fit_transform([photos[0], *crops])
    assert len(np.unique(expected, axis=0)) == 3
    for _ in range(2):
        cached = transformer(memory=FeatureCache(tmp_path / "cache"))
        np.testing.assert_array_equal(cached.fit_transform([photos[0], *crops]), expected)
        assert cached.memory.info().n_rows == 3


def test_crops_as_rows():
    crops = BoxCropper().transform([["a.jpg", 1, 1, 2, 3]] * 2)
    for X, layout in ((crops, "images"), (list(crops), "images"), (crops[:, np.newaxis], "column")):
        assert find_rows(X) == (layout, list(crops))
    # Its column is an attribute, as the photo of a crop is.
    assert find_rows(pd.DataFrame({"photo": ["a.jpg", "b.jpg"]})) == ("column", ["a.jpg", "b.jpg"])


def test_a_single_crop_is_no_sequence():
    with pytest.raises(ValueError, match="put a single Crop in a list"):
        transformer().fit(Crop(RGB, (0, 0, 5, 5)))


# Most checks of scikit-learn give tables of numbers of any width. These need none.
@pytest.mark.parametrize(
    "name",
    [
        "check_estimator_cloneable",
        "check_estimator_tags_renamed",
        "check_valid_tag_types",
        "check_estimator_repr",
        "check_no_attributes_set_in_init",
        "check_parameters_default_constructible",
        "check_get_params_invariance",
        "check_set_params",
        "check_mixin_order",
    ],
)
def test_scikit_learn_checks(name):
    getattr(estimator_checks, name)("BoxCropper", BoxCropper())
