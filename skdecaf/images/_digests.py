"""Digests that tell one photo from another."""

# SPDX-License-Identifier: BSD-3-Clause
import hashlib
import io
import os

import numpy as np
from PIL import Image

from skdecaf.images._crops import Crop
from skdecaf.images._decoding import decode
from skdecaf.images._files import file_contents, is_path
from skdecaf.images._naming import can_open
from skdecaf.images._per_file_cache import cached_per_file

# Larger files are not read into memory.
_MAX_BYTES = 2**30
# The fastest of Python's digests on processors with instructions for it.
_digest = hashlib.sha256


def source_digest(source):
    """Digest of everything that decides the pixels: a file's contents, or pixels with their shape and dtype.

    Parameters
    ----------
    source : str, PathLike, bytes-like, binary file, PIL image, ndarray or Crop
        As for `decode`. The file at a path is read once per process, and again when it has changed.

    Returns
    -------
    bytes

    Raises
    ------
    ImageError
        If the source cannot be read.
    """
    if isinstance(source, Crop):
        return _digest(f"crop {source.box} ".encode() + source_digest(source.photo)).digest()
    if is_path(source):
        return cached_per_file(source, _file_digest)
    if isinstance(source, (np.ndarray, Image.Image)):
        pixels = np.ascontiguousarray(decode(source))
        digest = _digest(f"pixels {pixels.dtype.str} {pixels.shape} ".encode())
        digest.update(pixels)
        return digest.digest()
    return _digest(file_contents(source)).digest()


def read_and_digest(source):
    """Read a file into memory, so that its digest is that of the very bytes that are decoded.

    Parameters
    ----------
    source : str, PathLike, bytes-like, binary file, PIL image, ndarray or Crop
        As for `decode`.

    Returns
    -------
    source : as the input
        An open file in memory, if the source was a path or an open file.
    digest : bytes
        As from `source_digest`.
    """
    source = _in_memory(source)
    return source, source_digest(source)


def may_change(source):
    """Whether the source is a path, an open file, an object that opens one, or a crop of one."""
    photo = source.photo if isinstance(source, Crop) else source
    return is_path(photo) or hasattr(photo, "read") or can_open(photo)


def file_size(source):
    """Bytes of the file at a path, also of the photo of a crop; 0 for other sources."""
    photo = source.photo if isinstance(source, Crop) else source
    try:
        return os.stat(photo).st_size if is_path(photo) else 0
    except (OSError, ValueError):
        return 0


def fits_in_memory(source):
    """Whether `read_and_digest` may read the source."""
    return file_size(source) <= _MAX_BYTES


def _in_memory(source):
    if isinstance(source, Crop):
        return Crop(_in_memory(source.photo), source.box)
    if not may_change(source):
        return source
    contents = io.BytesIO(file_contents(source))
    contents.name = source if is_path(source) else str(source) if can_open(source) else getattr(source, "name", None)
    return contents


def _file_digest(file):
    return hashlib.file_digest(file, _digest).digest()
