"""Anybody's class folders."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import re
import shutil
import time
from collections import Counter

import numpy as np
import pytest
from dataset_archives import photo_bytes, write_files
from sklearn.datasets import load_files
from tiny_networks import tiny_network

from skdecaf import DeCAFTransformer
from skdecaf._utils.photo_folders import describe_ignored
from skdecaf.datasets import load_image_folder
from skdecaf.images import check_source

PHOTO = photo_bytes()


def test_photos_sorted_by_class_and_name(tmp_path):
    names = [
        "dog/b.JPG",
        "dog/a.jpeg",
        "cat/2010/winter/x.png",
        "cat/2009/y.webp",
        "cat/z.tif",
        "Cat/10.bmp",
        "Cat/9.gif",
    ]
    ignored = ["dog/notes.txt", "dog/.hidden.jpg", "dog/.thumbnails/a.jpg", ".git/a.jpg", "dog/Thumbs.db", "readme.md"]
    write_files(tmp_path, dict.fromkeys(names + ignored, PHOTO))
    says = f"skdecaf ignores files in '{tmp_path}' that it cannot read: 1 .md, 1 .txt"
    with pytest.warns(UserWarning, match=f"^{re.escape(says)}$"):
        bunch = load_image_folder(tmp_path)
    expected = [
        "Cat/10.bmp",
        "Cat/9.gif",
        "cat/2009/y.webp",
        "cat/2010/winter/x.png",
        "cat/z.tif",
        "dog/a.jpeg",
        "dog/b.JPG",
    ]
    assert bunch.filenames.tolist() == [str(tmp_path / name) for name in expected]
    assert bunch.target.tolist() == [0, 0, 1, 1, 1, 2, 2] and bunch.target.dtype == np.int64
    assert bunch.target_names == ["Cat", "cat", "dog"]
    assert bunch["DESCR"] == f"7 photos of 3 classes below {tmp_path}"


def test_as_scikit_learn_lists_them(tmp_path):
    write_files(tmp_path, {f"{name}/{i}.png": PHOTO for name in ("b", "a", "c") for i in range(3)})
    theirs = load_files(tmp_path, load_content=False, shuffle=False)
    ours = load_image_folder(tmp_path)
    assert ours.target_names == theirs.target_names
    pairs = zip(theirs.filenames.tolist(), theirs.target.tolist(), strict=True)
    assert sorted(zip(ours.filenames.tolist(), ours.target.tolist(), strict=True)) == sorted(pairs)


def test_paths_are_absolute(tmp_path, monkeypatch):
    write_files(tmp_path, {"photos/cat/1.png": PHOTO})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("photos", "./photos/", "~/photos", tmp_path / "photos"):
        assert load_image_folder(path).filenames.tolist() == [str(tmp_path / "photos" / "cat" / "1.png")]


@pytest.mark.parametrize("extensions", [["xyz"], (".XYZ",), "xyz", "*.xyz"])
def test_extensions(extensions, tmp_path):
    write_files(tmp_path, {"cat/1.xyz": PHOTO, "cat/2.XYZ": PHOTO, "cat/3.jpg": PHOTO})
    names = [os.path.basename(path) for path in load_image_folder(tmp_path, extensions=extensions).filenames]
    assert names == ["1.xyz", "2.XYZ"]


def test_a_class_without_such_photos_is_named_with_the_endings(tmp_path):
    write_files(tmp_path, {"cat/1.jpg": PHOTO})
    with pytest.raises(ValueError, match=r"cat' has no photos with a name that ends in .png or .gif; remove it, or"):
        load_image_folder(tmp_path, extensions=["png", "gif"])


def test_links_are_followed_but_not_in_circles(tmp_path):
    write_files(tmp_path, {"elsewhere/1.png": PHOTO, "photos/cat/2.png": PHOTO})
    (tmp_path / "photos" / "dog").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "photos" / "cat" / "again").symlink_to(tmp_path / "photos" / "cat")
    bunch = load_image_folder(tmp_path / "photos")
    assert [path.removeprefix(f"{tmp_path}/photos/") for path in bunch.filenames] == ["cat/2.png", "dog/1.png"]


def test_a_link_to_itself_is_a_photo_that_cannot_be_read(tmp_path):
    write_files(tmp_path, {"photos/cat/1.png": PHOTO})
    for name in ("cat/loop.png", "cat/loop", "loop"):
        (tmp_path / "photos" / name).symlink_to(tmp_path / "photos" / name)
    with pytest.warns(UserWarning, match="ignores files"):
        paths = load_image_folder(tmp_path / "photos").filenames
    assert [os.path.basename(path) for path in paths] == ["1.png", "loop.png"]
    with pytest.raises(ValueError, match=r"loop.png' cannot be read \(Too many levels of symbolic links\)"):
        check_source(paths[1])


def test_photos_beside_the_class_folders(tmp_path):
    write_files(tmp_path, {"cat/1.png": PHOTO, "stray.png": PHOTO})
    with pytest.warns(UserWarning, match=f"1 photos in '{tmp_path}' are in no class folder and are left out") as record:
        load_image_folder(tmp_path)
    assert record[0].filename == __file__


def test_what_is_no_folder_of_class_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing' is not a folder; give one"):
        load_image_folder(tmp_path / "missing")
    with pytest.raises(ValueError, match="has no class folders; give"):
        load_image_folder(tmp_path)
    write_files(tmp_path / "raw", {"1.NEF": b"", "2.NEF": b""})
    with pytest.raises(ValueError, match=r"has no class folders, only other files \(2 .NEF\); give"):
        load_image_folder(tmp_path / "raw")
    with pytest.raises(ValueError, match=r"has no class folders, only other files \(2 .NEF\); give"):
        load_image_folder(tmp_path / "raw", extensions="png")
    shutil.rmtree(tmp_path / "raw")
    write_files(tmp_path, {"cat/1.png": PHOTO, "dog/notes.txt": b""})
    with pytest.raises(ValueError, match=r"dog' has no photos, only other files \(1 .txt\); remove it, or fill"):
        load_image_folder(tmp_path)
    (tmp_path / "dog" / "notes.txt").unlink()
    with pytest.raises(ValueError, match="class folder '.*dog' has no photos; remove it, or fill it"):
        load_image_folder(tmp_path)


def test_many_kinds_of_other_files_are_counted_together():
    ignored = Counter({".nef": 3, "": 3, ".dng": 4} | {f".{i}": 1 for i in range(7)})
    assert describe_ignored(ignored) == "4 .dng, 3 without extension, 3 .nef, 1 .0, 1 .1, 1 .2, 1 .3, 1 .4, 2 others"


@pytest.mark.parametrize("as_frame", [False, True])
def test_the_transformer_takes_it(as_frame, tmp_path):
    write_files(tmp_path, {f"{name}/{i}.jpg": photo_bytes(i) for name in ("cat", "dog") for i in range(2)})
    X, y = load_image_folder(tmp_path, return_X_y=True, as_frame=as_frame)
    assert DeCAFTransformer(weights=tiny_network()).fit_transform(X, y).shape == (4, 20)


@pytest.mark.slow
def test_a_hundred_thousand_photos_in_two_seconds(tmp_path):
    for c in range(100):
        folder = tmp_path / f"class_{c:03d}"
        folder.mkdir()
        for i in range(1000):
            os.close(os.open(folder / f"image_{i:04d}.jpg", os.O_CREAT | os.O_WRONLY))
    start = time.process_time()
    bunch = load_image_folder(tmp_path)
    assert time.process_time() - start < 2
    assert bunch.data.shape == (100_000,) and bunch.target[-1] == 99
