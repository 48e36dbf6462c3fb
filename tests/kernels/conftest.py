import importlib
import importlib.util
from importlib.resources import files

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
    """Function that loads the source of a kernel module beside the compiled one."""

    def load(name):
        path = files("skdecaf._kernels") / f"{name}.py"
        spec = importlib.util.spec_from_file_location(f"plain_{name}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load
