"""From folders in the layouts of the data sets to tables in files."""

# SPDX-License-Identifier: BSD-3-Clause
import os

import numpy as np
import pytest
from dataset_archives import photo_files, write_files
from tiny_networks import tiny_network

from skdecaf.paper import reproduce

pytestmark = pytest.mark.filterwarnings(
    "ignore:.* holds ", "ignore:classes have fewer samples", "ignore:the histograms of SURF"
)


def office_files():
    files = {}
    for domain, n in (("amazon", 5), ("dslr", 3), ("webcam", 5)):
        files |= photo_files({"back_pack": n, "bike": n}, f"{domain}/images/{{name}}/frame_{{i:04d}}.jpg")
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
        ("cub", birds_files(), "table_2"),
        ("sun397", scene_files(), "table_3"),
    ],
    ids=["office", "cub", "sun397"],
)
def test_folders_become_tables_in_files(subject, files, name, tmp_path):
    write_files(tmp_path / "data", files)
    options = {"data_home": tmp_path / "data", "weights": tiny_network(), "quick": True, "folder": tmp_path / "out"}
    [table] = reproduce(subject, **options)
    assert table.name == name
    assert np.isfinite(table.scores[0]).all()
    assert "more are harder" in table.to_markdown()
    assert ("Without SURF: " in table.to_markdown()) == (subject == "office")
    assert {f"{name}.md", f"{name}.json", "cells", "features"} == set(os.listdir(tmp_path / "out"))


def test_office_without_surf_says_so_and_how_to_get_it(tmp_path):
    write_files(tmp_path, office_files())
    options = {"data_home": tmp_path, "weights": tiny_network(), "folder": tmp_path / "file"}
    (tmp_path / "file").write_bytes(b"")  # so that nothing is computed
    message = r"no columns for them; this command gets it: python -c '.*; fetch_office31\(features=\"surf\", data_home="
    with pytest.warns(UserWarning, match=message), pytest.raises(NotADirectoryError, match="the folder '.*file'"):
        next(reproduce("office", **options))


@pytest.mark.parametrize("classes", [["bike"], ["bike", "bike"], []])
def test_one_class_is_too_few(classes, tmp_path):
    write_files(tmp_path, office_files())
    with pytest.raises(ValueError, match="at least two classes; got " + ("'bike'" if classes else "none")):
        next(reproduce("office", data_home=tmp_path, classes=classes, folder=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_an_unknown_subject_is_named():
    with pytest.raises(ValueError, match="'flowers' is none of caltech101, office, cub, sun397, ilsvrc"):
        next(reproduce("flowers"))
