"""Values computed from a file, cached in the process until the file changes."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import time

# A file that changes twice within one tick of its file system's clock has the same state after both changes. So no
# value is cached for a file that changed in these last seconds.
_SETTLED_AFTER = 2

_MAX_FILES = 100_000
_files = {}


def cached_per_file(path, compute):
    """Return ``compute(path)``, called again only if the file has changed.

    Parameters
    ----------
    path : str or PathLike
    compute : callable
        Its errors are passed on, and not cached.

    Returns
    -------
    object
    """
    path = os.fspath(path)
    state = _state(path)
    known_state, values = _files.get(path, (None, {}))
    if known_state is not None and known_state == state and compute in values:
        return values[compute]
    value = compute(path)
    if state is not None and max(state[3:]) / 1e9 < time.time() - _SETTLED_AFTER:
        if known_state == state:
            values[compute] = value
        else:
            _store(path, state, {compute: value})
    return value


def _store(path, state, values):
    if len(_files) >= _MAX_FILES:
        _files.clear()
    _files[path] = state, values


def _state(path):
    """A value that differs after every change of the file; None if there is no file."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    # Programs can set st_mtime_ns, but not st_ctime_ns.
    return status.st_size, status.st_ino, status.st_dev, status.st_mtime_ns, status.st_ctime_ns
