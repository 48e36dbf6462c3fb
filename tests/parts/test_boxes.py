"""Boxes around key points, their overlap, and files of detections."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdecaf.parts import (
    BIRD_PARTS,
    box_overlap,
    correct_parts,
    key_point_boxes,
    photo_parts,
    read_detections,
    write_detections,
)

SIDE = st.integers(1, 12)
BOX = st.tuples(st.integers(0, 12), st.integers(0, 12), SIDE, SIDE)


def pixels_of(box):
    x, y, width, height = box
    return {(i, j) for i in range(x, x + width) for j in range(y, y + height)}


@given(BOX, BOX)
def test_overlap_is_that_of_sets_of_pixels(a, b):
    expected = len(pixels_of(a) & pixels_of(b)) / len(pixels_of(a) | pixels_of(b))
    assert box_overlap(a, b) == pytest.approx(expected) == box_overlap([[b]], a)[0, 0]


def test_correct_parts_count_annotated_parts_only():
    nothing = [np.nan] * 4
    expected = [[(0, 0, 4, 4), (0, 0, 2, 2), nothing], [(8, 8, 4, 4), nothing, nothing]]
    found = [[(0, 0, 4, 2), (1, 1, 2, 2), (0, 0, 1, 1)], [nothing, (0, 0, 1, 1), nothing]]
    np.testing.assert_array_equal(correct_parts(expected, found), [0.5, 0, np.nan])
    np.testing.assert_array_equal(correct_parts(expected, found, threshold=0.1), [0.5, 1, np.nan])


def test_boxes_around_key_points_by_hand():
    """The thing's box of 40 by 90 has a scale of 60: margins of 6, and sides of at least 12."""
    points = [[(30, 40, 1), (35, 60, 1), (99, 99, 0)], [(12, 22, 1), (0, 0, 0), (0, 0, 0)]]
    found = key_point_boxes(points, [(10, 20, 40, 90)] * 2, {"a": (0, 1), "b": (2,), "c": (0,)}, min_side=0.3)
    np.testing.assert_array_equal(found[0], [(23.5, 34, 18, 32), [np.nan] * 4, (21, 31, 18, 18)])
    np.testing.assert_array_equal(found[1], [(10, 20, 11, 11), [np.nan] * 4, (10, 20, 11, 11)])


def test_key_points_outside_the_box_give_no_box():
    assert np.isnan(key_point_boxes([[(500, 40, 1)]], [(10, 20, 40, 90)], [(0,)])).all()


def test_the_groups_of_birds_name_all_key_points():
    assert sorted({point for group in BIRD_PARTS.values() for point in group}) == list(range(15))


@pytest.mark.parametrize(
    ("points", "boxes", "groups", "message"),
    [
        (np.zeros((2, 3, 3)), np.ones((2, 4)), [(0, 3)], "group 0 names key point 3; the key points are 0 to 2"),
        (np.zeros((2, 3, 3)), np.ones((2, 4)), [(0,), ()], "group 1 is empty"),
        (np.zeros((2, 3, 2)), np.ones((2, 4)), [(0,)], r"key_points has the shape \(2, 3, 2\)"),
        (np.zeros((2, 3, 3)), np.ones((3, 4)), [(0,)], "inconsistent numbers of samples"),
    ],
)
def test_key_points_that_do_not_fit(points, boxes, groups, message):
    with pytest.raises(ValueError, match=message):
        key_point_boxes(points, boxes, groups)


# Files of detections

HEADER = "photo,part,x,y,width,height,score,component\n"


def test_detections_by_hand(tmp_path):
    path = tmp_path / "boxes.csv"
    path.write_text(
        HEADER + "b.jpg,tail,1,2,3,4,.5,1\nb.jpg,box,0,0,9,9,7,1\na.jpg,box,0,1,8,8,,\na.jpg,head,1,1,2,2,,\n"
    )
    rows, names = read_detections(path)
    assert names == ["head", "tail"] and [row.photo for row in rows] == [str(tmp_path / f"{n}.jpg") for n in "ba"]
    np.testing.assert_array_equal(rows[0].parts, [[np.nan] * 4, [1, 2, 3, 4]])
    np.testing.assert_array_equal(rows[0].scores, [np.nan, 0.5])
    assert (rows[0].component, rows[0].score, rows[1].component) == (1, 7, 0) and np.isnan(rows[1].score)
    rows, names = read_detections(path, ["tail", "wing", "head"], folder="photos")
    assert names == ["tail", "wing", "head"] and rows[0].photo.endswith("photos/b.jpg")
    np.testing.assert_array_equal(np.isnan(rows[1].parts[:, 0]), [True, True, False])


def test_detections_come_back_as_written(tmp_path):
    generator = np.random.default_rng(0)
    photos = [str(tmp_path / "birds" / f'odd, "{i}" \u00e9.jpg') for i in range(5)]
    parts = generator.uniform(1, 100, (5, 3, 4))
    parts[2, 1] = np.nan
    scores, components = generator.normal(size=(5, 3)), generator.integers(0, 3, 5)
    scores[2, 1] = np.nan
    rows = photo_parts(photos, generator.uniform(1, 9, (5, 4)), parts, scores=scores, components=components)
    write_detections(tmp_path / "boxes.csv", rows, ["b", "a", "c"])
    found, _ = read_detections(tmp_path / "boxes.csv", ["b", "a", "c"])
    for one, other in zip(rows, found, strict=True):
        assert (one.photo, one.component) == (other.photo, other.component)
        for name in ("box", "parts", "scores", "score"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no column 'photo'"),
        ("photo,part,x,y,width\n", "has no column 'height'"),
        (HEADER + "a,box,1,2,3\n", "line 2: height is '', not a number"),
        (HEADER + "a,box,1,2,3,4\na,head,1,b,3,4\n", "line 3: y is 'b', not a number"),
        (HEADER + "a,box,1,2,3,4\na,box,1,2,3,4\n", "line 3: 'box' of 'a' was there before"),
        (HEADER + "a,head,1,2,3,4\n", "has no line for the 'box' of '.*a'"),
        (HEADER + "a,box,1,2,3,4\na,hat,1,2,3,4\n", "line 3: 'hat' is not one of the parts 'head'"),
        (HEADER + "a,box,1,2,3,4,0,1.5\n", "line 2: component is '1.5', not a whole number"),
        (HEADER + "a,box,1,2,3,4,0,inf\n", "line 2: component is 'inf', not a whole number"),
        (HEADER + "a,box,1,2,3,4,0,-1\n", "line 2: of '.*a', component is -1"),
        (HEADER + "a,box,1,2,0,4\n", "line 2: of '.*a', the box is .*, which has no area"),
        (HEADER + "a,box,1,2,3,4\na,head,1,inf,3,4\n", "box of part 0 is .*, not finite numbers"),
    ],
)
def test_bad_files_of_detections(text, message, tmp_path):
    (tmp_path / "boxes.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_detections(tmp_path / "boxes.csv", ["head"])


def test_what_cannot_be_written(tmp_path):
    rows = photo_parts([np.zeros((4, 4))], [(0, 0, 2, 2)], [[(0, 0, 1, 1)]])
    with pytest.raises(ValueError, match="the photo of row 0 is of type ndarray, not a path"):
        write_detections(tmp_path / "boxes.csv", rows, ["head"])
    with pytest.raises(ValueError, match="row 0 .'a'. has 1 parts, not 2"):
        write_detections(tmp_path / "boxes.csv", photo_parts(["a"], [(0, 0, 2, 2)], [[(0, 0, 1, 1)]]), ["x", "y"])
    assert not list(tmp_path.iterdir())
