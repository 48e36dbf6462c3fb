"""Zip archives, within limits on what they may cost.

`zipfile` unpacks 500 kB of deflated zeros to 500 MB, makes an object for each entry of a directory of any length (ten
million in a file of 512 MB), and takes the last of two entries with one name. So the directory is checked first.
"""

# SPDX-License-Identifier: BSD-3-Clause
import io
import zipfile
import zlib
from contextlib import contextmanager

from skdecaf.weights._file_checks import MAX_BYTES

# The directory of an archive with twenty entries has 2 kB.
_LONGEST_READ = 2**20
_MAX_ENTRIES = 1000


class _ShortReads(io.FileIO):
    """A file that refuses long reads, since zipfile reads a directory of any length at once."""

    def read(self, size=-1):
        if size is not None and size > _LONGEST_READ:
            raise zipfile.BadZipFile(f"a directory of {size:,} bytes is too long")
        return super().read(size)


@contextmanager
def open_archive(path):
    """Yield a zip archive with few entries, different names and a limited size; any damage is a ValueError."""
    with _ShortReads(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                _check_entries(archive.infolist())
                yield archive
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
            raise ValueError(f"a damaged zip archive: {error}") from None


def _check_entries(entries):
    if len(entries) > _MAX_ENTRIES:
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
    if size > MAX_BYTES:
        raise ValueError(f"{size:,} bytes unpacked are more than a network of the AlexNet family has ({MAX_BYTES:,})")
