"""The files that only releases use."""

# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CI = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")


def test_the_menu_of_versions_has_the_newest_first(tmp_path):
    for name in ("0.2.0", "0.10.0", "0.1.0", "dev", ".git"):
        (tmp_path / name).mkdir()
    subprocess.run([sys.executable, ROOT / ".ci" / "switcher.py", tmp_path, "https://docs.example/"], check=True)
    entries = json.loads((tmp_path / "switcher.json").read_text(encoding="utf-8"))
    assert [entry["version"] for entry in entries] == ["0.10.0", "0.2.0", "0.1.0"]
    assert entries[0]["name"] == "0.10.0 (stable)" and [entry.get("preferred") for entry in entries] == [
        True,
        None,
        None,
    ]
    assert entries[1]["url"] == "https://docs.example/0.2.0/"


def test_the_home_of_the_project_is_complete():
    project = PROJECT["project"]
    assert project["urls"]["Paper"].startswith("https://proceedings.mlr.press/") and project["authors"]
    releasing = (ROOT / "docs" / "contributing" / "releasing.rst").read_text(encoding="utf-8")
    for label in ("Homepage", "Documentation", "Source", "Changelog"):
        assert label in project["urls"] or f"``{label}``" in releasing
    for name in ("CITATION.cff", "CONTRIBUTING.md", "SECURITY.md", ".github/ISSUE_TEMPLATE/bug_report.yml"):
        assert (ROOT / name).stat().st_size
    for extra in re.search(r"\[(.*)\]", *project["optional-dependencies"]["all"])[1].split(","):
        assert extra in project["optional-dependencies"]


def test_the_readme_has_its_picture_and_commands_first_and_few_words():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    places = [text.index(words) for words in ("photo_map.png", "pip install .", "pytest -n auto", "compiler", "## Use")]
    assert places == sorted(places)
    without_code = re.sub(r"```.*?```|^    .*?$|\]\(.*?\)", " ", text, flags=re.DOTALL | re.MULTILINE)
    assert len([word for word in without_code.split() if re.search(r"\w", word)]) <= 500


@pytest.mark.slow
def test_the_picture_of_the_readme_is_drawn_by_its_script(tmp_path):
    (tmp_path / "docs" / "_static").mkdir(parents=True)
    shutil.copy(ROOT / "docs" / "photo_map.py", tmp_path / "docs")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    environment = {**os.environ, "MPLBACKEND": "agg"}
    subprocess.run([sys.executable, tmp_path / "docs" / "photo_map.py"], check=True, cwd=tmp_path, env=environment)
    place = Path("docs", "_static", "photo_map.png")
    with Image.open(tmp_path / place) as drawn, Image.open(ROOT / place) as shown:
        assert drawn.size == shown.size


def test_ci_tests_the_versions_of_python_for_which_there_are_wheels():
    wheels = [build[2:-2] for build in PROJECT["tool"]["cibuildwheel"]["build"]]
    assert wheels == [
        version.replace(".", "") for version in re.findall(r'"(3\.\d+)"', CI.partition("python: [")[2])[:4]
    ]
    assert PROJECT["project"]["requires-python"] == f">=3.{wheels[0][1:]}"


def test_pre_commit_has_the_ruff_that_ci_has():
    config = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    (version,) = set(re.findall(r"ruff==(\S+)\"", config))
    assert version.startswith("0.17.") and "ruff>=0.17,<0.18" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_smoke_test_of_wheels_passes_here(capsys):
    runpy.run_path(str(ROOT / ".ci" / "smoke.py"))
    assert "kernels" in capsys.readouterr().out
