"""Values computed from a file, cached in the process until the file changes."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import time

from skdecaf.images._files import open_path
from skdecaf.images._naming import as_image_error

# A file that changes twice within one tick of its file system's clock has the same state after both changes. So no
# value is cached for a file that changed in these last seconds.
_SETTLED_AFTER = 2

_MAX_FILES = 100_000
_files = {}


def cached_per_file(path, compute):
    """Return ``compute(file)`` for the open file at a path, called again only if the file has changed.

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
    known_state, values = _files.get(path, (None, {}))
    if compute in values and known_state == _current_state(path):
        return values[compute]
    with as_image_error(path), open_path(path, buffering=0) as file:
        # The state of the open file: another file may take its place at the path, and the first may come back.
        state = _state(file.fileno())
        value = compute(file)
        is_settled = max(state[3:]) / 1e9 < time.time() - _SETTLED_AFTER
        if is_settled and state == _state(file.fileno()):
            _store(path, state, values | {compute: value} if known_state == state else {compute: value})
    return value


def _store(path, state, values):
    if len(_files) >= _MAX_FILES:
        _files.clear()
    _files[path] = state, values


def _current_state(path):
    try:
        return _state(path)
    except (OSError, ValueError):
        return None


def _state(file):
    """A value that differs after every change of the file at a path, or of an open file."""
    status = os.stat(file)
    # Programs can set st_mtime_ns, but not st_ctime_ns.
    return status.st_size, status.st_ino, status.st_dev, status.st_mtime_ns, status.st_ctime_ns
