"""What all tests of displays share."""

# SPDX-License-Identifier: BSD-3-Clause
import sys

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True)
def close_figures():
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.fixture(autouse=True)
def one_openmp_thread():
    """For a dozen points, threads of t-SNE do nothing but wait for each other."""
    with threadpool_limits(1, user_api="openmp"):
        yield
