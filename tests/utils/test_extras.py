"""Packages that only some tasks need."""

# SPDX-License-Identifier: BSD-3-Clause
import json
import sys
import tomllib
from pathlib import Path

import pytest

from skdecaf._utils import extras
from skdecaf._utils.extras import require


def test_a_package_that_is_there_is_returned(monkeypatch):
    monkeypatch.setitem(extras._PACKAGES, "onnx", {"json": "json"})
    assert require("onnx", "this") is json


@pytest.mark.parametrize(
    ("extra", "module", "package"),
    [(extra, module, package) for extra, packages in extras._PACKAGES.items() for module, package in packages.items()],
)
def test_a_package_that_is_missing_is_named_with_its_extra(extra, module, package, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf'^this needs the package {package}; run pip install "skdecaf\[{extra}\]"$'):
        require(extra, "this", module)


def test_the_extras_are_those_of_the_installation():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extra, packages in extras._PACKAGES.items():
        for package in packages.values():
            assert any(line.startswith(package) for line in project["optional-dependencies"][extra]), extra
