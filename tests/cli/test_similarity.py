"""``skdecaf search`` and ``skdecaf duplicates``: distances between photos of a folder."""

# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import re
import shutil
from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from photo_folders import broken_photo, photos_of, write_photo
from PIL import Image
from sklearn.cluster import DBSCAN
from sklearn.neighbors import NearestNeighbors

from skdecaf import DeCAFTransformer, FeatureCache
from skdecaf.cli import _similarity


def features_of(photos, weights, layer=5):
    return DeCAFTransformer(layer, dropout=False, weights=weights).fit_transform(photos)


def rows_of(output):
    return [line.split("\t") for line in output.splitlines()]


@pytest.fixture(params=[None, 100], ids=["one chunk", "chunks"])
def chunks(request, monkeypatch):
    """Distance matrices in one piece, and in pieces of a row."""
    if request.param:
        monkeypatch.setattr(_similarity, "_CHUNK_BYTES", request.param)


@pytest.mark.parametrize(("layer", "options"), [(5, ()), ("fc6", ("--layer", "6"))])
def test_search_finds_what_nearest_neighbors_finds(layer, options, command, weights, animals, tmp_path, chunks):
    photos, queries = photos_of(animals), [write_photo(tmp_path / f"{i}.png", i) for i in range(3)]
    code, output, errors = command("search", animals, *queries, "--weights", weights, "-q", "-k", "4", *options)
    assert (code, errors) == (0, "")
    rows = rows_of(output)
    assert [row[0] for row in rows] == [query for query in queries for _ in range(4)]
    neighbors = NearestNeighbors(n_neighbors=4, metric="cosine").fit(features_of(photos, weights, layer))
    distances, indices = neighbors.kneighbors(features_of(queries, weights, layer))
    assert [row[1] for row in rows] == [photos[i] for i in indices.ravel()]
    np.testing.assert_allclose([float(row[2]) for row in rows], distances.ravel(), atol=1e-4)


def test_a_photo_is_not_its_own_neighbour_by_any_name(command, weights, animals, tmp_path):
    query = photos_of(animals)[0]
    (tmp_path / "link.png").symlink_to(query)
    os.link(query, animals / "cat" / "copy.png")
    for name in (query, tmp_path / "link.png"):
        rows = rows_of(command("search", animals, name, "--weights", weights, "-q", "-k", "22")[1])
        assert len(rows) == 21 and query not in [row[1] for row in rows]
        assert rows[0] == [str(name), f"{animals}/cat/copy.png", "0.0000"]


def test_search_prints_json_and_leaves_out_broken_photos(command, weights, animals, tmp_path):
    photos, query = photos_of(animals), write_photo(tmp_path / "query.png", 3)
    broken = [broken_photo(animals / "cat" / "broken.png"), broken_photo(tmp_path / "broken.png")]
    arguments = ("search", animals, query, broken[1], "--weights", weights, "-q", "--json")
    code, output, errors = command(*arguments)
    assert (code, output) == (1, "") and "--on-error skip" in errors
    code, output, errors = command(*arguments, "--on-error", "skip")
    assert code == 0 and all(f"left out: '{photo}' cannot be read" in errors for photo in broken)
    found = json.loads(output)
    assert found["file"] == query and len(found["neighbors"]) == 5
    assert {one["file"] for one in found["neighbors"]} <= set(photos)
    distances = [one["distance"] for one in found["neighbors"]]
    assert distances == sorted(distances)
    code, _, errors = command("search", animals, broken[1], "--weights", weights, "-q", "--on-error", "skip")
    assert code == 1 and "none of the photos to search for can be read" in errors


@pytest.mark.parametrize("name", ["search", "duplicates"])
def test_features_are_kept(name, command, weights, animals, tmp_path, monkeypatch):
    query = [photos_of(animals)[0]] if name == "search" else []
    arguments = (name, animals, *query, "--weights", weights, "-q")
    first = command(*arguments, "--memory", tmp_path / "memory")[1]
    assert FeatureCache(tmp_path / "memory").info().n_rows == 21
    assert command(*arguments, "--memory", "none")[1] == first
    assert not (tmp_path / "skdecaf-home").exists()
    assert command(*arguments)[1] == first
    assert FeatureCache(tmp_path / "skdecaf-home" / "features").info().n_rows == 21


def test_duplicates_are_connected_photos(command, weights, animals, chunks):
    photos = photos_of(animals)
    features = features_of(photos, weights)
    distances = NearestNeighbors(n_neighbors=2, metric="cosine").fit(features).kneighbors()[0][:, 0]
    different = np.unique(distances.round(4))
    threshold = float(different[len(different) // 2 : len(different) // 2 + 2].mean())
    arguments = ("duplicates", animals, "--weights", weights, "-q", "--threshold", f"{threshold:.9f}")
    code, output, errors = command(*arguments)
    rows = rows_of(output)
    assert code == 0
    labels = DBSCAN(eps=threshold, min_samples=2, metric="cosine").fit_predict(features)
    grouped = [i for label in range(labels.max() + 1) for i in np.flatnonzero(labels == label)]
    assert labels.max() > 0 and len(grouped) < len(photos)
    assert [row[:2] for row in rows] == [[str(labels[i] + 1), photos[i]] for i in grouped]
    np.testing.assert_allclose([float(row[2]) for row in rows], distances[grouped], atol=1e-4)
    assert errors == f"skdecaf: {len(grouped)} of 21 photos in {labels.max() + 1} groups\n"
    groups = [json.loads(line)["photos"] for line in command(*arguments, "--json")[1].splitlines()]
    assert [one["file"] for group in groups for one in group] == [row[1] for row in rows]
    assert len(groups) == labels.max() + 1


def test_copies_have_distance_0_and_nothing_is_deleted(command, weights, animals):
    photos = photos_of(animals)
    assert command("duplicates", animals, "--weights", weights, "-q", "--threshold", "0")[:2] == (0, "")
    shutil.copy(photos[3], animals / "copy.png")
    code, output, _ = command("duplicates", animals, "--weights", weights, "-q", "--threshold", "0")
    assert code == 0
    assert rows_of(output) == [["1", photos[3], "0.0000"], ["1", f"{animals}/copy.png", "0.0000"]]
    assert photos_of(animals) == sorted([*photos, f"{animals}/copy.png"])


@pytest.mark.parametrize("name", ["search", "duplicates"])
def test_a_contact_sheet_needs_no_other_file(name, command, weights, animals, tmp_path):
    query = write_photo(animals / "cat" / 'a<b>"&.png', 0)
    shutil.copy(query, animals / "cat" / "copy.png")
    sheet = tmp_path / "sheet.html"
    places = [query] if name == "search" else ["--threshold", "0"]
    arguments = (name, animals, *places, "--weights", weights, "-q", "--html", sheet)
    code, output, _ = command(*arguments)
    n_shown = 6 if name == "search" else 2
    summary = "1 photos compared with 23" if name == "search" else "2 of 23 photos in 1 groups"
    assert (code, output) == (0, f"{sheet}: {summary}\n")
    text = sheet.read_text(encoding="utf-8")
    images = re.findall(r'<img src="data:image/jpeg;base64,([^"]+)"', text)
    assert len(images) == text.count("<figure>") == n_shown
    assert max(Image.open(BytesIO(b64decode(image))).size for image in images) == (40, 32)
    assert "a&lt;b&gt;&quot;&amp;.png<br>" in text and "0.0000" in text
    assert not re.search(r'(src|href)="(?!data:|file:)', text)
    code, _, errors = command(*arguments)
    assert code == 1 and "--overwrite" in errors
    assert command(*arguments, "--overwrite")[0] == 0
    assert command(*arguments, "--json")[0] == 2


def test_wrong_places_and_values(command, weights, animals, tmp_path):
    photo = photos_of(animals)[0]
    (tmp_path / "empty").mkdir()
    for arguments, code, says in [
        (("search", animals), 2, "no PHOTOS"),
        (("search", animals, photo, "-k", "22"), 2, "-k/--top: 22 is more than the 21 photos of the folder"),
        (("search", animals, photo, "--layer", "9"), 2, "there is no layer '9'"),
        (("search", photo, photo), 1, f"'{photo}' is not a folder"),
        (("search", animals, "nowhere.png"), 1, "'nowhere.png' does not exist"),
        (("duplicates", tmp_path / "nowhere"), 1, "nowhere' is not a folder"),
        (("duplicates", tmp_path / "empty"), 1, "empty' has no photos"),
        (("duplicates", animals, "--threshold", "-1"), 2, "'-1' is not a number from 0 to 2"),
        (("duplicates", animals, "--threshold", "nan"), 2, "'nan' is not a number from 0 to 2"),
        (("duplicates", animals, photo), 2, "unrecognized arguments"),
    ]:
        got, output, errors = command(*arguments, "--weights", weights, "-q")
        assert (got, output) == (code, "") and says in errors, (arguments, errors)


def test_a_small_folder_gives_what_it_has(command, weights, tmp_path):
    photos = [write_photo(tmp_path / "photos" / f"{i}.png", i) for i in range(2)]
    code, output, _ = command("search", tmp_path / "photos", *photos, "--weights", weights, "-q")
    assert code == 0 and [row[:2] for row in rows_of(output)] == [photos, photos[::-1]]
