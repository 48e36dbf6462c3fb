"""SUN-397: scenes in nested class folders, and the ten published splits."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import time

import numpy as np
import pytest
from dataset_archives import photo_files, published, tar_bytes, write_files, zip_bytes

from skdecaf.datasets import _sun397 as sun397
from skdecaf.datasets import fetch_sun397

COUNTS = {"a/abbey": 4, "a/apse/indoor": 4, "e/elevator/door": 4, "e/elevator_shaft": 5}
CLASSES = ["abbey", "apse/indoor", "elevator/door", "elevator_shaft"]
FILES = photo_files(COUNTS, "SUN397/{name}/sun_{i:04d}.jpg") | {
    "SUN397/ClassName.txt": "".join(f"/{name}\n" for name in COUNTS).encode(),
    "SUN397/README.txt": b"about it",
}
N_PHOTOS = sum(COUNTS.values())


def listed(numbers):
    """A published list: these photos of each class, as DOS ends lines."""
    return "".join(f"/{name}/sun_{i:04d}.jpg\r\n" for name in COUNTS for i in numbers).encode()


def train_and_test(split):
    return [1 + split % 4, 1 + (split + 1) % 4], [1 + (split + 2) % 4]


PARTITIONS = {"ClassName.txt": FILES["SUN397/ClassName.txt"]}
for split in range(10):
    train, test = train_and_test(split)
    PARTITIONS |= {f"Training_{split + 1:02d}.txt": listed(train), f"Testing_{split + 1:02d}.txt": listed(test)}


@pytest.fixture(autouse=True)
def small(local, monkeypatch):
    monkeypatch.setattr(sun397, "_N_PHOTOS", N_PHOTOS)
    monkeypatch.setattr(sun397, "_N_CLASSES", len(COUNTS))


def check_photos(bunch):
    assert bunch.target_names == CLASSES
    assert np.bincount(bunch.target).tolist() == list(COUNTS.values())
    for path, target in zip(bunch.filenames, bunch.target, strict=True):
        assert os.path.isfile(path) and f"/{CLASSES[target]}/sun_" in path


def check_splits(bunch):
    assert len(bunch.splits) == 10
    for i, rows in enumerate(bunch.splits):
        for part, numbers in zip(rows, train_and_test(i), strict=True):
            assert part.dtype == np.int64
            names = [bunch.filenames[row].rpartition("SUN397")[2] for row in part]
            assert names == listed(numbers).decode().split()


def test_files_that_are_not_named_as_photos_are_said_once(tmp_path):
    other = {"SUN397/a/abbey/sun_0009.NEF": b"", "SUN397/a/abbey/sun_0010.NEF": b"", "SUN397/a/notes.txt": b""}
    write_files(tmp_path, FILES | other)
    with pytest.warns(UserWarning) as record:
        bunch = fetch_sun397(data_home=tmp_path, download_if_missing=False)
    check_photos(bunch)
    assert "ignored" not in bunch
    (text,) = [str(warning.message) for warning in record]
    assert text == f"skdecaf ignores files in '{tmp_path}/SUN397' that it cannot read: 2 .NEF, 1 .txt"


@pytest.mark.parametrize(
    ("place", "partitions"),
    [
        (".", "Partitions"),  # torchvision, with the splits beside it
        (".", "SUN397/Partitions"),
        (".", "SUN397"),
        ("sun397", "sun397/Partitions"),
        ("sun397/extracted", "sun397/partitions/extracted"),  # ours
        ("downloads/extracted/TAR_GZ.SUN397", "downloads/extracted/ZIP.Partitions"),  # TensorFlow Datasets
    ],
)
def test_layouts(place, partitions, tmp_path):
    write_files(tmp_path / place, FILES)
    write_files(tmp_path / partitions, PARTITIONS)
    bunch = fetch_sun397(data_home=tmp_path, download_if_missing=False)
    check_photos(bunch)
    check_splits(bunch)


def test_the_folder_itself(tmp_path):
    write_files(tmp_path, FILES)
    write_files(tmp_path / "SUN397" / "Partitions", PARTITIONS)
    check_splits(fetch_sun397(data_home=tmp_path / "SUN397", download_if_missing=False))


@pytest.fixture
def publish(server, monkeypatch):
    monkeypatch.setattr(sun397, "_PHOTOS", (published(server, {"SUN397.tar.gz": tar_bytes(FILES)}),))
    monkeypatch.setattr(sun397, "_PARTITIONS", (published(server, {"Partitions.zip": zip_bytes(PARTITIONS)}),))
    return server


def test_download(publish, tmp_path):
    for _ in range(2):
        bunch = fetch_sun397()
        check_photos(bunch)
        check_splits(bunch)
    assert len(publish.requests) == 2


def test_splits_of_photos_that_are_there_are_downloaded(publish, tmp_path):
    write_files(tmp_path, FILES)
    bunch = fetch_sun397(data_home=tmp_path, download_if_missing=False)
    check_photos(bunch)
    assert bunch.splits == [] and publish.requests == []
    fetch_sun397(data_home=tmp_path, return_X_y=True)
    assert publish.requests == []  # nobody asked for splits
    check_splits(fetch_sun397(data_home=tmp_path))
    assert len(publish.requests) == 1


def test_archives_by_hand(publish, tmp_path):
    write_files(tmp_path, {name: publish.files[name] for name in ("SUN397.tar.gz", "Partitions.zip")})
    check_splits(fetch_sun397(data_home=tmp_path, download_if_missing=False))
    assert publish.requests == []


def test_photos_that_splits_name_and_that_are_missing_are_named(tmp_path):
    write_files(tmp_path, FILES)
    write_files(tmp_path, {f"Partitions/{name}": content for name, content in PARTITIONS.items()})
    (tmp_path / "SUN397" / "a" / "abbey" / "sun_0002.jpg").unlink()
    with (
        pytest.warns(UserWarning, match="holds 16 photos of 4 classes where SUN-397 has 17 of 4"),
        pytest.raises(FileNotFoundError, match=r"1 photos that the splits .* are missing .*: /a/abbey/sun_0002.jpg$"),
    ):
        fetch_sun397(data_home=tmp_path)


def test_fewer_splits_are_said(tmp_path):
    write_files(tmp_path, FILES)
    names = ("Training_01.txt", "Testing_01.txt", "Training_02.txt")
    write_files(tmp_path / "Partitions", {name: PARTITIONS[name] for name in names})
    with pytest.warns(UserWarning, match="holds 1 splits instead of 10"):
        assert len(fetch_sun397(data_home=tmp_path).splits) == 1


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"SUN-397 is not in .*; call fetch_sun397\(data_home=.*SUN397.tar.gz"):
        fetch_sun397(data_home=tmp_path, download_if_missing=False)


def test_frame(tmp_path):
    write_files(tmp_path, FILES)
    bunch = fetch_sun397(data_home=tmp_path, as_frame=True, download_if_missing=False)
    assert list(bunch.frame.columns) == ["filename", "target"] and "research only" in bunch.DESCR


@pytest.mark.slow
def test_as_many_photos_as_there_are_are_listed_in_two_seconds(tmp_path, monkeypatch):
    monkeypatch.setattr(sun397, "_N_PHOTOS", 397 * 274)
    monkeypatch.setattr(sun397, "_N_CLASSES", 397)
    for i in range(274):
        write_files(tmp_path / "class", {f"sun_{i:015d}.jpg": b""})
    for i in range(397):
        folder = tmp_path / "SUN397" / chr(97 + i % 26) / f"class{i}"
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.symlink_to(tmp_path / "class")
    begin = time.process_time()
    bunch = fetch_sun397(data_home=tmp_path, download_if_missing=False)
    assert time.process_time() - begin < 2
    assert len(bunch.data) == 397 * 274 and len(bunch.target_names) == 397
