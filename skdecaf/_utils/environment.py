"""Settings in environment variables: where downloads go, and whether they are allowed."""

# SPDX-License-Identifier: BSD-3-Clause
import os
from pathlib import Path


def cache_home():
    """The cache folder for downloads: ``SKDECAF_HOME``, or the platform's cache folder."""
    if folder := os.environ.get("SKDECAF_HOME"):
        return Path(folder).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("skdecaf"))


def is_offline():
    """Whether ``SKDECAF_OFFLINE`` forbids network access."""
    return os.environ.get("SKDECAF_OFFLINE", "0") not in ("", "0")
