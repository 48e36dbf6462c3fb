"""The kernels in use are compiled, from the sources beside them, and leave the process alone."""

import ast
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from skdecaf import _kernels


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_kernels_in_use_are_compiled():
    assert _kernels.instruction_set != "python"
    for name in _kernels.NAMES:
        assert hasattr(getattr(_kernels, name), "__pythran__"), f"{name} runs as plain Python"


def test_every_source_is_a_kernel():
    sources = {
        entry.name.removesuffix(".py") for entry in files("skdecaf._kernels").iterdir() if entry.name[-3:] == ".py"
    }
    part_of_others = {"fused_pooling"}
    assert sources - {"__init__"} - part_of_others == set(_kernels.NAMES)


def test_what_kernels_import_makes_them_be_compiled_anew():
    sources = Path(__file__).parents[2] / "skdecaf" / "_kernels"
    if not sources.exists():
        pytest.skip("without the sources beside the tests")
    trees = [ast.parse(path.read_text()) for path in sources.glob("*.py")]
    imports = {
        node.module for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level
    }
    (listed,) = re.findall(r"^imported = files\((.*)\)$", (sources / "meson.build").read_text(), re.MULTILINE)
    assert set(re.findall(r"'(\w+)\.py'", listed)) == imports


@pytest.mark.parametrize("name", _kernels.NAMES)
def test_compiled_from_the_source_beside(name, compiled):
    source = (files("skdecaf._kernels") / f"{name}.py").read_bytes()
    source.decode("ascii")
    assert compiled(name).__pythran__[-1] == hashlib.sha256(source).hexdigest()


@pytest.mark.parametrize(
    "name",
    [name if name == "baseline" else pytest.param(name, marks=pytest.mark.slow) for name in _kernels.supported()],
)
def test_each_instruction_set_can_be_forced(name):
    code = """
# An empty parent package: the real one loads scikit-learn, which takes most of the time.
import importlib.util, sys
sys.modules["skdecaf"] = importlib.util.module_from_spec(importlib.util.find_spec("skdecaf"))
import numpy as np, skdecaf._kernels as kernels

# A kernel that is imported later is the compiled one.
import skdecaf._kernels.pooling as later
assert later is kernels.pooling and hasattr(later, "__pythran__")

# Subnormals are what they were.
tiny = np.full(100, np.finfo(np.float32).smallest_subnormal)
assert (tiny * np.float32(1) > 0).all() and (tiny / np.float32(1) > 0).all()
assert (np.finfo(np.float64).tiny / 2) * 1.0 > 0
print(kernels.instruction_set)
"""
    result = run(code, SKDECAF_CPU=name)
    assert result.stdout.strip() == name, result.stderr


def test_wrong_instruction_set_is_an_error(monkeypatch):
    monkeypatch.setenv("SKDECAF_CPU", "sse9")
    with pytest.raises(ImportError, match="SKDECAF_CPU='sse9' is not one of"):
        _kernels._choose()


def test_missing_instruction_set_is_an_error(monkeypatch):
    monkeypatch.setenv("SKDECAF_CPU", "avx512")
    monkeypatch.setattr(_kernels, "supported", lambda: ["avx2", "baseline"])
    with pytest.raises(ImportError, match="SKDECAF_CPU=avx512: this processor runs avx2, baseline only"):
        _kernels._choose()


def test_uncompiled_kernels_are_an_error_unless_asked_for(tmp_path):
    package = tmp_path / "skdecaf" / "_kernels"
    package.mkdir(parents=True)
    (tmp_path / "skdecaf" / "__init__.py").touch()
    for entry in files("skdecaf._kernels").iterdir():
        if entry.name.endswith(".py"):
            (package / entry.name).write_bytes(entry.read_bytes())
    # An editable install comes before the path: its finder is taken out.
    code = f"""
import sys
sys.meta_path = [finder for finder in sys.meta_path if "Mesonpy" not in type(finder).__name__]
sys.path.insert(0, {str(tmp_path)!r})
import skdecaf._kernels as k
print(k.instruction_set)
"""
    refused = run(code)
    assert refused.returncode == 1 and "ImportError: skdecaf's kernels are not compiled" in refused.stderr
    asked = run(code, SKDECAF_CPU="python")
    assert asked.stdout.strip() == "python" and not asked.stderr


def test_kernels_compute_with_subnormals(compiled):
    values = np.full(8, np.finfo(np.float32).smallest_subnormal * 3)
    out = np.empty_like(values)
    compiled("bias").rectify(values, out)
    assert (out == values).all() and (out > 0).all()


# A product that the compiler did not vectorise is fifteen times slower, and passes every other test. So many packed
# instructions are there at least: one for each row of the loops over 12 and 4 rows, two for each row of the loops over
# halves of columns, of 6 rows, 4 and one.
PACKED = {
    "avx512": {r"vfmadd\d+ps .*%zmm": 16, r"vfmadd\d+ps .*%ymm": 22},
    "avx2": {r"vfmadd\d+ps .*%ymm": 38},
    "baseline": {r"mulps .*%xmm": 38},
}


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64") or not shutil.which("objdump"), reason="needs objdump, and x86-64"
)
@pytest.mark.parametrize("kernel", ["product", "compact_product"])
def test_products_are_vectorised(kernel, compiled):
    module = compiled(kernel)
    folder = Path(module.__file__).parent.name
    code = subprocess.run(["objdump", "-d", module.__file__], capture_output=True, text=True, check=True).stdout
    for pattern, count in PACKED[folder].items():
        assert len(re.findall(pattern, code)) >= count, pattern
