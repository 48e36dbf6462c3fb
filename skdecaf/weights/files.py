"""Guards that the readers of others' files share: sizes are known before anything is read."""

# SPDX-License-Identifier: BSD-3-Clause
import io
import math
import re
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# The largest of the family, AlexNet in float64, has 488 million bytes.
MOST_BYTES = 512 * 2**20

# A directory of some twenty entries has 2 kB; arrays are read in smaller pieces too.
_LONGEST_READ = 2**20
_MOST_ENTRIES = 1000

# What numpy writes before an array's values; later versions of its format are for longer headers. Python 2 wrote
# lengths as 256L.
_NPY_MAGIC, _NPY_LONGEST_TEXT = b"\x93NUMPY\x01\x00", 1000
_NPY_TEXT = re.compile(
    rb"\{'descr': (.+), 'fortran_order': (True|False), 'shape': \(((?:\d{1,12}L?, ?)*(?:\d{1,12}L?)?)\), \} *\n"
)
_NPY_DTYPE = re.compile(r"'([<>](?:f[248]|U[1-9]\d{0,2}))'")


@contextmanager
def guarded(path, most_bytes=MOST_BYTES):
    """The path of a file of bearable size; a ValueError that is raised within names the file."""
    path = Path(path).absolute()
    if not path.is_file():
        raise FileNotFoundError(f"no network at {str(path)!r}; check the path")
    try:
        size = path.stat().st_size
        if size > most_bytes:
            raise ValueError(f"{size:,} bytes are more than a network of the AlexNet family has ({most_bytes:,})")
        yield path
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: {error}") from None


class _ShortReads(io.FileIO):
    """A file that refuses to hand out much at once, for zipfile reads a directory of any length in one go."""

    def read(self, size=-1):
        if size is not None and size > _LONGEST_READ:
            raise zipfile.BadZipFile(f"a directory of {size:,} bytes is too long")
        return super().read(size)


@contextmanager
def open_archive(path):
    """A zip archive whose entries are few, have names of their own and together are of bearable size."""
    with _ShortReads(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                _check_entries(archive.infolist())
                yield archive
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
            raise ValueError(f"a damaged zip archive: {error}") from None


def _check_entries(entries):
    if len(entries) > _MOST_ENTRIES:
        raise ValueError(f"{len(entries):,} entries in the archive are more than a network needs")
    names = set()
    for entry in entries:
        if entry.filename in names:
            raise ValueError(f"two entries of the archive are called {entry.filename!r}")
        names.add(entry.filename)
        if entry.flag_bits & 1:
            raise ValueError(f"entry {entry.filename!r} is encrypted")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"entry {entry.filename!r} is compressed by method {entry.compress_type}, not by deflate")
    size = sum(entry.file_size for entry in entries)
    if size > MOST_BYTES:
        raise ValueError(f"{size:,} bytes unpacked are more than a network of the AlexNet family has ({MOST_BYTES:,})")


@dataclass(frozen=True)
class NpyHeader:
    """What a file in numpy's format says of its array, and how many bytes it takes to say so."""

    dtype: np.dtype
    shape: tuple
    order: str
    n_bytes: int


def read_npy_header(file, size, what):
    """Read how an array is laid out, which is matched and not evaluated.

    Parameters
    ----------
    file : binary file
    size : int
        How many bytes it has, as the array must need.
    what : str
        For messages.

    Returns
    -------
    NpyHeader
        Of an array of floats or of a short text.
    """
    start = file.read(len(_NPY_MAGIC) + 2)
    length = int.from_bytes(start[len(_NPY_MAGIC) :], "little")
    begins_well = start.startswith(_NPY_MAGIC) and length <= _NPY_LONGEST_TEXT
    text = _NPY_TEXT.fullmatch(file.read(length)) if begins_well else None
    if text is None:
        raise ValueError(f"{what} does not begin as numpy's arrays do")
    dtype, shape = _NPY_DTYPE.fullmatch(text[1].decode("latin-1")), tuple(map(int, re.findall(rb"\d+", text[3])))
    if dtype is None:
        raise ValueError(f"{what} is of dtype {text[1].decode('latin-1')}, not float16, float32 or float64")
    dtype, n_bytes = np.dtype(dtype[1]), len(start) + length
    if n_bytes + math.prod(shape) * dtype.itemsize != size:
        raise ValueError(f"{what} does not have as many bytes as its shape {shape} and dtype {dtype} need")
    return NpyHeader(dtype, shape, "F" if text[2] == b"True" else "C", n_bytes)


def read_npy_array(file, header):
    """Read the array of a file whose header is known, in pieces."""
    file.seek(header.n_bytes)
    values = np.empty(math.prod(header.shape), header.dtype)
    places = values.view(np.uint8)
    for first in range(0, len(places), _LONGEST_READ // 4):
        piece = places[first : first + _LONGEST_READ // 4]
        if file.readinto(piece) != len(piece):
            raise ValueError("the file ends within an array")
    return values.reshape(header.shape, order=header.order)
