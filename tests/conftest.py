import os
from pathlib import Path

import pytest

# Processes that tests start find the installed package, not the plain sources in the folder that they start in.
os.environ["PYTHONSAFEPATH"] = "1"
# Figures need no screen.
os.environ["MPLBACKEND"] = "agg"


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
