"""Locks that survive a fork, and locks between processes."""

# SPDX-License-Identifier: BSD-3-Clause
import errno
import os
import threading
import weakref
from contextlib import contextmanager

_locks = weakref.WeakSet()


class ForkSafeLock:
    """A lock that is free in a forked process, where the thread that held it does not exist.

    Parameters
    ----------
    repair : callable, optional
        Called in the forked process if another thread was changing what the lock protects.
    """

    def __init__(self, repair=lambda: None):
        self._lock, self._repair = threading.Lock(), repair
        _locks.add(self)

    @contextmanager
    def held(self):
        """Hold the lock; a thread that forks meanwhile holds it in the parent only."""
        with self._lock:
            yield

    def _renew(self):
        was_held = self._lock.locked()
        self._lock = threading.Lock()
        if was_held:
            self._repair()


class ForkSafeCondition(threading.Condition):
    """A condition that is free in a forked process, where the threads that used it do not exist.

    Parameters
    ----------
    repair : callable
        Called in the forked process, to repair what the condition is about.
    """

    def __init__(self, repair):
        super().__init__()
        self._repair = repair
        _locks.add(self)

    def _renew(self):
        super().__init__()
        self._repair()


def _renew_all():
    for lock in tuple(_locks):
        lock._renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)


@contextmanager
def file_lock(path):
    """Let one process and thread work on a file or folder, while others wait.

    The lock is a hidden file beside it. It is never deleted, since another process may be waiting for it.

    Parameters
    ----------
    path : Path
        It need not exist; missing parent folders are created.

    Raises
    ------
    OSError
        If the lock cannot be created.
    """
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(path.with_name(f".{path.name}.lock")).acquire()
    except NotImplementedError as error:  # raised by older versions, which have no fallback
        raise OSError(errno.ENOLCK, "the file system knows no locks") from error
    with lock:
        yield
