"""The house: what is public, which room imports which, and what every file has."""

# SPDX-License-Identifier: BSD-3-Clause
import ast
import functools
import importlib.util
import inspect
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator

import skdecaf
import skdecaf.benchmark
import skdecaf.datasets
import skdecaf.images
import skdecaf.model_selection
import skdecaf.paper
import skdecaf.plotting
import skdecaf.weights

TESTS = Path(__file__).parent
PACKAGE = Path(skdecaf.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

# A room is a file or a folder of the package. It imports from rooms of lower levels only.
LEVELS = {
    "_kernels": 0,
    "_layers": 0,
    "_threads": 0,
    "_process_cache": 0,
    "_warnings": 0,
    "_input_kinds": 0,
    "_blob_names": 0,
    "_download": 0,
    "_extras": 0,
    "_archives": 0,
    "weights": 1,
    "images": 1,
    "datasets": 1,
    "_forward": 2,
    "_inputs": 2,
    "_dropout": 2,
    "_feature_cache": 2,
    "_extraction": 3,
    "_dropout_classifier": 3,
    "_crops": 3,
    "model_selection": 3,
    "_decaf": 4,
    "_imagenet": 4,
    "_file_tasks": 5,
    "_system_info": 5,
    "plotting": 5,
    "benchmark": 6,
    "paper": 6,
    "__init__": 6,
    "cli": 7,
    "__main__": 8,
}


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


ROOMS = {room_of(path) for path in FILES}


@functools.cache
def imported_rooms(path):
    """Rooms that a file imports, anywhere in it."""
    return set(_imported_rooms(path))


def _imported_rooms(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # Pythran finds another kernel by where it lies, not by its full name.
            if node.level == 1 and room_of(path) == "_kernels":
                continue
            assert node.level == 0, f"{path.name} has a relative import"
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for module in modules:
            top, *rest = module.split(".")
            if top == "skdecaf":
                yield rest[0] if rest and rest[0] in ROOMS else "__init__"


PUBLIC_MODULES = (
    skdecaf,
    skdecaf.weights,
    skdecaf.images,
    skdecaf.datasets,
    skdecaf.model_selection,
    skdecaf.benchmark,
    skdecaf.plotting,
    skdecaf.paper,
)


@pytest.mark.parametrize("module", PUBLIC_MODULES, ids=lambda module: module.__name__)
def test_public_names_resolve(module):
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert hasattr(module, name), f"{module.__name__}.{name} does not exist"


def test_every_room_has_a_level():
    assert set(LEVELS) == ROOMS


def test_imports_point_to_a_lower_level():
    for path in FILES:
        room = room_of(path)
        upward = {other for other in imported_rooms(path) if other != room and LEVELS[other] >= LEVELS[room]}
        assert not upward, f"{path.relative_to(PACKAGE)} (level {LEVELS[room]}) imports {upward}"


def test_only_the_forward_pass_runs_the_kernels():
    """The system's description says which are in use, and runs none."""
    rooms = {room_of(path) for path in FILES if "_kernels" in imported_rooms(path)}
    assert rooms - {"_kernels"} == {"_forward", "_system_info"}


def test_every_file_names_its_licence():
    line = "# SPDX-License-Identifier: BSD-3-Clause"
    assert not [path for path in FILES if line not in path.read_text(encoding="utf-8").splitlines()]


def classes_checked(path):
    """Classes whose instances a test file gives to scikit-learn's `parametrize_with_checks`."""
    spec = importlib.util.spec_from_file_location(f"checks_in_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for function in vars(module).values():
        for mark in getattr(function, "pytestmark", ()):
            if mark.name == "parametrize" and mark.args[0] == "estimator, check":
                yield from {type(getattr(case, "values", case)[0]) for case in mark.args[1]}


# The checks give tables of numbers of any width, and it wants a photo and four numbers a row. tests/test_crops.py runs
# those that give none, and its own for what a transformer does with names, containers and pipelines.
NO_TABLES = {skdecaf.BoxCropper}


def test_every_public_estimator_goes_through_the_checks_of_scikit_learn():
    public = [getattr(module, name) for module in PUBLIC_MODULES for name in module.__all__]
    estimators = {one for one in public if inspect.isclass(one) and issubclass(one, BaseEstimator)} - NO_TABLES
    files = [path for path in TESTS.rglob("*.py") if "@parametrize_with_checks" in path.read_text(encoding="utf-8")]
    assert estimators <= {one for path in files for one in classes_checked(path)}
