"""The birds of 2010 and 2011: photos, boxes, parts and the published split, in their layouts."""

# SPDX-License-Identifier: BSD-3-Clause
import os

import numpy as np
import pytest
from dataset_archives import mat_bytes, photo_bytes, published, tar_bytes, write_files

from skdecaf.datasets import _cub200 as cub200
from skdecaf.datasets import fetch_cub200

CLASSES = ["001.Black_footed_Albatross", "002.Laysan_Albatross", "017.Cardinal"]
TARGET = np.repeat([0, 1, 2], [3, 2, 4])
NAMES = [f"{CLASSES[i]}/{CLASSES[i][4:]}_{row:04d}_{90 - row}.jpg" for row, i in enumerate(TARGET)]
BOXES = np.arange(36).reshape(9, 4) + np.array([0, 0.5, 30, 40])
BOXES_FROM_0 = [(x - 1, y - 1, width, height) for x, y, width, height in BOXES]
TRAIN, TEST = np.array([0, 3, 5, 6]), np.array([1, 2, 4, 7, 8])
PARTS = ["back", "left eye"]
PART_PLACES = np.array([[[i, i + 0.5, 1], [0, 0, 0] if i % 2 else [3, 4, 1]] for i in range(9)])


def lines(*columns):
    return "".join(" ".join(map(str, row)) + "\n" for row in zip(*columns, strict=True)).encode()


def files_of_2011():
    ids = range(1, 10)
    return {f"CUB_200_2011/images/{name}": photo_bytes(i) for i, name in enumerate(NAMES)} | {
        "CUB_200_2011/images.txt": lines(ids, NAMES),
        "CUB_200_2011/classes.txt": lines((1, 2, 3), CLASSES),
        "CUB_200_2011/image_class_labels.txt": lines(ids, TARGET + 1),
        "CUB_200_2011/bounding_boxes.txt": lines(ids, *BOXES.T),
        "CUB_200_2011/train_test_split.txt": lines(ids, np.isin(np.arange(9), TRAIN).astype(int)),
        "CUB_200_2011/parts/parts.txt": lines((1, 2), PARTS),
        "CUB_200_2011/parts/part_locs.txt": lines(np.repeat(ids, 2), [1, 2] * 9, *PART_PLACES.reshape(18, 3).T),
        "CUB_200_2011/attributes/attributes.txt": b"1 has_bill_shape\n",
        "attributes.txt": b"1 has_bill_shape::curved\n",
    }


def images_of_2010():
    return {f"images/{name}": photo_bytes(i) for i, name in enumerate(NAMES)} | {"images/._.DS_Store": b"no photo"}


def annotations_of_2010():
    files = {}
    for name, (x, y, width, height) in zip(NAMES, BOXES, strict=True):
        box = {"left": x, "top": y, "right": x + width, "bottom": y + height}
        content = mat_bytes({"bbox": box, "seg": np.zeros((50, 60), np.uint8), "wikipedia_url": "https://"})
        files[f"annotations-mat/{name.replace('.jpg', '.mat')}"] = content
    return files | {"annotations-mat/README.txt": b"about them"}


def lists_of_2010():
    return {
        "lists/files.txt": lines(NAMES),
        "lists/classes.txt": lines(CLASSES),
        "lists/train.txt": lines([NAMES[i] for i in TRAIN]),
        "lists/test.txt": lines([NAMES[i] for i in TEST]),
    }


@pytest.fixture(autouse=True)
def small(local, monkeypatch):
    monkeypatch.setattr(cub200, "_SIZES", dict.fromkeys((2010, 2011), (len(TRAIN), len(TEST))))
    monkeypatch.setattr(cub200, "_N_CLASSES", 3)


def check(bunch, version=2011):
    assert [path.rpartition("/images/")[2] for path in bunch.filenames] == NAMES and bunch.target_names == CLASSES
    assert all(map(os.path.isfile, bunch.filenames))
    np.testing.assert_array_equal(bunch.target, TARGET)
    np.testing.assert_array_equal(bunch.boxes, BOXES_FROM_0)
    assert bunch.boxes.dtype == np.float64 and bunch.target.dtype == np.int64
    [(train, test)] = bunch.splits
    np.testing.assert_array_equal(train, TRAIN)
    np.testing.assert_array_equal(test, TEST)
    assert f"CUB-200-{version}" in bunch.DESCR
    if version == 2011:
        expected = [[(x - 1, y - 1, 1) if visible else (0, 0, 0) for x, y, visible in photo] for photo in PART_PLACES]
        np.testing.assert_array_equal(bunch.parts, expected)
        assert bunch.part_names == PARTS


# 2011


@pytest.mark.parametrize(
    "place", [".", "cub200_2011", "birds", "downloads/extracted/TAR_GZ.data.caltech.edu_CUB_200_2011abc.tgz"]
)
def test_layouts_of_2011(place, tmp_path):  # the last is that of TensorFlow Datasets
    write_files(tmp_path / place, files_of_2011())
    check(fetch_cub200(data_home=tmp_path, download_if_missing=False))
    check(fetch_cub200(data_home=tmp_path / place / "CUB_200_2011", download_if_missing=False))


def test_download_of_2011(server, monkeypatch):
    source = published(server, {"CUB_200_2011.tgz": tar_bytes(files_of_2011())}, "cut")
    monkeypatch.setattr(cub200, "_SOURCES", cub200._SOURCES | {2011: (source,)})
    for _ in range(2):
        check(fetch_cub200())
    assert len({first for _, first in server.requests}) == len(server.requests) > 2


def test_the_order_of_lines_does_not_matter(tmp_path):
    files = files_of_2011()
    for name in ("bounding_boxes", "train_test_split", "image_class_labels", "parts/part_locs"):
        rows = files[f"CUB_200_2011/{name}.txt"].splitlines(keepends=True)
        files[f"CUB_200_2011/{name}.txt"] = b"".join(reversed(rows))
    write_files(tmp_path, files)
    check(fetch_cub200(data_home=tmp_path))


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        (
            "bounding_boxes.txt",
            lines(range(1, 9), *BOXES[:8].T),
            r"bounding_boxes.txt' does not have one line for each",
        ),
        ("bounding_boxes.txt", lines(range(1, 10), *BOXES.T[:3]), r"bounding_boxes.txt' has 4 columns instead of 5"),
        ("train_test_split.txt", b"1 yes\n", r"train_test_split.txt' is not a table of numbers"),
        (
            "train_test_split.txt",
            lines(range(1, 10), [0, 1, 2] * 3),
            "train_test_split.txt' has 2, not a whole number from 0 to 1",
        ),
        *(
            (
                "image_class_labels.txt",
                lines(range(1, 10), [*TARGET[:8] + 1, label]),
                f"image_class_labels.txt' has {label}, not a whole number from 1 to 3",
            )
            for label in (0, 4, 1.5, "nan")
        ),
        ("parts/part_locs.txt", b"1 3 0 0 0\n", r"part_locs.txt' does not have one line for each"),
        ("images.txt", lines([1] * 9, NAMES), r"images.txt' does not number its lines from 1"),
    ],
)
def test_lists_that_are_broken(name, content, problem, tmp_path):
    write_files(tmp_path, files_of_2011() | {f"CUB_200_2011/{name}": content})
    with pytest.raises(ValueError, match=problem):
        fetch_cub200(data_home=tmp_path)


@pytest.mark.parametrize("name", ["train_test_split.txt", "classes.txt"])
def test_a_list_that_is_missing_is_said(name, tmp_path):
    files = files_of_2011()
    del files[f"CUB_200_2011/{name}"]
    write_files(tmp_path, files)
    with pytest.raises(ValueError, match=f"{name}' is missing, though other parts of the data set exist"):
        fetch_cub200(data_home=tmp_path)


def test_photos_that_are_missing_are_said(tmp_path):
    write_files(tmp_path, files_of_2011())
    (tmp_path / "CUB_200_2011" / "images" / NAMES[3]).unlink()
    with pytest.raises(FileNotFoundError, match=rf"1 of 9 photos are not in .*: {NAMES[3]}"):
        fetch_cub200(data_home=tmp_path)
    (tmp_path / "CUB_200_2011" / "images").rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match=rf"^9 of 9 photos are not in .*: {NAMES[0]}"):
        fetch_cub200(data_home=tmp_path)


def test_other_numbers_are_said(tmp_path, monkeypatch):
    monkeypatch.setattr(cub200, "_SIZES", {2011: (5994, 5794)})
    write_files(tmp_path, files_of_2011())
    found = "holds 4 photos for training and 5 for testing, of 3 classes, where CUB-200-2011 has 5,994 photos for train"
    with pytest.warns(UserWarning, match=found):
        fetch_cub200(data_home=tmp_path)


# 2010


@pytest.mark.parametrize(
    "places",
    [
        (".", ".", "."),
        ("CUB_200_2010",) * 3,
        ("cub200_2010",) * 3,
        ("cub200_2010/images", "cub200_2010/annotations", "cub200_2010/lists"),
        ("downloads/extracted/a", "downloads/extracted/b", "downloads/extracted/c"),  # TensorFlow Datasets
    ],
)
def test_layouts_of_2010(places, tmp_path):
    for place, files in zip(places, (images_of_2010(), annotations_of_2010(), lists_of_2010()), strict=True):
        write_files(tmp_path / place, files)
    check(fetch_cub200(version=2010, data_home=tmp_path, download_if_missing=False), 2010)


ARCHIVES_OF_2010 = {
    "images.tgz": tar_bytes(images_of_2010()),
    "annotations.tgz": tar_bytes(annotations_of_2010()),
    "lists.tgz": tar_bytes(lists_of_2010()),
}


def test_download_of_2010(server, monkeypatch, tmp_path):
    source = published(server, ARCHIVES_OF_2010)
    monkeypatch.setattr(cub200, "_SOURCES", cub200._SOURCES | {2010: (source,)})
    write_files(tmp_path / "cub200_2010", {"images.tgz": ARCHIVES_OF_2010["images.tgz"]})  # the large one, by hand
    for _ in range(2):
        check(fetch_cub200(version=2010, data_home=tmp_path), 2010)
    assert len(server.requests) == 2
    with pytest.raises(FileNotFoundError, match=r"call fetch_cub200\(version=2010\).*images.tgz.* and annotations.tgz"):
        fetch_cub200(version=2010, download_if_missing=False)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        (
            "lists/train.txt",
            b"017.Cardinal/no.jpg\n",
            r"train.txt' names '017.Cardinal/no.jpg', which is not in 'files",
        ),
        (
            f"annotations-mat/{NAMES[1].replace('.jpg', '.mat')}",
            mat_bytes({"bbox": {"left": 1.0, "top": 2.0}}),
            r"Albatross_0001_89.mat' has no numbers left, top, right and bottom in its variable 'bbox'",
        ),
        (f"annotations-mat/{NAMES[1].replace('.jpg', '.mat')}", mat_bytes({"seg": 1}), r"has no variable 'bbox'"),
    ],
)
def test_annotations_that_are_broken(name, content, problem, tmp_path):
    write_files(tmp_path, images_of_2010() | annotations_of_2010() | lists_of_2010() | {name: content})
    with pytest.raises(ValueError, match=problem):
        fetch_cub200(version=2010, data_home=tmp_path)


# What comes back


def test_forms(tmp_path):
    write_files(tmp_path, files_of_2011())
    bunch = fetch_cub200(data_home=tmp_path, as_frame=True)
    assert list(bunch.frame.columns) == ["filename", "x", "y", "width", "height", "target"]
    assert list(bunch.data.columns) == ["filename", "x", "y", "width", "height"]
    np.testing.assert_array_equal(bunch.data[["x", "y", "width", "height"]], BOXES_FROM_0)
    X, y = fetch_cub200(data_home=tmp_path, return_X_y=True)
    np.testing.assert_array_equal(X, bunch.filenames)
    np.testing.assert_array_equal(y, TARGET)
    with pytest.raises(ValueError, match="version=2012 is neither 2010 nor 2011"):
        fetch_cub200(version=2012)
