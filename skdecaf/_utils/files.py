"""Output files: checked before the work, and visible only when they are complete."""

# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import os
import secrets
from pathlib import Path


def check_output(path, overwrite=False, may_be_folder=False):
    """Check that a file can be written later.

    Parameters
    ----------
    path : str
    overwrite : bool
        Whether the file may exist.
    may_be_folder : bool
        Whether the output is a folder that stands for a file.

    Raises
    ------
    FileExistsError
        If the file exists and must stay, or is a directory.
    FileNotFoundError
        If its folder does not exist.
    PermissionError
        If the folder is read-only.
    """
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"there is no folder {folder!r} for {path!r}; make it first")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"the folder {folder!r} is read-only; choose another one for {path!r}")
    if os.path.isdir(path) and not (may_be_folder and overwrite):
        raise FileExistsError(f"{path!r} is a directory; choose another name")
    if os.path.exists(path) and not overwrite:
        raise FileExistsError(f"{path!r} exists; choose another name, or overwrite it (--overwrite)")


@contextlib.contextmanager
def atomic_write(path):
    """Write a file that appears under its name when the block ends without an error.

    Several processes may write the same file at once; the last one wins.

    Parameters
    ----------
    path : str or PathLike

    Yields
    ------
    Path
        Of a temporary file in the same folder, for the block to write.
    """
    path = Path(path).absolute()
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(path.parent)!r} for the file {path.name!r}")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with add_path_to_os_error(path):
            yield temporary
        publish(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def add_path_to_os_error(path):
    """Add the path to errors of the system that lack one, such as that of a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), os.fspath(path)) from error


def publish(temporary, path):
    """Rename a complete file or folder; after a power loss, the path holds the whole file or its former content.

    Parameters
    ----------
    temporary, path : str or PathLike
        In the same file system.
    """
    if os.path.isdir(temporary):
        os.sync()
    else:
        with open(temporary, "r+b") as file:
            os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(os.path.dirname(os.path.abspath(path)))


def sync_folder(folder):
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
