"""Archives, extracted safely: completely or not at all, and nothing outside the folder.

`tarfile` and `zipfile` read them, but do not extract: neither limits sizes (`test_bombs`), tarfile's filter "data"
allows links and files that replace others, and zipfile renames "../evil" instead of refusing it.
"""

# SPDX-License-Identifier: BSD-3-Clause
import bz2
import contextlib
import errno
import gzip
import os
import re
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from skdecaf._utils.files import sync_folder

_CHUNK = 2**18
_LARGEST_HEADER = 2**16  # bytes; `tarfile` holds headers such as long names in memory
_FREE_OF_RATIO = 2**20  # bytes that even the smallest archive may contain
_LONGEST_TAIL = 2**20  # bytes after the last file of a tar
_SIGNATURES = {b"PK": "zip", b"\x1f\x8b": "gzip", b"BZh": "bzip2"}
_OPENERS = {"gzip": gzip.open, "bzip2": bz2.open, "tar": open}
_NAMES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2")  # of archives within an archive
# What tarfile and zipfile raise for damaged files.
_DAMAGE = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, struct.error, EOFError, IndexError, OverflowError, RuntimeError,
    ValueError,
)  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """Limits for several archives together: bytes, files and folders, and bytes per byte of an archive."""

    n_bytes: int
    n_members: int
    ratio: int = 100


class _Refused(ValueError):
    """An archive is refused; the text is the predicate of an error message."""


def archive_kind(path):
    """Detect the kind of an archive from its content.

    Parameters
    ----------
    path : str or PathLike

    Returns
    -------
    {"zip", "gzip", "bzip2", "tar", None}
        None if it is not an archive. Compressed files are assumed to contain a tar.
    """
    with open(path, "rb") as file:
        head = file.read(512)
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature):
            return kind
    try:  # the oldest tars have no signature, but each header has a checksum
        tarfile.TarInfo.frombuf(head, tarfile.ENCODING, "surrogateescape")
    except tarfile.HeaderError:
        return None
    return "tar"


def extract(archives, folder, limits, *, check=None):
    """Extract archives into a new folder.

    The folder appears when it is complete. Until then its files are in a hidden folder beside it, which the next call
    removes if a process was killed; only one process at a time may extract into a folder. Archives inside archives
    are extracted, too. Hidden files are skipped.

    Parameters
    ----------
    archives : sequence of PathLike
        Files in the formats tar (plain, gzip or bzip2) and zip.
    folder : PathLike
    limits : Limits
    check : callable, optional
        Called with the hidden folder before it is renamed; raises an error if the content is wrong.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ValueError
        If an archive is damaged, contains anything but plain files and folders, names a place outside the folder or a
        file twice, or exceeds the limits.
    OSError
        If the folder cannot be written.
    """
    folder = Path(folder)
    partial = folder.with_name(f".{folder.name}.partial")
    with _removed_at_the_end(partial):
        partial.mkdir(parents=True)
        _extract_all(archives, partial, _Usage(limits))
        if check is not None:
            check(partial)
        _rename_durably(partial, folder)
    return folder


@contextlib.contextmanager
def _removed_at_the_end(folder):
    """Remove a folder that a killed process left, and what this one leaves."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _rename_durably(partial, folder):
    """Rename the folder once its files are on the disk: one `sync`, as there may be 100,000 of them."""
    os.sync()
    os.rename(partial, folder)
    sync_folder(folder.parent)


class _Usage:
    """What has been extracted so far, checked against the limits."""

    def __init__(self, limits):
        self.limits, self.n_bytes, self.n_members = limits, 0, 0

    def add(self, size):
        """Count a file before it is written."""
        if size < 0:
            raise _Refused("contains a file of a negative size")
        self.n_bytes, self.n_members = self.n_bytes + size, self.n_members + 1
        if self.n_members > self.limits.n_members:
            raise _Refused(f"contains more than the {self.limits.n_members:,} files and folders expected at most")
        if self.n_bytes > self.limits.n_bytes:
            raise _Refused(f"contains more than the {self.limits.n_bytes:,} bytes expected at most")


def _extract_all(archives, folder, usage):
    for archive in archives:
        for nested in _extract_one(Path(archive), folder, usage, str(archive)):
            _extract_one(nested, nested.parent, usage, f"{archive}/{nested.name}")
            nested.unlink()


def _extract_one(archive, folder, usage, name):
    """Extract one archive; return the archives inside it."""
    try:
        extracted = list(_extracted(archive, folder, usage))
    except _Refused as problem:
        raise ValueError(f"{name!r} {problem}; delete it, and get it from a source you trust") from None
    except (*_DAMAGE, OSError) as error:
        # Damage has no errno in bz2, and EINVAL if a zip names an offset before its first byte.
        if getattr(error, "errno", None) not in (None, errno.EINVAL):
            raise
        raise ValueError(f"{name!r} is damaged ({error}); delete it, and download it again") from None
    return [path for path in extracted if path.name.endswith(_NAMES) and archive_kind(path)]


def _extracted(archive, folder, usage):
    """Yield the files of an archive once they are written."""
    kind = archive_kind(archive)
    if kind is None:
        raise _Refused("is not an archive")
    most = usage.n_bytes + _FREE_OF_RATIO + usage.limits.ratio * archive.stat().st_size
    for name, size, is_plain, open_file in (_zip_members if kind == "zip" else _tar_members)(archive, kind):
        place = _place(name, is_plain)
        usage.add(size)
        if usage.n_bytes > most:
            raise _Refused(f"contains more than {usage.limits.ratio} times its own size")
        if open_file is not None and place is not None:
            with open_file() as source:
                yield _write(source, folder / place, size)


def _write(source, path, size):
    """Write a file of exactly ``size`` bytes."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "xb") as file:
            shutil.copyfileobj(source, file, _CHUNK)
            written = file.tell()
    except (FileExistsError, NotADirectoryError):
        raise _Refused(f"contains {path.name!r} twice, or as a file and a folder") from None
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise _Refused(f"contains a name that is too long, {path.name[:40]!r} …") from None
    if written != size:
        raise _Refused(f"contains {path.name!r} with {written:,} bytes instead of {size:,}")
    return path


def _place(name, is_plain):
    """The path of a member inside the folder; None if it is hidden."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or re.search(r"[\\\0]|^\w:", name):
        raise _Refused(f"names {name!r}, a place outside its folder")
    if not is_plain:
        raise _Refused(f"contains {name!r}, which is neither a file nor a folder")
    return None if any(part.startswith((".", "__MACOSX")) for part in parts) else Path(*parts)


class _Header(tarfile.TarInfo):
    """A header of a tar, with a bound on headers that carry a long text for the next one."""

    @classmethod
    def frombuf(cls, buf, encoding, errors):
        return super().frombuf(buf, encoding, errors)._bounded()

    @classmethod
    def _frombuf(cls, *args, **options):
        """Later releases of Python, also of 3.13, call this one when they read an archive."""
        return super()._frombuf(*args, **options)._bounded()

    def _bounded(self):
        if not self.isreg() and not 0 <= self.size <= _LARGEST_HEADER:
            raise _Refused(f"has a header of {self.size:,} bytes")
        return self


def _tar_members(path, kind):
    """Yield name, size, whether it is a plain file or folder, and a function that opens a file."""
    # Streamed, since seeking backwards in a compressed file starts from its beginning.
    with _OPENERS[kind](path, "rb") as file:
        with tarfile.open(fileobj=file, mode="r|", tarinfo=_Header) as archive:
            for member in archive:
                is_file = member.isreg() and not member.issparse()
                open_file = partial(archive.extractfile, member) if is_file else None
                yield member.name, member.size, is_file or member.isdir(), open_file
        if len(file.read(_LONGEST_TAIL)) == _LONGEST_TAIL:  # read to the end, where the checksum is
            raise _Refused("continues after its end")


def _zip_members(path, kind):
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            is_folder = member.is_dir()
            types = (0, stat.S_IFDIR if is_folder else stat.S_IFREG)  # 0 where it was not made on Unix
            is_plain = stat.S_IFMT(member.external_attr >> 16) in types
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise _Refused("is compressed in an unusual way")
            yield member.filename, member.file_size, is_plain, None if is_folder else partial(archive.open, member)
