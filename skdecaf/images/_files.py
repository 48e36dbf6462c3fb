"""Files of images: paths, contents and open files."""

# SPDX-License-Identifier: BSD-3-Clause
import io
import os
import stat

from skdecaf.images._errors import ImageError
from skdecaf.images._locks import file_locked
from skdecaf.images._naming import as_image_error, can_open


def is_path(source):
    """Whether the source is a path."""
    return isinstance(source, (str, os.PathLike))


def file_contents(source):
    """Read the bytes of a file.

    Parameters
    ----------
    source : str, PathLike, bytes-like or binary file
        As for `decode`.

    Returns
    -------
    bytes

    Raises
    ------
    ImageError
        If it cannot be read.
    """
    with as_image_error(source):
        if not is_path(source):
            return _read(source)
        with open_path(source, buffering=0) as file:
            return file.read()


def first_bytes(source, size):
    """Read the first bytes of a file."""
    if is_path(source):
        with open_path(source, buffering=0) as file:
            return file.read(size)
    head = _read(source, size)
    if not head and hasattr(source, "read"):
        raise ImageError("has nothing left to read; rewind it with seek(0)")
    return head


def open_binary(source):
    """Open a file, or copy the contents of an open one: each thread needs a position of its own."""
    return open_path(source) if is_path(source) else io.BytesIO(_read(source))


def open_path(path, **options):
    """Open a regular file."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise ImageError("does not exist") from None
    if stat.S_ISDIR(mode):
        raise ImageError("is a directory; give the files in it")
    if not stat.S_ISREG(mode):
        # Opening a pipe waits for a writer, and a pipe can be read only once.
        raise ImageError("is a pipe or device; give a regular file")
    return open(path, "rb", **options)


def _read(source, size=-1):
    """The first ``size`` bytes of file contents, or of an open file, which keeps its position."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)[: size if size >= 0 else None]
    if can_open(source):
        with source.open("rb") as file:
            return file.read(size)
    if not hasattr(source, "read"):
        raise ImageError("is not an image; give a path, the contents of a file, an open file, a PIL image or an array")
    if isinstance(source, io.TextIOBase):
        raise ImageError('is open as text; open it with mode "rb"')
    with file_locked(source):
        try:
            position = source.tell()
            source.seek(position)
        except (AttributeError, OSError):
            raise ImageError("cannot be rewound; give its contents, file.read(), instead") from None
        try:
            return source.read(size)
        finally:
            source.seek(position)
