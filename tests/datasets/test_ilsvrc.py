"""ILSVRC-2012's validation photos: class folders, Caffe's numbers, and the development kit's own order of classes."""

# SPDX-License-Identifier: BSD-3-Clause
import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest
from dataset_archives import photo_bytes, write_files
from scipy.io import savemat

from skdecaf import ImageNetClassifier
from skdecaf.datasets import _ilsvrc as ilsvrc
from skdecaf.datasets import load_ilsvrc_val

# Photo 1, 2, 3 and so on have these; the kit numbers its classes otherwise than in ASCII order, and has inner nodes.
TRUTH = ["n03000003", "n01000001", "n02000002", "n01000001", "n03000003", "n02000002"]
KIT = {1: "n02000002", 2: "n03000003", 3: "n01000001"}
INNER = {4: "n00000009", 5: "n09000000"}
SYNSETS = sorted(KIT.values())
TARGET = [2, 0, 1, 0, 2, 1]
PHOTOS = [f"ILSVRC2012_val_{i + 1:08d}.JPEG" for i in range(len(TRUTH))]
FLAT = {name: photo_bytes() for name in PHOTOS}
VAL = "".join(f"{name} {target}\n" for name, target in zip(PHOTOS, TARGET, strict=True)).encode()


@pytest.fixture(autouse=True)
def few_photos(monkeypatch):
    monkeypatch.setattr(ilsvrc, "_N_PHOTOS", len(PHOTOS))


def write_devkit(folder):
    """The two files of the kit that matter, in their places: ``meta.mat`` has a struct for each synset."""
    numbers = {synset: number for number, synset in KIT.items()}
    truth = "".join(f"{numbers[synset]}\n" for synset in TRUTH).encode()
    write_files(folder / "data", {"ILSVRC2012_validation_ground_truth.txt": truth})
    kinds = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("num_children", "O"), ("children", "O")]
    synsets = np.empty((len(KIT) + len(INNER), 1), kinds)
    for row, (number, synset) in zip(synsets, (KIT | INNER).items(), strict=True):
        children = [1.0, 2.0] if number in INNER else []
        row[0] = (float(number), synset, "some, words", float(len(children)), np.array([children]))
    savemat(folder / "data" / "meta.mat", {"synsets": synsets}, do_compression=True)
    return folder


def check(bunch, names=SYNSETS):
    assert [os.path.basename(path) for path in bunch.filenames] == PHOTOS
    assert all(os.path.isabs(path) and os.path.isfile(path) for path in bunch.filenames)
    assert bunch.target.tolist() == TARGET and bunch.target.dtype == np.int64
    assert bunch.target_names == names


def test_files_that_are_not_named_as_photos_are_said_once(tmp_path):
    other = {"ILSVRC2012_val_00000008.NEF": b"", "notes.txt": b""}
    in_folders = {f"{synset}/{photo}": photo_bytes() for synset, photo in zip(TRUTH, PHOTOS, strict=True)}
    write_files(tmp_path / "flat", FLAT | {"val.txt": VAL} | other)
    write_files(tmp_path / "folders", in_folders | {f"{TRUTH[0]}/{name}": b"" for name in other})
    for folder, counts in (("flat", "1 .NEF"), ("folders", "1 .NEF, 1 .txt")):
        with pytest.warns(UserWarning) as record:
            bunch = load_ilsvrc_val(tmp_path / folder)
        assert len(bunch.data) == len(PHOTOS) and "ignored" not in bunch
        texts = [str(warning.message) for warning in record]
        assert texts == [f"skdecaf ignores files in '{tmp_path / folder}' that it cannot read: {counts}"]


# Class folders


@pytest.mark.parametrize("place", [".", "val"])
def test_class_folders(place, tmp_path):
    files = {f"{synset}/{photo}": photo_bytes() for synset, photo in zip(TRUTH, PHOTOS, strict=True)}
    write_files(tmp_path / place, files | {"notes/ILSVRC2012_val_00000009.JPEG": b""})
    bunch = load_ilsvrc_val(tmp_path)
    assert bunch.target_names == SYNSETS and bunch.target.tolist() == [0, 0, 1, 1, 2, 2]
    for path, target in zip(bunch.filenames, bunch.target, strict=True):
        assert TRUTH[PHOTOS.index(os.path.basename(path))] == SYNSETS[target]
    with pytest.raises(ValueError, match="class folders, which name the classes; leave out labels='val.txt'"):
        load_ilsvrc_val(tmp_path, labels="val.txt")


# Photos in one folder


@pytest.mark.parametrize("place", [".", "val", "ILSVRC2012_img_val"])
@pytest.mark.parametrize("labels", ["val.txt", "caffe_ilsvrc12/val.txt"])
def test_caffe(place, labels, tmp_path):
    write_files(tmp_path / place, FLAT)
    write_files(tmp_path, {labels: VAL})
    numbers = [str(i) for i in range(1000)]
    check(load_ilsvrc_val(tmp_path), numbers)
    check(load_ilsvrc_val(tmp_path / place), numbers)
    check(load_ilsvrc_val(str(tmp_path), labels=str(tmp_path / labels)), numbers)
    words = "".join(f"{synset} some, words\n" for synset in SYNSETS).encode()
    write_files((tmp_path / labels).parent, {"synset_words.txt": words})
    check(load_ilsvrc_val(tmp_path))


@pytest.mark.parametrize("kit", ["ILSVRC2012_devkit_t12", "."])
def test_devkit(kit, tmp_path):
    write_files(tmp_path / "ILSVRC2012_img_val", FLAT)
    write_devkit(tmp_path / kit)
    check(load_ilsvrc_val(tmp_path))
    check(load_ilsvrc_val(tmp_path / "ILSVRC2012_img_val"))


@pytest.mark.parametrize("labels", [".", "data", "data/ILSVRC2012_validation_ground_truth.txt"])
def test_devkit_elsewhere(labels, tmp_path):
    write_files(tmp_path / "photos", FLAT)
    write_devkit(tmp_path / "kit")
    check(load_ilsvrc_val(tmp_path / "photos", labels=tmp_path / "kit" / labels))


def test_a_list_of_synsets(tmp_path):
    write_files(tmp_path, FLAT | {"list": "\n".join(TRUTH).encode()})
    check(load_ilsvrc_val(tmp_path, labels=tmp_path / "list"))


def test_some_photos_keep_their_classes(tmp_path):
    write_files(tmp_path, {name: photo_bytes() for name in PHOTOS[2::2]})
    write_devkit(tmp_path)
    with pytest.warns(UserWarning, match=r"holds 2 of the 6 validation photos of ILSVRC-2012"):
        bunch = load_ilsvrc_val(tmp_path)
    assert bunch.target.tolist() == TARGET[2::2] and bunch.target_names == SYNSETS


def test_forms(tmp_path):
    write_files(tmp_path, FLAT | {"val.txt": VAL})
    X, y = load_ilsvrc_val(tmp_path, return_X_y=True)
    assert X.dtype == object and y.tolist() == TARGET
    frame = load_ilsvrc_val(tmp_path, as_frame=True).frame
    assert frame["filename"].tolist() == X.tolist() and frame["target"].tolist() == TARGET


# All 50,000, as TensorFlow Datasets has their labels


@pytest.fixture
def labels_of_tfds():
    """Synsets of all photos in the order of their names, and of all classes, read without importing TensorFlow."""
    found = importlib.util.find_spec("tensorflow_datasets")
    if found is None:
        pytest.skip("tensorflow-datasets is not installed")
    folder = Path(found.submodule_search_locations[0]) / "datasets" / "imagenet2012"
    return [folder / name for name in ("validation_labels.txt", "labels.txt")]


@pytest.mark.slow
def test_all_labels(labels_of_tfds, tmp_path, monkeypatch):
    monkeypatch.undo()
    labels, classes = (path.read_text(encoding="utf-8").split() for path in labels_of_tfds)
    photos = [f"ILSVRC2012_val_{i + 1:08d}.JPEG" for i in range(50_000)]
    for photo in photos:
        (tmp_path / photo).touch()
    numbers = {synset: i for i, synset in enumerate(classes)}
    lines = "".join(f"{photo} {numbers[label]}\n" for photo, label in zip(photos, labels, strict=True))
    write_files(tmp_path, {"val.txt": lines.encode(), "synsets.txt": labels_of_tfds[1].read_bytes()})
    for given in (None, labels_of_tfds[0]):  # Caffe's form, and the list of synsets as it is
        bunch = load_ilsvrc_val(tmp_path, labels=given)
        assert [os.path.basename(path) for path in bunch.filenames] == photos
        assert [bunch.target_names[i] for i in bunch.target] == labels
        assert bunch.target_names == classes and np.bincount(bunch.target).tolist() == [50] * 1000
    assert classes == ImageNetClassifier().classes_.tolist(), "as the networks number them"


# What is wrong


def test_no_photos(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(FileNotFoundError, match=f"{folder.name}' holds neither class folders such as n01440764"):
            load_ilsvrc_val(folder)


def test_no_labels(tmp_path):
    write_files(tmp_path, FLAT)
    with pytest.raises(FileNotFoundError, match="nothing says which classes.*place Caffe's val.txt or the folder"):
        load_ilsvrc_val(tmp_path)
    with pytest.raises(FileNotFoundError, match="as labels, not '.*elsewhere'"):
        load_ilsvrc_val(tmp_path, labels=tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "neither one nor two words"),
        (b"1 2 3\n", "neither one nor two words"),
        (b"ILSVRC2012_val_00000001.JPEG 1000\n", "it has the line 'ILSVRC2012_val_00000001.JPEG 1000'"),
        (b"ILSVRC2012_val_00000001.JPEG -1\n", "it has the line"),
        (b"ILSVRC2012_val_00000001.JPEG one\n", "'one'"),
        (b"n01440764/n01440764_1.JPEG 0\n", "it has the line"),
        (b"3\n2\n", "meta.mat has to lie beside it"),
        (b"n01000001\n3\n", "meta.mat has to lie beside it"),
        (b"ILSVRC2012_val_00000001.JPEG 0\n", r"says no class for '.*ILSVRC2012_val_00000002.JPEG'"),
        (b"\xff\xfe\0\0", "is not a list of the classes"),
    ],
)
def test_labels_that_cannot_be_read(content, match, tmp_path):
    write_files(tmp_path, FLAT | {"val.txt": content})
    with pytest.raises(ValueError, match=match) as caught:
        load_ilsvrc_val(tmp_path)
    assert "val.txt'" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no MATLAB file" * 50, None])
def test_a_kit_that_cannot_be_read(content, tmp_path):
    write_files(tmp_path, FLAT)
    write_devkit(tmp_path)
    meta = tmp_path / "data" / "meta.mat"
    meta.write_bytes(meta.read_bytes()[:-40] if content is None else content)
    with pytest.raises(
        ValueError, match="ground_truth.txt' is not a list of the classes of validation photos: .*meta.mat"
    ):
        load_ilsvrc_val(tmp_path)


def test_numbers_that_the_kit_does_not_have(tmp_path):
    write_files(tmp_path, FLAT)
    write_devkit(tmp_path)
    (tmp_path / "data" / "ILSVRC2012_validation_ground_truth.txt").write_text("1\n4\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"ground_truth.txt' is not a list .*: meta.mat beside it has no class 4$"):
        load_ilsvrc_val(tmp_path)
