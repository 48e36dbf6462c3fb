"""Facts about files, found out once per process, and anew when a file has changed."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import time

# A file that is changed twice within one tick of its file system's clock looks the same after both. So nothing is
# remembered of one that was changed in these last seconds.
_SETTLED_AFTER = 2

_MOST_FILES = 100_000
_files = {}


def fact_of_file(path, find_out):
    """Return ``find_out(path)``, which is called when the file is first met, and when it has changed.

    Parameters
    ----------
    path : str or PathLike
    find_out : callable
        Its errors are passed on, and not remembered.

    Returns
    -------
    object
    """
    path = os.fspath(path)
    state = _state(path)
    known_state, facts = _files.get(path, (None, {}))
    if known_state is not None and known_state == state and find_out in facts:
        return facts[find_out]
    fact = find_out(path)
    if state is not None and max(state[3:]) / 1e9 < time.time() - _SETTLED_AFTER:
        if known_state == state:
            facts[find_out] = fact
        else:
            _remember(path, state, {find_out: fact})
    return fact


def _remember(path, state, facts):
    if len(_files) >= _MOST_FILES:
        _files.clear()
    _files[path] = state, facts


def _state(path):
    """What changes with every change of a file; None where there is no file."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    # The last one cannot be set back, as the time of change can.
    return status.st_size, status.st_ino, status.st_dev, status.st_mtime_ns, status.st_ctime_ns
