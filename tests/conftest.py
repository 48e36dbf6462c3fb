import gc
import os
from pathlib import Path

import pytest
from hypothesis import settings

# Processes that tests start find the installed package, not the plain sources in the folder that they start in.
os.environ["PYTHONSAFEPATH"] = "1"
# Figures need no screen.
os.environ["MPLBACKEND"] = "agg"

settings.register_profile("fast", max_examples=30, deadline=None)
settings.register_profile("thorough", max_examples=300, deadline=None)

# What is imported is no garbage: looking through it again and again would take seconds.
gc.disable()


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the slow tests as well")


def pytest_configure(config):
    chosen_by_name = any("::" in argument for argument in config.args)
    if not (config.option.slow or config.option.markexpr or chosen_by_name):
        config.option.markexpr = "not slow"
    settings.load_profile("fast" if "not slow" in config.option.markexpr else "thorough")


def pytest_make_parametrize_id(val, argname):
    """Name contents of files by their argument: archives hold the time, so the workers of pytest-xdist would differ."""
    return argname if isinstance(val, bytes) and len(val) > 100 else None


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


def folder_named_by(variable):
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f"{variable} is unset")
    return Path(folder)


@pytest.fixture(scope="session")
def photos():
    """Folder of real photos, where SKDECAF_TEST_DATA names one."""
    return folder_named_by("SKDECAF_TEST_DATA")


@pytest.fixture(scope="session")
def published_weights():
    """Folder of decaf-mini.safetensors and imagenet_classes.json as published, where SKDECAF_TEST_WEIGHTS names one."""
    return folder_named_by("SKDECAF_TEST_WEIGHTS")
