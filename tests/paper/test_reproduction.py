"""From folders in the layouts of the data sets to tables in files."""

# SPDX-License-Identifier: BSD-3-Clause
import os

import numpy as np
import pytest
from dataset_archives import mat_bytes, photo_files, write_files
from tiny_networks import tiny_network

from skdecaf._paper import MissingPhotos, reproduce

pytestmark = pytest.mark.filterwarnings(
    "ignore:.* holds ", "ignore:classes have fewer samples", "ignore:the histograms of SURF"
)


def office_files():
    files = {}
    for domain, n in (("amazon", 5), ("dslr", 3), ("webcam", 5)):
        files |= photo_files({"back_pack": n, "bike": n}, f"{domain}/images/{{name}}/frame_{{i:04d}}.jpg")
    return files


def office_caltech_files():
    names = ("backpack", "bike", "calculator", "headphones", "keyboard", "laptop", "monitor", "mouse", "mug")
    files = {}
    for domain, n in (("amazon", 5), ("caltech10", 3), ("dslr", 3), ("webcam", 5)):
        files |= photo_files(dict.fromkeys((*names, "projector"), n), f"{domain}/{{name}}/frame_{{i:04d}}.jpg")
    return files


def office_caltech_surf():
    """Counts of words, five rows of each class in each domain."""
    files, labels = {}, np.repeat(np.arange(1, 11, dtype=np.uint8), 5)
    for i, domain in enumerate(("amazon", "caltech10", "dslr", "webcam")):
        counts = np.random.default_rng(i).poisson(1 + np.arange(800) % (1 + labels[:, None]), (50, 800))
        files[f"features/surf/{domain}.mat"] = mat_bytes({"fts": counts.astype(np.uint8), "labels": labels})
    return files


def birds_files():
    photos = photo_files({"001.Auk": 4, "002.Bunting": 4}, "images/{name}/{i:04d}.jpg")
    names = [path.removeprefix("images/") for path in photos]
    columns = {
        "images.txt": names,
        "classes.txt": ["001.Auk", "002.Bunting"],
        "image_class_labels.txt": np.repeat([1, 2], 4),
        "bounding_boxes.txt": ["2.0 2.0 4.0 4.0"] * 8,
        "train_test_split.txt": [1, 1, 0, 0] * 2,
        "parts/parts.txt": ["beak"],
    }
    tables = {
        name: "".join(f"{i} {value}\n" for i, value in enumerate(values, 1)).encode()
        for name, values in columns.items()
    }
    tables["parts/part_locs.txt"] = "".join(f"{i} 1 0.0 0.0 0\n" for i in range(1, 9)).encode()
    return {f"CUB_200_2011/{path}": content for path, content in (photos | tables).items()}


def scene_files():
    classes = {"a/abbey": 12, "b/bar": 12}
    files = photo_files(classes, "SUN397/{name}/sun_{i:04d}.jpg")

    def listed(numbers):
        return "".join(f"/{name}/sun_{i:04d}.jpg\n" for name in classes for i in numbers).encode()

    names = {"ClassName.txt": b"/a/abbey\n/b/bar\n"}
    for split in range(1, 11):
        names |= {f"Training_{split:02d}.txt": listed(range(1, 11)), f"Testing_{split:02d}.txt": listed((11, 12))}
    return files | {f"Partitions/{name}": content for name, content in names.items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("subject", "files", "name"),
    [
        ("office", office_files(), "table_1"),
        ("office", office_caltech_files(), "table_1"),
        ("cub", birds_files(), "table_2"),
        ("sun397", scene_files(), "table_3"),
    ],
    ids=["office", "office_caltech10", "cub", "sun397"],
)
def test_folders_become_tables_in_files(subject, files, name, tmp_path):
    write_files(tmp_path / "data", files)
    options = {"data_home": tmp_path / "data", "weights": tiny_network(), "quick": True, "folder": tmp_path / "out"}
    [table] = reproduce(subject, **options)
    assert table.name == name
    n_columns = 1 if subject == "cub" else None  # the box has no percentage of correct parts
    assert np.isfinite(table.scores[0, :n_columns]).all()
    assert "more are harder" in table.to_markdown()
    assert ("Without SURF: " in table.to_markdown()) == (subject == "office")
    assert {f"{name}.md", f"{name}.json", "cells", "features"} == set(os.listdir(tmp_path / "out"))


@pytest.mark.slow
def test_office_prints_published_figures_beside_ours_with_surf(tmp_path):
    photos = {f"images/{path}": content for path, content in office_caltech_files().items()}
    write_files(tmp_path / "office_caltech10", photos | office_caltech_surf())
    options = {"data_home": tmp_path, "weights": tiny_network(), "quick": True, "folder": tmp_path / "out"}
    tables = list(reproduce("office", classes=["bike", "mug"], **options))
    assert [table.name for table in tables] == ["table_1", "surf_drawn", "surf_all"]
    assert tables[0].columns[0] == "amazon → webcam, SURF"
    assert all("| published |" in table.to_markdown() for table in tables[1:])
    assert "200 photos of 10 classes, 2 draws." in tables[1].notes
    assert (tmp_path / "out" / "surf_all.md").read_text(encoding="utf-8") == tables[2].to_markdown() + "\n"
    assert "weights" not in tables[2].details


def test_office_without_surf_says_so_and_how_to_get_it(tmp_path):
    write_files(tmp_path, office_files())
    options = {"data_home": tmp_path, "weights": tiny_network(), "folder": tmp_path / "file"}
    (tmp_path / "file").write_bytes(b"")  # so that nothing is computed
    message = r"no columns for them; this command gets it: python -c '.*; fetch_office31\(features=\"surf\", data_home="
    with pytest.warns(UserWarning, match=message), pytest.raises(NotADirectoryError, match="the folder '.*file'"):
        next(reproduce("office", **options))


def test_office_with_one_domain_missing_says_what_is_there(tmp_path):
    write_files(tmp_path, {path: content for path, content in office_files().items() if "webcam" not in path})
    says = rf"not here \(looked in '{tmp_path}'\); '.*' has amazon, dslr without webcam"
    with pytest.raises(MissingPhotos, match=says):
        next(reproduce("office", data_home=tmp_path))


@pytest.mark.parametrize(
    ("subject", "files", "damaged", "says"),
    [
        ("cub", birds_files(), "CUB_200_2011/train_test_split.txt", "/train_test_split.txt' is missing"),
        ("cub", birds_files(), "CUB_200_2011/images/002.Bunting/0003.jpg", "1 of 8 photos are not in .*0003.jpg"),
        ("sun397", scene_files(), "SUN397/b/bar/sun_0003.jpg", "1 photos that the splits .* missing .*/sun_0003.jpg"),
        ("ilsvrc", {"ILSVRC2012_val_00000001.JPEG": b""}, None, "nothing says which classes the photos in"),
    ],
    ids=["list", "bird", "scene", "labels"],
)
def test_damaged_data_are_not_called_absent(subject, files, damaged, says, tmp_path):
    write_files(tmp_path, {path: content for path, content in files.items() if path != damaged})
    with pytest.raises(ValueError, match=says) as caught:
        next(reproduce(subject, data_home=tmp_path, folder=tmp_path / "out"))
    assert "python -c" not in str(caught.value)  # a download would not be looked at
    assert not (tmp_path / "out").exists()


def test_scenes_without_their_splits_are_absent(tmp_path):
    write_files(tmp_path, {path: content for path, content in scene_files().items() if "Partitions" not in path})
    with pytest.raises(MissingPhotos, match=r"Partitions.zip, are not there\nthis command gets it: .*fetch_sun397\("):
        next(reproduce("sun397", data_home=tmp_path))


@pytest.mark.parametrize("classes", [["bike"], ["bike", "bike"], []])
def test_one_class_is_too_few(classes, tmp_path):
    write_files(tmp_path, office_files())
    with pytest.raises(ValueError, match="at least two classes; got " + ("'bike'" if classes else "none")):
        next(reproduce("office", data_home=tmp_path, classes=classes, folder=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_an_unknown_subject_is_named():
    with pytest.raises(ValueError, match="'flowers' is not one of caltech101, office, cub, sun397, ilsvrc"):
        next(reproduce("flowers"))
