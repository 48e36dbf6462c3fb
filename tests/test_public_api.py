"""What is public, which part of the package imports which, and what every file has."""

# SPDX-License-Identifier: BSD-3-Clause
import ast
import functools
import graphlib
import importlib.util
import inspect
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator

import skdecaf
import skdecaf._paper
import skdecaf.baselines
import skdecaf.datasets
import skdecaf.domain_adaptation
import skdecaf.images
import skdecaf.model_selection
import skdecaf.parts
import skdecaf.plotting
import skdecaf.training
import skdecaf.weights

TESTS = Path(__file__).parent
PACKAGE = Path(skdecaf.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

# A part of the package is a file or a folder at its top. It imports from parts of lower levels only.
LEVELS = {
    "_kernels": 0,
    "_linear_model": 1,
    "_utils": 1,
    "images": 2,
    "weights": 2,
    "datasets": 3,
    "model_selection": 3,
    "_box_cropper": 3,
    "_dropout": 3,
    "_feature_cache": 3,
    "_forward": 3,
    "_dropout_classifier": 4,
    "domain_adaptation": 4,
    "_inputs": 4,
    "_photo_estimator": 5,
    "_decaf": 6,
    "baselines": 6,
    "_decaf_classifier": 7,
    "_extraction": 7,
    "_imagenet": 6,
    "parts": 7,
    "plotting": 7,
    "training": 6,
    "__init__": 8,
    "_paper": 8,
    "cli": 9,
    "__main__": 10,
}

PUBLIC_MODULES = (
    skdecaf,
    skdecaf.baselines,
    skdecaf.datasets,
    skdecaf.domain_adaptation,
    skdecaf.images,
    skdecaf.model_selection,
    skdecaf.parts,
    skdecaf.plotting,
    skdecaf.training,
    skdecaf.weights,
)


def part_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


PARTS = {part_of(path) for path in FILES}


def file_of(module):
    """The file of a module of the package, or None where the name is not a module's."""
    path = PACKAGE.joinpath(*module.split(".")[1:])
    candidates = path.with_suffix(".py") if path != PACKAGE else path / "__init__.py", path / "__init__.py"
    return next((file for file in candidates if file.is_file()), None)


@functools.cache
def imported_files(path):
    """Files of the package that a file imports, anywhere in it."""
    return set(_imported_files(path))


def _imported_files(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # Pythran finds another kernel by where it lies, not by its full name.
            if node.level == 1 and part_of(path) == "_kernels":
                continue
            assert node.level == 0, f"{path.name} has a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = [name if file_of(name) else node.module for name in names if name.startswith("skdecaf")]
        else:
            continue
        yield from {file_of(module) for module in modules if module.split(".")[0] == "skdecaf"}


@pytest.mark.parametrize("module", PUBLIC_MODULES, ids=lambda module: module.__name__)
def test_public_names_resolve(module):
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert hasattr(module, name), f"{module.__name__}.{name} does not exist"


@pytest.mark.parametrize("module", PUBLIC_MODULES[1:], ids=lambda module: module.__name__)
def test_modules_of_public_packages_begin_with_an_underscore(module):
    assert not [path for path in Path(module.__file__).parent.glob("*.py") if not path.name.startswith("_")]


def test_every_part_has_a_level():
    assert set(LEVELS) == PARTS


def test_imports_point_to_a_lower_level():
    for path in FILES:
        part = part_of(path)
        others = {part_of(file) for file in imported_files(path)} - {part}
        upward = {other for other in others if LEVELS[other] >= LEVELS[part]}
        assert not upward, f"{path.relative_to(PACKAGE)} (level {LEVELS[part]}) imports {upward}"


def test_no_two_files_import_each_other():
    """Not by way of others either: the files can be put in an order in which each imports earlier ones only."""
    try:
        tuple(graphlib.TopologicalSorter({path: imported_files(path) for path in FILES}).static_order())
    except graphlib.CycleError as error:
        pytest.fail(" imports ".join(str(path.relative_to(PACKAGE)) for path in reversed(error.args[1])))


def test_only_the_forward_pass_runs_the_kernels():
    """The description of the machine says which are in use, and runs none."""
    kernels = PACKAGE / "_kernels"
    importers = {path for path in FILES if any(kernels in file.parents for file in imported_files(path))}
    others = {path for path in importers if part_of(path) not in ("_kernels", "_forward")}
    assert others == {PACKAGE / "_utils" / "machine.py"}


# Private names of others that files use: of scikit-learn, named tuples, argparse, Pillow and Python.
PRIVATE_NAMES_OF_OTHERS = {"_validate_params", "_replace", "_actions", "_size", "_getframe"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_private_attributes_are_used_where_they_are_defined(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    of_self, used = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            of_self.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):  # a class attribute
            of_self.add(node.id)
        elif isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("__"):
            (of_self if ast.unparse(node.value) in ("self", "cls", "super()") else used).add(node.attr)
    assert used <= of_self | PRIVATE_NAMES_OF_OTHERS


def test_every_file_names_its_licence():
    line = "# SPDX-License-Identifier: BSD-3-Clause"
    files = [*FILES, *PACKAGE.rglob("*.pyi")]
    assert not [path for path in files if line not in path.read_text(encoding="utf-8").splitlines()]


def classes_checked(path):
    """Classes whose instances a test file gives to scikit-learn's `parametrize_with_checks`."""
    spec = importlib.util.spec_from_file_location(f"checks_in_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for function in vars(module).values():
        for mark in getattr(function, "pytestmark", ()):
            if mark.name == "parametrize" and mark.args[0] == "estimator, check":
                yield from {type(getattr(case, "values", case)[0]) for case in mark.args[1]}


# The checks pass tables of numbers of any width; BoxCropper needs a photo and four numbers per row, the estimators of
# skdecaf.parts need PhotoParts. Their own tests run the checks that pass no table, and test names and pipelines.
NO_TABLES = {skdecaf.BoxCropper, skdecaf.parts.PartDetector, skdecaf.parts.PartPooler}


def test_every_public_estimator_goes_through_the_checks_of_scikit_learn():
    public = [getattr(module, name) for module in PUBLIC_MODULES for name in module.__all__]
    estimators = {one for one in public if inspect.isclass(one) and issubclass(one, BaseEstimator)} - NO_TABLES
    files = [path for path in TESTS.rglob("*.py") if "@parametrize_with_checks" in path.read_text(encoding="utf-8")]
    assert estimators <= {one for path in files for one in classes_checked(path)}
