"""What all data sets have in common, on one of two archives that is made up here."""

# SPDX-License-Identifier: BSD-3-Clause
import pickle
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from dataset_archives import photo_files, published, tar_bytes, write_files, zip_bytes
from folder_listing import names_in

from skdecaf._utils.archives import Limits
from skdecaf._utils.download import PublishedFile
from skdecaf._utils.photo_folders import list_class_folders
from skdecaf.datasets._bunch import as_bunch
from skdecaf.datasets._dataset import AbsentDataset, Dataset, wrong_counts
from skdecaf.datasets._locate import datasets_home, load

COUNTS = {"cat": 2, "dog": 3}
PHOTOS = tar_bytes(photo_files(COUNTS, "pets/{name}/{i}.jpg"))
LISTS = zip_bytes({"lists/train.txt": b"1 3"})


pytestmark = pytest.mark.usefixtures("local")


def pets(*sources, n_members=100, arguments=()):
    return Dataset(
        name="pets",
        title="Pets",
        fetcher="fetch_pets",
        sources=sources,
        places=("pets", "*/pets"),
        is_here=lambda folder: (folder / "cat").is_dir(),
        read=list_class_folders,
        problem=partial(wrong_counts, "Pets", COUNTS),
        limits=Limits(10**6, n_members),
        description="Photos of pets.",
        arguments=arguments,
    )


def names(listing):
    return ["/".join(Path(path).parts[-2:]) for path in listing["filenames"]]


ALL = ["cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/2.jpg", "dog/3.jpg"]


def test_several_archives_make_one_data_set(server, tmp_path):
    dataset = pets(published(server, {"photos.tgz": PHOTOS, "lists.zip": LISTS}))
    assert names(load(dataset, tmp_path, True)) == ALL
    assert (tmp_path / "pets" / "extracted" / "lists" / "train.txt").is_file()


def test_what_is_there_of_them_is_not_downloaded(server, tmp_path):
    dataset = pets(published(server, {"photos.tgz": PHOTOS, "lists.zip": LISTS}))
    write_files(tmp_path, {"photos.tgz": PHOTOS})
    with pytest.raises(FileNotFoundError, match=r"place photos.tgz \(from http.*\) and lists.zip \(from http.*\) in"):
        load(dataset, tmp_path, False)
    assert names(load(dataset, tmp_path, True)) == ALL
    assert len(server.requests) == 1 and not (tmp_path / "pets" / "photos.tgz").exists()


def test_the_next_source_is_tried(server, tmp_path):
    first = published(server, {"photos.tgz": PHOTOS}, "missing")
    second = published(server, {"pets.zip": zip_bytes(photo_files(COUNTS, "pets/{name}/{i}.jpg"))})
    assert names(load(pets(first, second), tmp_path, True)) == ALL
    assert server.requests == [("missing", 0), ("good", 0)]
    with pytest.raises(OSError, match=r"photos.tgz could not be downloaded \(.*404.*\); place photos.tgz \(from"):
        load(pets(first), tmp_path / "other", True)


def test_a_source_that_is_published_nowhere_is_for_hands_only(server, tmp_path):
    dataset = pets(tuple(part.__class__(part.name, (), part.digest) for part in published(server, {"a.tgz": PHOTOS})))
    with pytest.raises(FileNotFoundError, match=r"^place a.tgz in '.*pets' by hand$"):
        load(dataset, tmp_path, True)
    write_files(tmp_path / "pets", {"a.tgz": PHOTOS})
    assert names(load(dataset, tmp_path, True)) == ALL


def test_limits_are_those_of_the_data_set(server, tmp_path):
    with pytest.raises(ValueError, match=r"photos.tgz' contains more than the 4 files and folders"):
        load(pets(published(server, {"photos.tgz": PHOTOS}), n_members=4), tmp_path, True)


def test_what_fails_leaves_nothing_behind(server, tmp_path):
    for source in (
        published(server, {"photos.tgz": PHOTOS}, "missing"),
        published(server, {"photos.tgz": b"<html>" * 99}),
    ):
        with pytest.raises(OSError, match=r"photos.tgz could not be downloaded"):
            load(pets(source), tmp_path, True)
        with pytest.raises(FileNotFoundError):
            load(pets(source), tmp_path, False)
        assert names_in(tmp_path / "pets") == []
    write_files(tmp_path, {"photos.tgz": PHOTOS[:-40]})
    with pytest.raises(ValueError, match="photos.tgz' is damaged"):
        load(pets((PublishedFile("photos.tgz"),)), tmp_path, True)
    assert names_in(tmp_path / "pets") == []


def test_a_home_that_cannot_be_written(server):
    with pytest.raises(
        OSError, match="cannot write photos.tgz to '/proc/home/pets': .*; data_home chooses another folder"
    ):
        load(pets(published(server, {"photos.tgz": PHOTOS})), "/proc/home", True)


def test_a_folder_that_cannot_be_locked(server, tmp_path):
    (tmp_path / "pets" / ".extracted.lock").mkdir(parents=True)
    with pytest.raises(OSError, match="^Pets cannot be extracted to '.*extracted': Is a directory; data_home chooses"):
        load(pets(published(server, {"photos.tgz": PHOTOS})), tmp_path, True)
    assert names_in(tmp_path / "pets") == ["photos.tgz"]


def test_an_extracted_folder_that_was_emptied(server, tmp_path):
    dataset = pets(published(server, {"photos.tgz": PHOTOS}))
    write_files(tmp_path / "pets" / "extracted", {"rest": b""})
    with pytest.raises(ValueError, match="extracted' has no Pets; delete it, and call again"):
        load(dataset, tmp_path, True)


def test_the_call_that_gets_it_has_its_arguments(tmp_path):
    dataset = pets((PublishedFile("pets.zip", ("https://pets.example/pets.zip",)),), arguments=("version=2",))
    with pytest.raises(FileNotFoundError, match=rf"call fetch_pets\(data_home='{tmp_path}', version=2\) with a"):
        load(dataset, tmp_path, False)


def test_what_is_absent_is_said_at_length_and_in_short(tmp_path):
    dataset = pets((PublishedFile("pets.zip", ("https://pets.example/pets.zip",)),))
    with pytest.raises(AbsentDataset) as caught:
        load(dataset, tmp_path, False)
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):  # as it comes out of a process
        assert "https://pets.example/pets.zip" in str(error)
        assert error.summary == f"Pets is not here (looked in {str(tmp_path)!r})"
    assert AbsentDataset("no pets").summary == "no pets"


def test_the_folder_of_data_sets(tmp_path, monkeypatch):
    monkeypatch.setenv("SKDECAF_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", "/home/someone")
    assert datasets_home() == tmp_path / "datasets"
    assert datasets_home("~/data") == datasets_home("/home/someone/x/../data") == Path("/home/someone/data")
    monkeypatch.chdir(tmp_path)
    assert datasets_home("data") == tmp_path / "data"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ([0, 0, 1, 1, 1], ""),
        ([0, 1, 1, 1], "holds 4 photos where Pets has 5 (1 of 2 in cat)"),
        ([0, 0, 1, 1, 1, 2], "holds 6 photos where Pets has 5 (1 of 0 in emu)"),
        ([0, 2], "holds 2 photos where Pets has 5 (1 of 2 in cat, 0 of 3 in dog, 1 of 0 in emu)"),
    ],
)
def test_wrong_counts(target, said):
    listing = {"target": target, "target_names": ["cat", "dog", "emu"] if 2 in target else ["cat", "dog"]}
    assert wrong_counts("Pets", COUNTS, listing) == said


def test_boxes_and_domains_are_columns():
    listing = {
        "filenames": ["/a.jpg", "/b.jpg"],
        "target": [1, 0],
        "target_names": ["cat", "dog"],
        "boxes": np.array([[0.0, 1, 2, 3], [4, 5, 6, 7]]),
        "sample_domain": np.array([1, -2]),
    }
    bunch = as_bunch(listing, "about", return_X_y=False, as_frame=True)
    assert list(bunch.frame.columns) == ["filename", "x", "y", "width", "height", "sample_domain", "target"]
    np.testing.assert_array_equal(bunch.frame[["x", "y", "width", "height"]], listing["boxes"])
    assert "target" not in bunch.data and "sample_domain" not in bunch.data
    assert bunch.boxes is listing["boxes"] and bunch.filenames.tolist() == listing["filenames"]


def test_without_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    listing = {"filenames": [], "target": [], "target_names": []}
    with pytest.raises(ImportError, match="as_frame=True needs the package pandas; run pip install pandas"):
        as_bunch(listing, "", return_X_y=False, as_frame=True)
