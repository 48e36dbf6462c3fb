"""What is installed: the files, the versions, and what importing costs."""

import importlib.metadata
import subprocess
import sys

import pytest

import skdecaf


def installed_files():
    files = importlib.metadata.files("skdecaf")
    names = [str(file) for file in files if file.suffix != ".pyc"]
    if not any(name.endswith("skdecaf/_decaf.py") for name in names):
        pytest.skip("an editable install has its files elsewhere")
    return [name for name in names if ".dist-info" not in name and "bin/" not in name]


def test_version():
    assert skdecaf.__version__ == importlib.metadata.version("skdecaf")


def test_only_what_belongs_is_installed():
    names = installed_files()
    assert all(name.startswith("skdecaf/") for name in names)
    kinds = {name.rsplit(".", 1)[-1] for name in names}
    assert kinds == {"py", "so", "safetensors"}
    assert not any(part in name for name in names for part in ("__pycache__", "meson.build", "tests"))
    assert sum(name.endswith(".safetensors") for name in names) == 1


def test_every_kernel_is_there_compiled_and_as_source():
    from skdecaf import _kernels

    names = installed_files()
    for kernel in _kernels.NAMES:
        assert f"skdecaf/_kernels/{kernel}.py" in names
        for folder in _kernels.supported():
            assert any(name.startswith(f"skdecaf/_kernels/{folder}/{kernel}.") for name in names)


def test_licence_is_shipped():
    files = [str(file) for file in importlib.metadata.files("skdecaf")]
    assert any(file.endswith("LICENSE") for file in files)


def test_importing_loads_nothing_that_only_some_need():
    heavy = [
        "matplotlib",
        "pooch",
        "skops",
        "torch",
        "onnx",
        "onnxruntime",
        "safetensors.torch",
        "concurrent.futures.process",
    ]
    # scikit-learn itself may load pandas and polars where they are installed.
    code = "import sklearn, sys; before = set(sys.modules); import skdecaf; print(*sorted(set(sys.modules) - before))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not [name for name in [*heavy, "pandas", "polars"] if name in loaded]
