"""PartPooler against the formula of the deformable part descriptor, in float64."""

# SPDX-License-Identifier: BSD-3-Clause
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks
from small_photos import photo_arrays, write_photos
from tiny_networks import tiny_network

from skdecaf import DeCAFTransformer
from skdecaf.images import Crop, decode
from skdecaf.parts import PartPooler, PhotoParts, photo_parts

NOTHING = [np.nan] * 4
REGIONS = {"front": (0, 1), "back": (2, 3), "unseen": (4,)}


def random_rows(photos, seed=0, n_parts=3, n_components=2):
    """Boxes inside the photos, some parts missing, and key points of which the last is never visible."""
    generator = np.random.default_rng(seed)
    n = len(photos)
    sizes = np.array([decode(photo).shape[1::-1] for photo in photos])
    low = generator.uniform(0, 0.5, (n, 1 + n_parts, 2))
    sides = generator.uniform(0.3, 0.5, (n, 1 + n_parts, 2))
    boxes = np.concatenate([low, sides], axis=2) * np.tile(sizes, 2)[:, np.newaxis]
    boxes[generator.random((n, 1 + n_parts)) < 0.2] = np.nan
    boxes[:, 0] = np.concatenate([sizes * 0.1, sizes * 0.6], axis=1)
    places = generator.uniform(0, 1, (n, 5, 2)) * sizes[:, np.newaxis]
    visible = generator.random((n, 5, 1)) < [[0.8]] * 4 + [[0]]
    components = np.arange(n) % n_components
    key_points = np.concatenate([places, visible], axis=2)
    return photo_parts(photos, boxes[:, 0], boxes[:, 1:], components=components, key_points=key_points)


def scaled_edges(box, scale):
    x, y, width, height = box
    x, y, width, height = x - (scale - 1) / 2 * width, y - (scale - 1) / 2 * height, scale * width, scale * height
    return x, y, x + width, y + height


def expected_weights(rows, regions):
    counts = np.zeros((len(regions), 3, 2))
    for row in rows:
        for r, points in enumerate(regions.values()):
            for p, (x, y, width, height) in enumerate(row.parts):
                for px, py, visible in row.key_points[list(points)]:
                    counts[r, p, row.component] += visible and x <= px <= x + width and y <= py <= y + height
    for r, c in np.argwhere(counts.sum(axis=1) == 0):
        counts[r, :, c] = counts[r].sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(counts / counts.sum(axis=1, keepdims=True))


def expected_descriptor(row, weights, features):
    blocks = np.array([np.zeros_like(features(row.photo, row.box, 1)) if np.isnan(part).any()
                       else features(row.photo, part, 1) for part in row.parts], dtype=np.float64)  # fmt: skip
    regions = [sum(w * block for w, block in zip(region, blocks, strict=True)) for region in weights]
    whole = np.concatenate([features(row.photo, row.box, 1.5), *regions])
    return np.array([np.copysign(abs(value) ** 0.5, value) for value in whole])


@pytest.fixture(scope="module")
def transformer():
    return DeCAFTransformer(6, dropout=False, weights=tiny_network())


@pytest.fixture
def photos():
    return photo_arrays(8)


def test_is_the_formula(photos, transformer):
    rows, others = random_rows(photos), random_rows(photos[::-1], seed=1)
    pooler = PartPooler(transformer, regions=REGIONS).fit(rows)
    weights = expected_weights(rows, REGIONS)
    assert np.ptp(weights[:2]) > 0.3 and not weights[2].any()
    np.testing.assert_allclose(pooler.weights_, weights, rtol=1e-12)
    fitted = clone(transformer).fit(photos)

    def features(photo, box, scale):
        return fitted.transform([Crop(photo, scaled_edges(box, scale))])[0]

    expected = [expected_descriptor(row, weights[:, :, row.component], features) for row in others]
    found = pooler.transform(others)
    assert found.dtype == np.float32 and found.shape == (8, 4 * 20)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_without_regions_features_of_parts_lie_side_by_side(photos, transformer):
    rows = random_rows(photos)
    pooler = PartPooler(transformer, signed_sqrt=False, box_scale=1, part_scale=1.25).fit(rows)
    found = pooler.transform(rows).reshape(8, 4, 20)
    fitted = clone(transformer).fit(photos)
    for row, blocks in zip(rows, found, strict=True):
        for box, scale, block in zip([row.box, *row.parts], [1, *[1.25] * 3], blocks, strict=True):
            if np.isnan(box).any():
                assert not block.any()
            else:
                expected = fitted.transform([Crop(row.photo, scaled_edges(box, scale))])[0]
                np.testing.assert_allclose(block, expected, rtol=1e-6)
    assert (pooler.weights_ == np.eye(3)[:, :, np.newaxis]).all() and pooler.regions_ == ["part0", "part1", "part2"]


@pytest.mark.parametrize("dropout", [True, False])
def test_fit_transform_is_fit_and_transform(photos, transformer, dropout):
    rows = random_rows(photos)
    pooler = PartPooler(clone(transformer).set_params(dropout=dropout), regions=REGIONS)
    expected = clone(pooler).fit(rows).transform(rows)
    np.testing.assert_array_equal(pooler.fit_transform(rows), expected)
    np.testing.assert_array_equal(pooler.transform(rows[[5]]), expected[[5]])
    assert pooler.transform([]).shape == (0, 80)


def test_parts_with_low_scores_count_as_missing(photos, transformer):
    rows = random_rows(photos)
    scores = np.random.default_rng(2).normal(size=(8, 3))
    scores[0, 0] = np.nan
    columns = {"boxes": [row.box for row in rows], "components": [row.component for row in rows]}
    parts = np.array([row.parts for row in rows])
    pooler = PartPooler(transformer, min_score=0.1).fit(rows)
    scored = pooler.transform(photo_parts(photos, parts=parts, scores=scores, **columns))
    parts[scores < 0.1] = np.nan
    np.testing.assert_array_equal(scored, pooler.transform(photo_parts(photos, parts=parts, **columns)))


def test_a_part_outside_the_photo_is_missing(photos, transformer):
    pooler = PartPooler(transformer).fit([PhotoParts(photos[0], (1, 1, 9, 9), [(2, 2, 5, 5)])])
    outside = pooler.transform([PhotoParts(photos[0], (1, 1, 9, 9), [(-20, 2, 5, 5)])])
    assert outside[:, :20].any() and not outside[:, 20:].any()


def test_names_frames_pickles_and_clones(photos, transformer):
    rows = random_rows(photos)
    pooler = PartPooler(transformer, regions=REGIONS).set_output(transform="pandas")
    frame = pooler.fit_transform(rows)
    assert list(frame.columns[[0, 19, 20, 79]]) == ["box_0000", "box_0019", "front_0000", "unseen_0019"]
    assert len(set(frame.columns)) == 80
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(pooler)).transform(rows), frame)
    copied = clone(pooler)
    assert not hasattr(copied, "weights_") and copied.get_params()["transformer__layer"] == 6
    with pytest.raises(ValueError, match="not fitted"):
        copied.transform(rows)


def test_rows_split_as_any_x_does(transformer):
    photos = photo_arrays(30)
    model = make_pipeline(PartPooler(transformer, regions=REGIONS), LogisticRegression(C=10))
    assert cross_val_score(model, random_rows(photos), np.arange(30) % 3, cv=3).mean() > 0.8


def test_files_and_arrays_give_the_same(photos, transformer, tmp_path):
    rows, files = random_rows(photos), random_rows(write_photos(tmp_path, 8))
    np.testing.assert_array_equal(
        PartPooler(transformer, regions=REGIONS).fit_transform(rows),
        PartPooler(transformer, regions=REGIONS).fit_transform(pd.Series(files)),
    )


# Input that is refused


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"box": (0, 0, 0, 4)}, r"the box is \(0, 0, 0, 4\) \(x, y, width, height\), which has no area"),
        ({"box": (0, 0, np.inf, 4)}, "the box is .*, not finite numbers"),
        ({"box": (0, 0, 4)}, r"box has the shape \(3,\), not \(4,\)"),
        ({"parts": [NOTHING, (0, 0, 2, np.nan)]}, "the box of part 1 is .*, not finite numbers"),
        ({"parts": [(0, 0, -1, 2)] * 2}, "the box of part 0 is .*, which has no area"),
        ({"parts": [(0, 0, 1)] * 2}, r"parts has the shape \(2, 3\), not \(n, 4\)"),
        ({"scores": [1]}, r"scores has the shape \(1,\), not \(2,\)"),
        ({"components": -1}, "component is -1, not a whole number from 0"),
        ({"components": 0.5}, "component is 0.5, not a whole number"),
        ({"key_points": [(0, np.nan, 1)]}, "key point 0 is .*, not finite numbers"),
        ({"key_points": [(0, 1)]}, r"key_points has the shape \(1, 2\), not \(n, 3\)"),
        ({"parts": "ab"}, "could not convert"),
    ],
)
def test_bad_rows_are_named(values, message):
    good = {"box": (0, 0, 4, 4), "parts": [(0, 0, 2, 2), NOTHING]}
    columns = {name: [good.get(name, value), value] for name, value in ({**good, **values}).items()}
    columns["boxes"] = columns.pop("box")
    with pytest.raises(ValueError, match=rf"^row [01] \('[ab].jpg'\): {message}"):
        photo_parts(["a.jpg", "b.jpg"], **columns)


def test_columns_of_different_lengths():
    with pytest.raises(ValueError, match="there are 2 photos, but parts has 1 rows"):
        photo_parts(["a", "b"], [(0, 0, 4, 4)] * 2, [[NOTHING]])


def test_rows_that_are_no_rows(transformer):
    row = PhotoParts("a.jpg", (0, 0, 4, 4), [(0, 0, 2, 2)])
    pooler = PartPooler(transformer)
    for X, message in (
        (row, "X must be a sequence of PhotoParts"),
        (5, "X must be a sequence of PhotoParts"),
        ([row, "b.jpg"], "row 1 of X is of type str, not PhotoParts"),
        (np.zeros((2, 3)), "row 0 of X is of type ndarray"),
    ):
        with pytest.raises(TypeError, match=message):
            pooler.fit(X)
    with pytest.raises(ValueError, match="Found 0 photos"):
        pooler.fit([])
    with pytest.raises(ValueError, match=r"row 1 \('b.jpg'\) has 2 parts; there must be 1"):
        pooler.fit([row, PhotoParts("b.jpg", (0, 0, 4, 4), [(0, 0, 2, 2)] * 2)])


def test_errors_name_the_row_and_the_part(photos, transformer, tmp_path):
    rows = random_rows(photos)
    pooler = PartPooler(transformer, regions=REGIONS).fit(rows)
    box, parts = (1, 1, 9, 9), [NOTHING, (2, 2, 4, 4), (3, 3, 4, 4)]
    good = PhotoParts(photos[0], box, parts)
    for bad, message in (
        (
            PhotoParts(photos[1], box, [NOTHING, (2, 2, 4, 4), (900, 3, 4, 4)]),
            "row 1, part 2: .* none of them in the box",
        ),
        (PhotoParts(photos[1], (900, 1, 9, 9), parts), "row 1, box: .* none of them in the box"),
        (PhotoParts(photos[1], (-90, 1, 9, 9), parts), "row 1: a box of edges .* holds no pixel"),
        (PhotoParts(photos[1], box, parts[:2]), "row 1 has 2 parts; there must be 3"),
        (PhotoParts(photos[1], box, parts, component=2), "row 1 is of component 2; the last that fit saw is 1"),
        (PhotoParts(str(tmp_path / "none.jpg"), box, parts), r"row 1 \('.*none.jpg'\), box.* does not exist"),
    ):
        with pytest.raises(ValueError, match=message):
            pooler.transform([good, bad])


def test_bad_photos_become_nan(photos, tmp_path):
    transformer = DeCAFTransformer(6, dropout=False, weights=tiny_network(), on_error="nan")
    rows = random_rows(photos)
    pooler = PartPooler(transformer).fit(rows)
    lost = PhotoParts(str(tmp_path / "none.jpg"), rows[0].box, rows[0].parts)
    with pytest.warns(UserWarning, match="row 1"):
        found = pooler.transform([rows[2], lost, rows[3]])
    assert np.isnan(found[1]).all()
    np.testing.assert_array_equal(found[[0, 2]], pooler.transform(rows[[2, 3]]))


def test_key_points_that_do_not_fit(photos, transformer):
    rows = list(random_rows(photos))
    without = [PhotoParts(row.photo, row.box, row.parts) for row in rows]
    with pytest.raises(ValueError, match="regions needs key points, but no photo has any"):
        PartPooler(transformer, regions=REGIONS).fit(without)
    PartPooler(transformer, regions=REGIONS).fit([*without, *rows])
    with pytest.raises(ValueError, match="group 0 names key point 5; the key points are 0 to 4"):
        PartPooler(transformer, regions={"a": [5]}).fit(rows)
    rows[3] = PhotoParts(rows[3].photo, rows[3].box, rows[3].parts, key_points=[(0, 0, 1)])
    with pytest.raises(ValueError, match="row 3 has 1 key points; others have 5"):
        PartPooler(transformer, regions=REGIONS).fit(rows)


@pytest.mark.parametrize(
    "parameters", [{"transformer": 3}, {"regions": [(0,)]}, {"box_scale": 0}, {"part_scale": -1}, {"min_score": "a"}]
)
def test_bad_parameters(photos, parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        PartPooler(**parameters).fit(random_rows(photos))


# Most checks of scikit-learn give tables of numbers. These need none.
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
    getattr(estimator_checks, name)("PartPooler", PartPooler())
