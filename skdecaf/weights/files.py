"""Guards that the readers of others' files share: sizes are known before anything is read."""

# SPDX-License-Identifier: BSD-3-Clause
import io
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path

# The largest of the family, AlexNet in float64, has 488 million bytes.
MOST_BYTES = 512 * 2**20

# A directory of some twenty entries has 2 kB; arrays are read in smaller pieces too.
_LONGEST_READ = 2**20
_MOST_ENTRIES = 1000


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
