import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from skdecaf import _kernels


@pytest.fixture(params=_kernels.supported())
def compiled(request):
    """Function that returns a compiled kernel module of one instruction set."""

    def load(name):
        return importlib.import_module(f"skdecaf._kernels.{request.param}.{name}")

    return load


@pytest.fixture
def plain():
    """Function that loads the source of a kernel module, and what it imports, beside the compiled ones."""
    package = sys.modules.setdefault("plain_kernels", ModuleType("plain_kernels"))
    package.__path__ = [str(Path(_kernels.__file__).parent)]
    return lambda name: importlib.import_module(f"plain_kernels.{name}")
