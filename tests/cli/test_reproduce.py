"""The command ``skdecaf reproduce``: what it prints and writes, and what it says where photos are missing."""

# SPDX-License-Identifier: BSD-3-Clause
import hashlib
import json
import os
import shlex
import sys
from pathlib import Path

import pytest
from paper_photos import write_classes
from photo_folders import run_skdecaf
from tiny_networks import TINY

from skdecaf import Network
from skdecaf.cli import main


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    """Run a command in this process and an empty folder: (exit code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def weights(tmp_path):
    """A tiny network whose five classes have identifiers as in ImageNet."""
    network = Network.random(TINY, 0)
    labels = [(f"n{i:08}", f"thing {i}") for i in range(5)]
    path = tmp_path / "tiny.safetensors"
    Network(network.layers, network.arrays, network.preprocessing, labels=labels, name="tiny").save(path)
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "WHAT"),
        (("imagenet",), "is not one of caltech101, office,"),
        (("cub", "--seed", "-1"), "is not a whole number from 0"),
        (("cub", "--n-jobs", "0"), "not a whole number"),
        (("all", "--classes", "ant"), "--classes goes with one data set"),
        (("caltech101", "--data", "/nope"), "--data '/nope' is not a folder"),
    ],
)
def test_wrong_usage_is_code_2(arguments, says, command):
    code, output, errors = command("reproduce", *arguments)
    assert (code, output) == (2, "")
    assert errors.startswith("usage: skdecaf reproduce") and says in errors


@pytest.mark.parametrize(
    ("subject", "fetcher"),
    [
        ("caltech101", "fetch_caltech101"),
        ("office", "fetch_office31"),
        ("cub", "fetch_cub200"),
        ("sun397", "fetch_sun397"),
    ],
)
def test_absent_photos_are_code_1_with_the_command_that_gets_them(subject, fetcher, command, tmp_path):
    folder = tmp_path / "it's here"
    folder.mkdir()
    code, output, errors = command("reproduce", subject, "--data", folder)
    assert (code, output) == (1, "")
    assert f" is not here (looked in {str(folder)!r})\n" in errors and "http" not in errors
    python = errors.partition("this command gets it: ")[2].splitlines()[0]
    program, flag, source = shlex.split(python)
    assert (program, flag) == ("python", "-c")
    assert source.startswith(f'from skdecaf.datasets import {fetcher}; {fetcher}(data_home="')
    calls = []
    exec(source.partition("; ")[2], {fetcher: lambda **arguments: calls.append(arguments)})
    home = {"data_home": str(folder)}
    assert calls == ([home, {"features": "surf", **home}] if subject == "office" else [home])
    assert not (tmp_path / "reproduced").exists()


@pytest.mark.filterwarnings("ignore:.* holds")
def test_all_goes_on_without_the_photos_that_are_missing(command, weights, tmp_path):
    write_classes(tmp_path / "data" / "val", ("n00000001", "n00000003"), 3)
    code, output, errors = command(
        "reproduce", "all", "--data", "data", "--weights", weights, "-o", "out", "--n-jobs", 1, "--quiet"
    )
    assert code == 0
    assert "| top-1 error | " in output and "| 42.9 |" in output
    assert [errors.count(f"{name}: this command gets it") for name in ("caltech101", "office", "cub", "sun397")] == [
        1,
        1,
        1,
        1,
    ]
    figure = [f"figure_1.{suffix}" for suffix in ("json", "md", "png", "svg")]
    assert sorted(os.listdir("out")) == ["cells", "features", *figure, "ilsvrc.json", "ilsvrc.md"]
    details = json.loads((tmp_path / "out" / "ilsvrc.json").read_text())["details"]
    assert (details["weights"]["name"], details["protocol"]) == ("tiny", {"photos": 6, "classes": 2})
    lines = sorted(str(path.relative_to("data/val")) for path in Path("data/val").glob("*/*"))
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    names = ["n00000001", "n00000003"]
    assert details["selection"] == {"subject": "ilsvrc", "quick": False, "classes": names, "files_sha256": digest}


@pytest.mark.filterwarnings("ignore:.* holds")
def test_all_goes_on_after_photos_that_are_too_few(command, weights, tmp_path):
    write_classes(tmp_path / "data" / "101_ObjectCategories", ("ant", "bass"), 1)
    write_classes(tmp_path / "data" / "val", ("n00000001", "n00000003"), 3)
    code, output, errors = command(
        "reproduce", "all", "--data", "data", "--weights", weights, "-o", "out", "--n-jobs", 1, "--quiet"
    )
    assert code == 1 and "| top-1 error | " in output
    assert "caltech101: " in errors and errors.endswith("computed: caltech101; see the reasons above\n")


@pytest.mark.filterwarnings("ignore:.* holds")
def test_all_goes_on_after_a_data_set_that_is_damaged(command, weights, tmp_path):
    lists = {"images.txt": "1 001.Auk/1.jpg\n", "classes.txt": "1 001.Auk\n", "image_class_labels.txt": "1 1\n"}
    birds = tmp_path / "data" / "CUB_200_2011"
    (birds / "parts").mkdir(parents=True)
    lists |= {"train_test_split.txt": "1 1\n", "bounding_boxes.txt": "1 2 2 4 4\n", "parts/parts.txt": "1 beak\n"}
    for name, text in lists.items():
        (birds / name).write_text(text, encoding="utf-8")
    write_classes(tmp_path / "data" / "val", ("n00000001", "n00000003"), 3)
    code, output, errors = command(
        "reproduce", "all", "--data", "data", "--weights", weights, "-o", "out", "--n-jobs", 1, "--quiet"
    )
    assert code == 1 and "| top-1 error | " in output
    assert "cub: 1 of 1 photos are not in " in errors and "cub: this command gets it" not in errors
    assert errors.endswith("computed: cub; see the reasons above\n")


@pytest.mark.filterwarnings("ignore:.* holds")
@pytest.mark.parametrize(
    ("names", "says"),
    [
        ("ant,dog", "there is no class 'dog'; the classes are ant, bass"),
        ("ant", "there must be photos of at least two classes; got 'ant'"),
        ("", "there is no class ''"),
    ],
)
def test_classes_that_do_not_exist_or_are_too_few_are_wrong_usage(names, says, command, tmp_path):
    write_classes(tmp_path / "101_ObjectCategories", ("ant", "bass"), 1)
    code, output, errors = command("reproduce", "caltech101", "--data", tmp_path, "--classes", names, "--n-jobs", 1)
    assert (code, output) == (2, "") and f"error: argument --classes: {says}" in errors
    assert errors.startswith("usage: skdecaf reproduce")


@pytest.mark.filterwarnings("ignore:.* holds")
def test_a_class_with_too_few_photos_is_named_before_photos_are_read(command, tmp_path):
    for name, n_photos in (("ant", 31), ("bass", 30)):
        (tmp_path / "101_ObjectCategories" / name).mkdir(parents=True)
        for i in range(n_photos):
            (tmp_path / "101_ObjectCategories" / name / f"image_{i:04d}.jpg").write_bytes(b"no photo")
    code, output, errors = command("reproduce", "caltech101", "--data", tmp_path, "--n-jobs", 1, "-q")
    assert (code, output) == (1, "")
    assert "1 of 2 have fewer: 'bass' (30); leave these classes out" in errors


@pytest.mark.filterwarnings("ignore:.* holds")
def test_a_folder_that_takes_no_files_is_named_before_photos_are_read(command, tmp_path):
    (tmp_path / "101_ObjectCategories" / "ant").mkdir(parents=True)
    (tmp_path / "101_ObjectCategories" / "bass").mkdir()
    for name in ("ant", "bass"):
        (tmp_path / "101_ObjectCategories" / name / "image_0001.jpg").write_bytes(b"no photo")
    (tmp_path / "file").write_bytes(b"")
    code, output, errors = command("reproduce", "caltech101", "--data", tmp_path, "-o", "file")
    assert (code, output) == (1, "")
    assert "nothing can be written into the folder 'file' ('file/cells': Not a directory); name another" in errors


@pytest.mark.slow
def test_quick_caltech_continues_and_draws(tmp_path, weights):
    write_classes(tmp_path / "data" / "101_ObjectCategories", ("ant", "bass"), 32)
    options = ("--quick", "--data", "data", "--weights", weights, "--n-jobs", 1, "-q")
    output, errors = run_skdecaf("reproduce", "caltech101", *options, cwd=tmp_path)
    assert "Figure 4, left" in output and "Figure 4, right" in output and "86.91 ± 0.7" in output
    assert "holds 64 photos where Caltech-101 has 9,144" in errors
    names = {f"figure_4_{side}.{suffix}" for side in ("left", "right") for suffix in ("md", "json", "png", "svg")}
    folder = tmp_path / "reproduced"
    assert set(os.listdir(folder)) == names | {"cells", "features"}
    assert (folder / "figure_4_left.png").read_bytes()[:4] == b"\x89PNG"
    times = {path.name: path.stat().st_mtime_ns for path in (folder / "cells").iterdir()}
    again, _ = run_skdecaf("reproduce", "caltech101", *options, cwd=tmp_path)
    assert again == output
    assert times == {path.name: path.stat().st_mtime_ns for path in (folder / "cells").iterdir()}


def test_library_is_not_imported_for_help(command, monkeypatch):
    monkeypatch.delitem(sys.modules, "skdecaf._paper", raising=False)
    assert command("reproduce", "--help")[0] == 0
    assert "skdecaf._paper" not in sys.modules


@pytest.mark.filterwarnings("ignore:.* holds")
def test_some_classes_of_ilsvrc(command, weights, tmp_path):
    write_classes(tmp_path / "data" / "val", ("n00000001", "n00000003"), 3)
    options = ("--weights", weights, "-o", "out", "--n-jobs", 1, "--quiet")
    code, _, _ = command("reproduce", "ilsvrc", "--data", "data", "--classes", "n00000003", *options)
    details = json.loads((tmp_path / "out" / "ilsvrc.json").read_text())["details"]
    assert code == 0 and details["protocol"]["photos"] == 3 and details["selection"]["classes"] == ["n00000003"]
