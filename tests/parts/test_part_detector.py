"""PartDetector on photos into which parts of other photos were pasted, at random places and scales."""

# SPDX-License-Identifier: BSD-3-Clause
import pickle

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.datasets import load_sample_images
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks
from small_photos import photo_arrays
from tiny_networks import tiny_network

from skdecaf import DeCAFTransformer
from skdecaf.parts import PartDetector, PartPooler, PhotoParts, box_overlap, correct_parts, photo_parts

pytest.importorskip("cv2")
pytest.importorskip("skimage")  # its photos

SIZE = (180, 140)  # of photos, width and height
WHOLE = (0, 0, *SIZE)
SIDE = 44  # of parts, at scale 1


@pytest.fixture(scope="module")
def part_photos():
    """The faces of a woman and of a cat."""
    from skimage import data

    faces = data.astronaut()[70:190, 165:285], data.chelsea()[40:220, 130:310]
    return [Image.fromarray(face) for face in faces]


@pytest.fixture(scope="module")
def backgrounds():
    from skimage import data

    photos = [*load_sample_images().images, data.coffee(), data.rocket()]
    return [Image.fromarray(photo) for photo in photos]


def background(backgrounds, generator):
    photo = backgrounds[generator.integers(len(backgrounds))]
    side = generator.integers(200, 400)
    left, top = (generator.integers(0, max(1, length - side)) for length in photo.size)
    return photo.crop((left, top, left + side, top + side * SIZE[1] // SIZE[0])).resize(SIZE)


def random_corners(generator, sides):
    """Corners of squares that do not overlap, anywhere in the photo."""
    while True:
        corners = np.array([generator.integers(0, np.subtract(SIZE, side)) for side in sides])
        gaps = np.abs(np.diff(corners + np.array(sides)[:, np.newaxis] / 2, axis=0)).ravel()
        if (gaps >= np.mean(sides)).any():
            return corners


def side_by_side(generator, sides):
    """The second square to the right of the first, but not at the same distance in each photo."""
    low = np.array([0, 10])
    first = low + generator.integers(0, np.subtract(SIZE, (sum(sides) + 14, max(sides) + 20)))
    return np.array([first, first + np.array([sides[0] + generator.integers(0, 14), generator.integers(-10, 10)])])


def planted(part_photos, backgrounds, n, seed, corners_of=random_corners):
    """Photos, and the boxes of the parts, of shape (n, 2, 4)."""
    generator, photos, boxes = np.random.default_rng(seed), [], []
    for _ in range(n):
        photo = background(backgrounds, generator)
        sides = np.round(SIDE * generator.uniform(0.8, 1.2, 2)).astype(int).tolist()
        corners = corners_of(generator, sides)
        for part, side, corner in zip(part_photos, sides, corners, strict=True):
            photo.paste(part.resize((side, side)), tuple(corner.tolist()))
        photos.append(np.asarray(photo))
        boxes.append([(*corner, side, side) for corner, side in zip(corners.tolist(), sides, strict=True)])
    return photos, np.array(boxes, dtype=float)


def around(boxes):
    low, high = boxes[..., :2].min(axis=1), (boxes[..., :2] + boxes[..., 2:]).max(axis=1)
    return np.concatenate([low, high - low], axis=1)


def parts_of(rows):
    return np.array([row.parts for row in rows])


@pytest.fixture(scope="module")
def scattered(part_photos, backgrounds):
    """Parts anywhere in the photo: a detector, and photos and boxes that it has not seen."""
    photos, boxes = planted(part_photos, backgrounds, 40, seed=0)
    detector = PartDetector(2, n_jobs=1, random_state=0).fit(photo_parts(photos, [WHOLE] * 40, boxes))
    return detector, boxes.mean(axis=0), *planted(part_photos, backgrounds, 25, seed=1)


@pytest.fixture(scope="module")
def scattered_default(part_photos, backgrounds):
    """The detector as it is without parameters, with twenty photos for each of its eight components."""
    photos, boxes = planted(part_photos, backgrounds, 160, seed=0)
    detector = PartDetector(random_state=0).fit(photo_parts(photos, [WHOLE] * 160, boxes))
    assert len(np.unique(detector.components_)) == 8
    return detector, boxes.mean(axis=0), *planted(part_photos, backgrounds, 25, seed=1)


@pytest.mark.parametrize("which", ["scattered", pytest.param("scattered_default", marks=pytest.mark.slow)])
def test_planted_parts_are_found(which, request):
    detector, mean, photos, boxes = request.getfixturevalue(which)
    found = detector.transform([PhotoParts(photo, WHOLE, np.full((2, 4), np.nan)) for photo in photos])
    correct = correct_parts(boxes, parts_of(found))
    at_mean_place = correct_parts(boxes, np.broadcast_to(mean, boxes.shape))
    assert (correct >= 0.7).all() and (correct >= at_mean_place + 0.2).all()
    for row, photo in zip(found, photos, strict=True):
        assert row.photo is photo and tuple(row.box) == WHOLE
        assert row.component in detector.components_ and np.isfinite([*row.scores, row.score]).all()
        edges = np.concatenate([row.parts[:, :2], row.parts[:, :2] + row.parts[:, 2:]], axis=1)
        assert (edges >= 0).all() and (edges <= np.tile(SIZE, 2)).all()


def test_the_thing_is_found_without_its_box(part_photos, backgrounds):
    photos, boxes = planted(part_photos, backgrounds, 40, 2, side_by_side)
    detector = PartDetector(1, n_jobs=1, random_state=0).fit(photo_parts(photos, around(boxes), boxes))
    photos, boxes = planted(part_photos, backgrounds, 15, 3, side_by_side)
    found = detector.transform(photos)
    assert (correct_parts(boxes, parts_of(found)) >= 0.7).all()
    assert np.mean(box_overlap(around(boxes), [row.box for row in found]) >= 0.5) >= 0.7


def test_scores_tell_photos_with_parts_from_others(scattered, backgrounds):
    detector, _, photos, _ = scattered
    generator = np.random.default_rng(5)
    others = [np.asarray(background(backgrounds, generator)) for _ in photos]
    with_parts, without = (
        [row.score for row in detector.transform([PhotoParts(photo, WHOLE, np.zeros((0, 4))) for photo in some])]
        for some in (photos, others)
    )
    assert np.mean(np.greater.outer(with_parts, without)) > 0.9


def test_order_threads_and_pickles_change_nothing(scattered):
    detector, _, photos, _ = scattered
    rows = photo_parts(photos[:9], [WHOLE] * 9, np.zeros((9, 0, 4)))
    expected = detector.transform(rows)
    threaded = pickle.loads(pickle.dumps(detector)).set_params(n_jobs=3)
    found = threaded.transform(rows[::-1])[::-1]
    np.testing.assert_array_equal(parts_of(found), parts_of(expected))
    assert [row.score for row in found] == [row.score for row in expected]
    assert threaded.transform([]).shape == (0,)


def test_fits_repeat_with_a_seed(part_photos, backgrounds):
    photos, boxes = planted(part_photos, backgrounds, 8, 4)
    rows = photo_parts(photos, [WHOLE] * 8, boxes)
    one, other = (PartDetector(2, n_rounds=1, random_state=3, n_jobs=k).fit(rows).transform(rows) for k in (1, 2))
    np.testing.assert_array_equal(parts_of(one), parts_of(other))


def test_a_pipeline_passes_key_points_on(part_photos, backgrounds):
    photos, boxes = planted(part_photos, backgrounds, 8, 6)
    centres = boxes[..., :2] + boxes[..., 2:] / 2
    key_points = np.concatenate([centres, np.ones((8, 2, 1))], axis=2)
    boxes[0, 1] = np.nan  # a part may be missing
    rows = photo_parts(photos, [WHOLE] * 8, boxes, key_points=key_points)
    transformer = DeCAFTransformer(6, dropout=False, weights=tiny_network())
    pooler = PartPooler(transformer, regions={"woman": (0,), "cat": (1,)})
    model = make_pipeline(PartDetector(1, n_rounds=0, random_state=0), pooler)
    expected = pooler.fit_transform(clone(model[0]).fit(rows).transform(rows))
    np.testing.assert_array_equal(model.fit_transform(rows), expected)
    assert model.transform(photos[:2]).shape == (2, 60)
    assert model.set_output(transform="pandas").fit_transform(rows).shape == (8, 60)


def test_a_part_that_no_photo_has():
    rows = photo_parts(photo_arrays(2), [(0, 0, 9, 9)] * 2, [[(1, 1, 5, 5), [np.nan] * 4]] * 2)
    with pytest.raises(ValueError, match="no photo has part 1"):
        PartDetector().fit(rows)


def test_bad_photos_and_boxes_are_named(scattered, tmp_path):
    detector, _, photos, boxes = scattered
    missing = str(tmp_path / "none.jpg")
    with pytest.raises(ValueError, match=r"image 1 \('.*none.jpg'\) does not exist"):
        detector.transform([photos[0], missing])
    with pytest.raises(ValueError, match=r"image 1 \('.*none.jpg'\) does not exist"):
        detector.fit(photo_parts([photos[0], missing], [WHOLE] * 2, boxes[:2]))
    outside = PhotoParts(photos[1], (500, 10, 9, 9), boxes[1])
    with pytest.raises(ValueError, match="row 1: the box lies outside the photo of 180 x 140 pixels"):
        detector.transform([photos[0], outside])
    with pytest.raises(TypeError, match="row 0 of X is of type ndarray, not PhotoParts"):
        detector.fit(photos)


def test_odd_photos(scattered):
    detector = scattered[0]
    for shape in ((1, 1, 3), (3, 90), (300, 2, 3), (40, 40, 4)):
        [row] = detector.transform([np.full(shape, 200, np.uint8)])
        assert np.isfinite(row.box).all()
        missing = np.isnan(row.parts).all(axis=1)  # the photo is too narrow for the part
        assert (np.isfinite(row.parts).all(axis=1) | missing).all() and (row.scores[missing] == -np.inf).all()
        assert not missing.any() or min(shape[:2]) < 4


@pytest.mark.parametrize(
    "parameters", [{"n_components": 0}, {"deformation": -1}, {"shrinkage": 0}, {"n_rounds": -1}, {"random_state": "a"}]
)
def test_bad_parameters(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        PartDetector(**parameters).fit([PhotoParts("a.jpg", (0, 0, 4, 4), [(0, 0, 2, 2)])])


def test_not_fitted_and_missing_package(monkeypatch):
    with pytest.raises(ValueError, match="not fitted"):
        PartDetector().transform(photo_arrays(1))
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(ImportError, match=r"PartDetector needs .*pip install \"skdecaf\[baselines\]\""):
        PartDetector().fit([PhotoParts("a.jpg", (0, 0, 4, 4), [(0, 0, 2, 2)])])


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
    getattr(estimator_checks, name)("PartDetector", PartDetector())
