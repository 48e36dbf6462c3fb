"""Output files: refused early where they cannot be written, and there only when they are complete."""

# SPDX-License-Identifier: BSD-3-Clause
import os


def check_output(path, overwrite=False):
    """Check that a file can be written later.

    Parameters
    ----------
    path : str
    overwrite : bool
        Whether there may be such a file.

    Raises
    ------
    FileExistsError
        Where there is a file and it must stay, or a directory.
    FileNotFoundError
        Where there is no such folder.
    PermissionError
        Where the folder is read-only.
    """
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"there is no folder {folder!r} for {path!r}; make it first")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"the folder {folder!r} is read-only; choose another one for {path!r}")
    if os.path.isdir(path):
        raise FileExistsError(f"{path!r} is a directory; choose another name")
    if os.path.exists(path) and not overwrite:
        raise FileExistsError(f"{path!r} exists; choose another name, or overwrite it (--overwrite)")


def publish(temporary, path):
    """Give a complete file its name; after a power loss there is the whole file or what was there before.

    Parameters
    ----------
    temporary, path : str
        In the same file system.
    """
    with open(temporary, "r+b") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)
    folder = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
