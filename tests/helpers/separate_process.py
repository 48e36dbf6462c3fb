"""Run a file of tests in a process of its own, where the environment decides before NumPy is loaded."""

import os
import subprocess
import sys
from pathlib import Path

from skdecaf import _kernels

ISOLATED = Path(__file__).parent / "isolated"


def blas_kernels():
    """Values of OPENBLAS_CORETYPE to try; None is OpenBLAS's own choice."""
    return [None, "Haswell", *(["SkylakeX"] if "avx512" in _kernels.supported() else [])]


def run_tests(name, **environment):
    """Run tests/helpers/isolated/<name> with these variables; fail with its output where it fails."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")}
    variables |= {key: value for key, value in environment.items() if value is not None}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(ISOLATED / name)]
    # From another folder, so that the package is found where it is installed and not beside the tests.
    root = ISOLATED.parent.parent
    command += ["--rootdir", str(root), "-c", str(root / "pyproject.toml")]
    result = subprocess.run(command, env=variables, cwd=ISOLATED, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-20_000:] + result.stderr[-5_000:]
