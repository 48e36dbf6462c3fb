"""How messages name an image."""

# SPDX-License-Identifier: BSD-3-Clause
import io
import os
import tarfile
from contextlib import contextmanager

import numpy as np
from PIL import Image

from skdecaf.images._crops import Crop
from skdecaf.images._errors import ImageError
from skdecaf.images._locks import file_locked
from skdecaf.images._pillow_warnings import silent_pillow


def can_open(source):
    """Whether the source is not a path, but opens a file by itself, as `zipfile.Path` does."""
    return callable(getattr(type(source), "open", None)) and not isinstance(source, os.PathLike)


def describe(source):
    """How messages name a source.

    Parameters
    ----------
    source : object
        As for `decode`.

    Returns
    -------
    str or None
        The quoted path or file name; None if there is none.

    Examples
    --------
    >>> from skdecaf.images import describe
    >>> describe("cats/1.jpg")
    "'cats/1.jpg'"
    """
    name = name_of(source)
    # The text may be the contents of a file, passed by mistake.
    return name and repr(name if len(name) <= 200 else f"{name[:90]}...{name[-90:]}")


def name_of(source):
    """The path or file name of a source, None if there is none."""
    if isinstance(source, Crop):
        return name_of(source.photo)
    if isinstance(source, Image.Image):
        file = getattr(source, "fp", None)  # Pillow replaces a closed one by an object that raises errors
        source = getattr(source, "filename", None) or (file if isinstance(file, io.IOBase) else None)
    if can_open(source):
        source = str(source)
    if hasattr(source, "read"):
        source = _member_name(source) or getattr(source, "name", None)
    if not isinstance(source, (str, os.PathLike)) or not source:
        return None
    return os.fsdecode(source)


@contextmanager
def as_image_error(source):
    """Turn any error into an `ImageError` that names the source; drop Pillow's warnings."""
    try:
        with silent_pillow():
            yield
    except ImageError as error:
        raise ImageError(f"{_subject(source)} {error}") from None
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"{_subject(source)} is too large to be safe ({error}); scale it down, or raise "
            "PIL.Image.MAX_IMAGE_PIXELS if you trust it"
        ) from error
    except MemoryError as error:
        raise ImageError(
            f"{_subject(source)} cannot be read, because there is not enough memory; scale it down, use fewer threads "
            "or leave it out"
        ) from error
    except Exception as error:
        # Pillow raises nearly every kind of exception for damaged files.
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        raise ImageError(
            f"{_subject(source)} cannot be read ({reason}); repair it, replace it or leave it out"
        ) from error


def _member_name(file):
    """The name of a member of a tar archive. Before Python 3.13 the member's file object does not have it."""
    if not isinstance(file, tarfile.ExFileObject) or file.closed:
        return None
    try:
        with file_locked(file):
            archive = file.raw.fileobj
            archive.seek(file.raw.offset - tarfile.BLOCKSIZE)
            return tarfile.TarInfo.frombuf(archive.read(tarfile.BLOCKSIZE), "utf-8", "surrogateescape").name
    except (AttributeError, OSError, tarfile.TarError):
        return None


def _subject(source):
    if (name := describe(source)) is not None:
        return name
    for types, words in (
        (np.ndarray, "the array"),
        (Image.Image, "the PIL image"),
        ((str, os.PathLike), "the path ''"),
        ((bytes, bytearray, memoryview), "the file content"),
        (Crop, "the photo"),
    ):
        if isinstance(source, types):
            return words
    return "the open file" if hasattr(source, "read") else f"a value of type {type(source).__name__!r}"
