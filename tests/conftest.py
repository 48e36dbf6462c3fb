import os
from pathlib import Path

import pytest

# Processes that tests start find the installed package, not the plain sources in the folder that they start in.
os.environ["PYTHONSAFEPATH"] = "1"


@pytest.fixture(scope="session")
def photos():
    """Folder of real photos, where SKDECAF_TEST_DATA names one."""
    folder = os.environ.get("SKDECAF_TEST_DATA")
    if not folder:
        pytest.skip("SKDECAF_TEST_DATA is unset")
    return Path(folder)


@pytest.fixture(scope="session")
def shared_weights(photos):
    """Folder of the published weights, beside the photos."""
    folder = photos.parent / "weights"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    return folder
