"""What tells one photo from another: digests of contents, computed once as long as a file does not change."""

# SPDX-License-Identifier: BSD-3-Clause
import hashlib
import os

import numpy as np
from PIL import Image

from skdecaf.images.crops import Crop
from skdecaf.images.decoding import decode, file_contents
from skdecaf.images.file_facts import fact_of_file

# Of Python's digests the fastest on processors that have instructions for it.
_digest = hashlib.sha256


def source_digest(source):
    """Digest of what decides the pixels: a file's contents, or pixels with their shape and dtype.

    Parameters
    ----------
    source : str, PathLike, bytes-like, binary file, PIL image, ndarray or Crop
        As for `decode`. A path's file is read once per process, and again when it has changed.

    Returns
    -------
    bytes

    Raises
    ------
    ImageError
        Where the source cannot be read.
    """
    if isinstance(source, Crop):
        return _digest(f"crop {source.box} ".encode() + source_digest(source.photo)).digest()
    if isinstance(source, (str, os.PathLike)):
        return fact_of_file(source, _contents_digest)
    if isinstance(source, (np.ndarray, Image.Image)):
        pixels = np.ascontiguousarray(decode(source))
        digest = _digest(f"pixels {pixels.dtype.str} {pixels.shape} ".encode())
        digest.update(pixels)
        return digest.digest()
    return _contents_digest(source)


def is_path(source):
    """Whether the source is a path, or a crop of one, whose file may change at any time."""
    return isinstance(source.photo if isinstance(source, Crop) else source, (str, os.PathLike))


def _contents_digest(source):
    return _digest(file_contents(source)).digest()
