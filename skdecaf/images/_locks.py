"""Locks of open files and lazily opened PIL images, which may occur in several rows and be read by several threads."""

# SPDX-License-Identifier: BSD-3-Clause
import io
from contextlib import contextmanager, nullcontext

from skdecaf._utils.locks import ForkSafeLock

_image_locks = [ForkSafeLock() for _ in range(64)]
_file_locks = [ForkSafeLock() for _ in range(64)]
_shared_lock = ForkSafeLock()


@contextmanager
def image_locked(image):
    """Lock a PIL image and the file it reads, which may change while it is loaded."""
    with _image_locks[id(image) // 16 % len(_image_locks)].held():
        file = getattr(image, "fp", None)  # none once it is loaded
        with nullcontext() if file is None else file_locked(file):
            yield


def file_locked(file):
    """Lock an open file, as a context manager.

    Members of an archive are different objects that read one file. So all open files share a lock, except those that
    are known to read a file of their own.
    """
    is_own = type(file) is io.BytesIO or (type(file) is io.BufferedReader and type(file.raw) is io.FileIO)
    return (_file_locks[id(file) // 16 % len(_file_locks)] if is_own else _shared_lock).held()
