"""Run a file of tests in a process of its own, where the environment decides before NumPy is loaded."""

import os
import subprocess
import sys
from pathlib import Path

ISOLATED = Path(__file__).parent / "isolated"


def run_tests(name, **environment):
    """Run tests/helpers/isolated/<name> with these variables; fail with its output where it fails."""
    variables = os.environ | environment
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(ISOLATED / name)]
    # From another folder, so that the package is found where it is installed and not beside the tests.
    root = ISOLATED.parents[2]
    command += ["--rootdir", str(root), "-c", str(root / "pyproject.toml")]
    result = subprocess.run(command, env=variables, cwd=ISOLATED, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-20_000:] + result.stderr[-5_000:]
