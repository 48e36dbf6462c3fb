"""Caltech-101: brought and found in each of its layouts, and whatever goes wrong on the way."""

# SPDX-License-Identifier: BSD-3-Clause
import errno
import os
import signal
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from dataset_archives import photo_files, published, tar_bytes, write_files, zip_bytes
from folder_listing import names_in

from skdecaf._utils import archives
from skdecaf._utils.download import PublishedFile
from skdecaf.datasets import _caltech101 as caltech101
from skdecaf.datasets import fetch_caltech101

COUNTS = {"BACKGROUND_Google": 3, "Faces": 4, "Faces_easy": 4, "accordion": 5, "inline_skate": 2}
FILES = photo_files(COUNTS, "101_ObjectCategories/{name}/image_{i:04d}.jpg") | {
    "101_ObjectCategories/BACKGROUND_Google/tmp": b"a stray file",
}
TAR = tar_bytes(FILES)
ZIP = zip_bytes(
    {
        "caltech-101/101_ObjectCategories.tar.gz": TAR,
        "caltech-101/Annotations.tar": tar_bytes({"Annotations/Faces_2/annotation_0001.mat": b"an outline"}, ""),
        "caltech-101/show_annotation.m": b"% a script",
        "__MACOSX/caltech-101/._101_ObjectCategories.tar.gz": b"no archive",
    }
)
N_PHOTOS = sum(COUNTS.values())


@pytest.fixture(autouse=True)
def few_photos(local, monkeypatch):
    monkeypatch.setattr(caltech101, "_COUNTS", COUNTS)


@pytest.fixture
def publish(server, monkeypatch):
    """Let archives (name -> bytes) be what was published; the rest is the server's business."""

    def publish(contents, how="good", **options):
        source = published(server, contents, how, **options)
        monkeypatch.setattr(caltech101, "_SOURCES", (source, caltech101._SOURCES[1]))

    publish({"caltech-101.zip": ZIP})
    return publish


def check_complete(bunch):
    names = sorted(COUNTS)
    assert bunch.target_names == names
    assert Counter(bunch.target.tolist()) == {i: COUNTS[name] for i, name in enumerate(names)}
    for path, target in zip(bunch.filenames, bunch.target, strict=True):
        folder, name = os.path.split(path)
        assert os.path.isabs(path) and os.path.basename(folder) == names[target] and name.endswith(".jpg")
        with open(path, "rb") as file:
            assert file.read(2) == b"\xff\xd8"


# Brought


def test_it_is_downloaded_once(publish, server, tmp_path):
    for _ in range(2):
        check_complete(fetch_caltech101())
    assert server.requests == [("good", 0)]
    assert (tmp_path / "home" / "datasets" / "caltech101" / "caltech-101.zip").read_bytes() == ZIP


def test_files_that_are_not_named_as_photos_are_said_once(tmp_path):
    write_files(tmp_path, FILES | {"101_ObjectCategories/Faces/image_0009.NEF": b""})
    with pytest.warns(UserWarning) as record:
        bunch = fetch_caltech101(data_home=tmp_path)
    assert len(bunch.data) == N_PHOTOS and "ignored" not in bunch
    folder = tmp_path / "101_ObjectCategories"
    texts = [str(warning.message) for warning in record]
    assert texts == [f"skdecaf ignores files in '{folder}' that it cannot read: 1 .NEF"]


def test_what_the_real_table_of_classes_sums_up_to(monkeypatch):
    monkeypatch.undo()
    counts = caltech101._COUNTS
    assert len(counts) == 102 and sum(counts.values()) == 9144 and list(counts) == sorted(counts)
    assert (min(counts.values()), max(counts.values())) == (counts["inline_skate"], counts["airplanes"]) == (31, 800)
    assert counts["BACKGROUND_Google"] == 467 and counts["Faces"] == counts["Faces_easy"] == 435


def test_a_download_that_is_cut_off_is_continued(publish, server):
    publish({"caltech-101.zip": ZIP}, "cut")
    check_complete(fetch_caltech101())
    starts = [first for _, first in server.requests]
    assert len(starts) > 3 and starts == sorted(set(starts))


def test_wrong_bytes_are_no_data_set(publish, tmp_path):
    publish({"caltech-101.zip": ZIP}, "wrong")
    with pytest.raises(OSError, match=r"wrong/caltech-101.zip: another file than expected.*; place caltech-101.zip"):
        fetch_caltech101(data_home=tmp_path)
    assert not list(tmp_path.rglob("*.jpg"))


def test_a_page_of_excuses_is_no_archive(publish, tmp_path):
    publish({"caltech-101.zip": b"<html>Quota exceeded"}, with_digest=False)
    with pytest.raises(OSError, match=r"the response is not an archive"):
        fetch_caltech101(data_home=tmp_path)
    publish({"caltech-101.zip": ZIP}, with_digest=False)
    check_complete(fetch_caltech101(data_home=tmp_path))


def test_a_download_with_other_numbers_of_photos_is_refused(publish, tmp_path):
    fewer = tar_bytes(dict(list(FILES.items())[4:]))
    publish({"caltech-101.zip": zip_bytes({"caltech-101/101_ObjectCategories.tar.gz": fewer})}, with_digest=False)
    with pytest.raises(ValueError, match=r"caltech-101.zip' holds 14 photos where Caltech-101 has 18 .*delete it"):
        fetch_caltech101(data_home=tmp_path)
    assert names_in(tmp_path / "caltech101") == ["caltech-101.zip"]
    publish({"caltech-101.zip": zip_bytes({"readme.txt": b""})}, with_digest=False)
    with pytest.raises(ValueError, match=r"has no Caltech-101"):
        fetch_caltech101(data_home=tmp_path / "other")


def test_a_digest_that_nobody_published_is_kept(publish, server, tmp_path):
    publish({"caltech-101.zip": ZIP}, with_digest=False)
    check_complete(fetch_caltech101(data_home=tmp_path))
    archive = tmp_path / "caltech101" / "caltech-101.zip"
    subprocess.run(["sha256sum", "--check", "--status", "caltech-101.zip.sha256"], cwd=archive.parent, check=True)
    (archive.parent / "extracted").rename(tmp_path / "elsewhere")
    archive.write_bytes(ZIP + b"?")
    with pytest.raises(ValueError, match=r"caltech-101.zip' has the sha256 digest .*; delete it"):
        fetch_caltech101(data_home=tmp_path)
    archive.unlink()
    server.files["caltech-101.zip"] = ZIP + b"?"
    with pytest.raises(OSError, match="another file than expected"):
        fetch_caltech101(data_home=tmp_path)


# Found


@pytest.mark.parametrize(
    "place",
    [
        ".",  # as in the archive
        "caltech-101",
        "caltech101",  # torchvision
        "downloads/extracted/TAR_GZ.data.caltech.edu_101_ObjectCategories1a2b",  # TensorFlow Datasets
        "caltech101/extracted/caltech-101",  # ours
    ],
)
def test_layouts(place, tmp_path):
    write_files(tmp_path / place, FILES)
    write_files(tmp_path / place, {"Annotations/Faces_2/annotation_0001.mat": b""})
    check_complete(fetch_caltech101(data_home=tmp_path))


@pytest.mark.parametrize("name", ["101_ObjectCategories", "renamed", "[a-z]*"])
def test_the_folder_itself(name, tmp_path, monkeypatch):
    folder = write_files(tmp_path, FILES) / "101_ObjectCategories"
    folder = folder.rename(tmp_path / name)
    check_complete(fetch_caltech101(data_home=folder))
    monkeypatch.chdir(tmp_path)
    check_complete(fetch_caltech101(data_home=name))


@pytest.mark.parametrize("name", ["caltech-101.zip", "101_ObjectCategories.tar.gz"])
@pytest.mark.parametrize("below", [".", "caltech101"])
def test_archives_by_hand(name, below, publish, server, tmp_path, monkeypatch):
    tar = published(server, {"101_ObjectCategories.tar.gz": TAR})
    monkeypatch.setattr(caltech101, "_SOURCES", (caltech101._SOURCES[0], tar))
    write_files(tmp_path / below, {name: server.files[name]})
    check_complete(fetch_caltech101(data_home=tmp_path, download_if_missing=False))
    assert server.requests == []


def test_an_archive_by_hand_that_is_another_one_is_refused_and_left_alone(publish, server, tmp_path):
    write_files(tmp_path, {"caltech-101.zip": ZIP[:-10]})
    with pytest.raises(ValueError, match=r"caltech-101.zip' has .* bytes instead of .*; delete it"):
        fetch_caltech101(data_home=tmp_path)
    assert (tmp_path / "caltech-101.zip").exists() and server.requests == []


def test_folders_of_like_names_are_no_data_set(tmp_path):
    write_files(tmp_path, photo_files({"accordion": 1, "violin": 1}))
    with pytest.raises(FileNotFoundError):
        fetch_caltech101(data_home=tmp_path, download_if_missing=False)


def test_part_of_it_is_listed_with_a_warning(tmp_path):
    write_files(tmp_path, photo_files({"accordion": 5, "Faces": 1}, "101_ObjectCategories/{name}/image_{i:04d}.jpg"))
    with pytest.warns(UserWarning, match=r"holds 6 photos where Caltech-101 has 18 \(0 of 3 in BACK.*, and 1 more"):
        bunch = fetch_caltech101(data_home=tmp_path)
    assert bunch.target_names == ["Faces", "accordion"] and bunch.target.tolist() == [0, 1, 1, 1, 1, 1]


def test_without_background(tmp_path):
    write_files(tmp_path, FILES)
    everything, bunch = fetch_caltech101(data_home=tmp_path), fetch_caltech101(data_home=tmp_path, background=False)
    assert bunch.target_names == everything.target_names[1:]
    np.testing.assert_array_equal(bunch.filenames, everything.filenames[3:])
    np.testing.assert_array_equal(bunch.target, everything.target[3:] - 1)


# Absent


def test_what_is_missing_is_said(publish, server, tmp_path):
    said = r"Caltech-101 is not in .*caltech101'; call fetch_caltech101\(\) with .* place caltech-101.zip \(from http.*"
    with pytest.raises(FileNotFoundError, match=said + r"101_ObjectCategories.tar.gz in '.*' by hand"):
        fetch_caltech101(download_if_missing=False)
    with pytest.raises(FileNotFoundError, match=rf"call fetch_caltech101\(data_home='{tmp_path}'\) with"):
        fetch_caltech101(data_home=tmp_path, download_if_missing=False)
    assert server.requests == [] and os.listdir(tmp_path) == []


def test_offline(publish, server, monkeypatch):
    monkeypatch.setenv("SKDECAF_OFFLINE", "1")
    with pytest.raises(FileNotFoundError, match="and SKDECAF_OFFLINE is set; call"):
        fetch_caltech101()
    assert server.requests == []


def test_a_disk_without_room(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    write_files(tmp_path, {"101_ObjectCategories.tar.gz": TAR})
    monkeypatch.setattr(caltech101, "_SOURCES", ((PublishedFile("101_ObjectCategories.tar.gz"),),))
    monkeypatch.setattr(archives, "_write", full)
    with pytest.raises(
        OSError, match="cannot be extracted to '.*extracted': No space left on device; data_home chooses"
    ):
        fetch_caltech101(data_home=tmp_path)
    assert names_in(tmp_path / "caltech101") == []


# Interrupted


RUN = """
import os, signal, sys
import dataset_archives
from skdecaf._utils import archives
from skdecaf.datasets import fetch_caltech101
from skdecaf.datasets import _caltech101 as caltech101

caltech101._COUNTS = {counts}
caltech101._SOURCES = ((dataset_archives.PublishedFile("caltech-101.zip"),),)
write, written = archives._write, []

def write_and_die(source, path, size):
    written.append(path)
    if len(written) == {die_after}:
        os.kill(os.getpid(), signal.SIGKILL)
    return write(source, path, size)

archives._write = write_and_die
print(len(fetch_caltech101(data_home=sys.argv[1]).data))
"""


def start(home, die_after=0):
    script = RUN.format(counts=COUNTS, die_after=die_after)
    environment = os.environ | {"PYTHONPATH": os.path.dirname(sys.modules["dataset_archives"].__file__)}
    return subprocess.Popen(
        [sys.executable, "-c", script, home], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_nothing_half_extracted_is_taken_for_the_data_set(tmp_path):
    write_files(tmp_path, {"caltech-101.zip": ZIP})
    process = start(tmp_path, die_after=11)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert list(tmp_path.rglob("*.jpg"))
    with pytest.raises(FileNotFoundError):
        fetch_caltech101(data_home=tmp_path / "caltech101", download_if_missing=False)
    output, errors = start(tmp_path).communicate()
    assert output == f"{N_PHOTOS}\n", errors
    assert len(list(tmp_path.rglob("*.jpg"))) == N_PHOTOS


@pytest.mark.slow
def test_two_processes_at_once(tmp_path):
    write_files(tmp_path, {"caltech-101.zip": ZIP})
    processes = [start(tmp_path) for _ in range(2)]
    for process in processes:
        output, errors = process.communicate()
        assert output == f"{N_PHOTOS}\n", errors
    assert len(list(tmp_path.rglob("*.jpg"))) == N_PHOTOS


# What comes back


def test_forms(tmp_path):
    write_files(tmp_path, FILES)
    bunch = fetch_caltech101(data_home=tmp_path)
    assert bunch.data is bunch.filenames and bunch.frame is None
    assert bunch.data.dtype == object and bunch.data.ndim == 1 and bunch.target.dtype == np.int64
    assert "CC BY 4.0" in bunch.DESCR and "Fei-Fei" in bunch.DESCR
    X, y = fetch_caltech101(data_home=tmp_path, return_X_y=True)
    np.testing.assert_array_equal(X, bunch.data)
    np.testing.assert_array_equal(y, bunch.target)
    framed = fetch_caltech101(data_home=tmp_path, as_frame=True)
    assert list(framed.frame.columns) == ["filename", "target"] and list(framed.data.columns) == ["filename"]
    assert framed.data["filename"].tolist() == bunch.data.tolist() and framed.target.tolist() == bunch.target.tolist()


def test_real_photos(photos, monkeypatch):
    monkeypatch.undo()
    with pytest.warns(UserWarning, match=r"holds 900 photos where Caltech-101 has 9,144"):
        bunch = fetch_caltech101(data_home=photos)
    assert len(bunch.target_names) == 20 and np.bincount(bunch.target).tolist() == [45] * 20
