"""Locks of open files and lazily opened PIL images, which may occur in several rows and be read by several threads."""

# SPDX-License-Identifier: BSD-3-Clause
import io

from PIL import Image

from skdecaf._utils.locks import ForkSafeLock

_locks = [ForkSafeLock() for _ in range(64)]
_shared_lock = ForkSafeLock()


def lock_of(source):
    """Lock an open file or a PIL image, as a context manager.

    Members of an archive are different objects that read one file. So all open files share a lock, except those that
    are known to read a file of their own.
    """
    file = (getattr(source, "fp", None) or source) if isinstance(source, Image.Image) else source
    is_own = isinstance(file, Image.Image) or type(file) is io.BytesIO
    is_own = is_own or (type(file) is io.BufferedReader and type(file.raw) is io.FileIO)
    return (_locks[id(file) // 16 % len(_locks)] if is_own else _shared_lock).held()
