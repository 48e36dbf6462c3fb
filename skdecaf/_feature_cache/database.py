"""The file of a feature cache: one SQLite table of blobs, for any number of processes at once."""

# SPDX-License-Identifier: BSD-3-Clause
import errno
import hashlib
import os
import re
import sqlite3
from contextlib import contextmanager, suppress
from itertools import count

import numpy as np

from skdecaf._utils.locks import file_lock

# SQLite stores these in the file: whose it is, and the version of the table.
_APPLICATION_ID = 0x44654341
_FORMAT = 2
_OWNER, _NOBODY = (_APPLICATION_ID, _FORMAT), (0, 0)

_LOCK_TIMEOUT = 60  # seconds to wait for other writers
_PAGE_SIZE = 8192
_MAGIC = b"SQLite format 3\0"
# Part of the index's SQL in the first page: it tells a header that is damaged from that of another program or version.
_TRACE = re.compile(rb"ON blobs \(used /\* format (\d+), token: [0-9a-f]{32} \*/\)")
_FILES = ("", "-wal", "-shm")  # suffixes of SQLite's files
# The file is damaged. Other errors come from the disk, or from permissions.
_BROKEN = (
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_TOOBIG,
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_NOTADB,
)
_NOT_WRITABLE = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class CacheUnavailable(OSError):
    """The file cannot be read or written now: no permission, no space, or another process holds it."""


class CacheDamaged(CacheUnavailable):
    """The file is damaged; ``identity`` is that of the file that was opened."""


class OtherFormat(ValueError):
    """The file was written by another version of the package."""


class Database:
    """An open file of blobs.

    Parameters
    ----------
    path : Path
    max_bytes : int
        Size of the file above which the least recently used blobs are removed.

    Attributes
    ----------
    damaged : set of tuple (photo, blob)
        Keys of the blobs whose checksum was wrong when they were read. `write` replaces them.
    """

    def __init__(self, path, max_bytes):
        self._path, self._max_bytes, self.damaged = path, max_bytes, set()
        if path.parent.is_file():
            raise NotADirectoryError(f"{str(path.parent)!r} is a file; a feature cache needs a folder")
        with self._errors_explained():
            self._identity = _identity(path)  # before opening: a file that replaces it in between is sound
            self._check_header()
            self._connection = _open(path)
            self._open_file = _identity(path)

    def read(self, keys):
        """Find blobs.

        Parameters
        ----------
        keys : iterable of tuple (photo, blob)

        Returns
        -------
        dict of key to tuple (values, used)
            Values are float32; used is the time of the last use in seconds. Damaged blobs are not among them.
        """
        found = {}
        query = "SELECT data, used, checksum FROM blobs WHERE photo = ? AND blob = ?"
        with self._transaction("BEGIN"):
            for key in keys:
                row = self._connection.execute(query, key).fetchone()
                if row is None:
                    continue
                data, used, checksum = row
                if isinstance(data, bytes) and isinstance(used, int) and checksum == _checksum(key, data):
                    found[key] = np.frombuffer(data, "<f4"), used
                else:
                    self.damaged.add(key)
        return found

    def write(self, blobs):
        """Store blobs, a dict of key to tuple (values, used), in one transaction; sound blobs are not replaced."""
        insert = "INSERT OR IGNORE INTO blobs (photo, blob, used, data, checksum) VALUES (?, ?, ?, ?, ?)"
        with self._transaction("BEGIN IMMEDIATE"):
            damaged = [key for key in blobs if key in self.damaged]
            self._connection.executemany("DELETE FROM blobs WHERE photo = ? AND blob = ?", damaged)
            for key, (values, used) in blobs.items():
                data = values.astype("<f4", copy=False).tobytes()
                if self._make_room(len(data)):
                    self._connection.execute(insert, (*key, used, data, _checksum(key, data)))
            if self._value("PRAGMA page_count") * _PAGE_SIZE > self._max_bytes:  # it was written with a higher limit
                self._give_back_space()

    def touch(self, keys, now):
        """Note that blobs were used."""
        statement = "UPDATE blobs SET used = ? WHERE photo = ? AND blob = ?"
        with self._transaction("BEGIN IMMEDIATE"):
            self._connection.executemany(statement, [(now, *key) for key in keys])

    def size(self):
        """Return the number of blobs, and the bytes that they and their index take."""
        with self._transaction("BEGIN"):
            return self._value("SELECT count(*) FROM blobs"), self._bytes_in_use()

    def clear(self):
        """Remove all blobs and shrink the file."""
        with self._transaction("BEGIN IMMEDIATE"):
            self._connection.execute("DELETE FROM blobs")
            self._give_back_space()

    def token(self):
        """Return a value that no other file has; the inode of a deleted file is used again."""
        with self._errors_explained():
            return self._connection.execute("SELECT sql FROM sqlite_master WHERE name = 'blobs_by_use'").fetchone()

    def is_in_place(self):
        """Whether the path still is that of the open file, which may have been deleted meanwhile."""
        with self._errors_explained():
            return self._open_file is not None and _identity(self._path) == self._open_file

    def close(self):
        """Close the file; SQLite removes its other files when the last process closes it."""
        self._connection.close()

    def _make_room(self, n_bytes):
        """Remove the least recently used blobs, some at a time, until a new one fits; False if it never does."""
        while self._bytes_in_use() + n_bytes + 2 * _PAGE_SIZE > self._max_bytes:
            n_blobs = self._value("SELECT count(*) FROM blobs")
            if not n_blobs:
                return False
            oldest = "SELECT rowid FROM blobs ORDER BY used, rowid LIMIT ?"
            self._connection.execute(f"DELETE FROM blobs WHERE rowid IN ({oldest})", (-(-n_blobs // 64),))
        return True

    def _give_back_space(self):
        for _ in range(self._value("PRAGMA freelist_count")):
            self._connection.execute("PRAGMA incremental_vacuum(1)")

    def _bytes_in_use(self):
        pages = self._value("PRAGMA page_count") - self._value("PRAGMA freelist_count")
        return pages * _PAGE_SIZE

    def _value(self, query):
        return self._connection.execute(query).fetchone()[0]

    @contextmanager
    def _transaction(self, begin):
        # As a context manager a connection commits, or rolls back after an error.
        with self._errors_explained(), self._connection:
            self._connection.execute(begin)
            yield

    def _check_header(self):
        """Refuse a database of another program or version, even before SQLite opens it and tidies up after a crash."""
        if not self._path.is_file():
            return
        with open(self._path, "rb") as file:
            page = file.read(_PAGE_SIZE)
        owner = int.from_bytes(page[68:72]), int.from_bytes(page[60:64])
        n_tables = int.from_bytes(page[103:105])
        if not page.startswith(_MAGIC) or owner == _OWNER or (owner == _NOBODY and not n_tables):
            return
        if trace := _TRACE.search(page):
            owner = _APPLICATION_ID, int(trace[1])
        if owner == _OWNER:
            raise self._damage("its header is not that of a feature cache")
        _check_owner(self._path, owner)

    def _damage(self, reason):
        damage = CacheDamaged(f"{str(self._path)!r} is damaged: {reason}")
        damage.identity = self._identity
        return damage

    @contextmanager
    def _errors_explained(self):
        try:
            yield
        except CacheUnavailable:
            raise
        except (sqlite3.Error, UnicodeDecodeError) as error:  # SQLite's own messages quote damaged text
            raise self._explained(error) from error
        except OSError as error:
            raise _unavailable(self._path, error) from error

    def _explained(self, error):
        # Errors of Python itself have no code.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        if code in _BROKEN:
            return self._damage(error)
        if code == sqlite3.SQLITE_FULL:
            cure = "; free some space"
        elif code in _NOT_WRITABLE:
            cure = "; give a folder in which you may write"
        else:  # another process holds it, or the disk fails
            cure = ""
        return CacheUnavailable(f"{str(self._path)!r}: {error}{cure}")


def _unavailable(path, error):
    cure = "free some space" if error.errno in _NO_ROOM else "give a folder in which you may write"
    return CacheUnavailable(f"{str(path)!r}: {error.strerror or error}; {cure}")


def set_aside(path, damage):
    """Rename a damaged file, so that a new one can be created.

    Parameters
    ----------
    path : Path
    damage : CacheDamaged

    Returns
    -------
    str
        A message for the user; "" if another process was faster.

    Raises
    ------
    CacheUnavailable
        If it cannot be renamed.
    """
    try:
        with file_lock(path):
            if _identity(path) != damage.identity:
                return ""
            names = (f"{path}.damaged-{number}" for number in count(1))
            name = next(name for name in names if not os.path.lexists(name))
            for suffix in _FILES:
                with suppress(FileNotFoundError):
                    os.rename(f"{path}{suffix}", f"{name}{suffix}")
    except OSError as error:
        raise _unavailable(path, error) from damage
    renamed = f"The damaged file was renamed to {name!r}; you can delete it"
    return f"the feature cache {damage}. A new cache was started. {renamed}"


def remove(path):
    """Delete a file that no process uses."""
    for suffix in _FILES:
        with suppress(FileNotFoundError):
            os.unlink(f"{path}{suffix}")


def _checksum(key, data):
    photo, blob = key
    return hashlib.sha256(b"".join((photo, blob.encode(), b"\0", data))).digest()[:16]


def _identity(path):
    """A value that differs for a file that replaces this one; None if there is no file."""
    with suppress(FileNotFoundError):
        status = os.stat(path)
        return status.st_dev, status.st_ino


def _open(path):
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _connect(path, str(path))
    except sqlite3.OperationalError as error:
        # In a folder without write permission SQLite reads a file only if told that no process writes it.
        if error.sqlite_errorcode & 0xFF in _NOT_WRITABLE and path.is_file() and not os.path.exists(f"{path}-wal"):
            return _connect(path, f"{path.as_uri()}?immutable=1", uri=True)
        raise


def _connect(path, name, **options):
    # Threads use it one at a time, and transactions are explicit.
    options |= {"timeout": _LOCK_TIMEOUT, "isolation_level": None, "check_same_thread": False}
    connection = sqlite3.connect(name, **options)
    connection.text_factory = bytes  # a damaged file may hold text that is not UTF-8
    try:
        if _is_empty(connection):
            with file_lock(path):
                if _is_empty(connection):
                    _create(connection)
        _check_owner(path, _owner(connection))
        # A power cut may lose the last rows, but does not damage the file.
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


def _is_empty(connection):
    n_tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return n_tables == 0 and _owner(connection) in (_NOBODY, _OWNER)


def _owner(connection):
    return tuple(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))


def _create(connection):
    connection.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "CREATE TABLE blobs "
            "(photo BLOB, blob TEXT, used INTEGER, data BLOB, checksum BLOB, PRIMARY KEY (photo, blob))"
        )
        # SQLite stores this text as it is, with the comment, see _TRACE.
        connection.execute(
            f"CREATE INDEX blobs_by_use ON blobs (used /* format {_FORMAT}, token: {os.urandom(16).hex()} */)"
        )
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_FORMAT}")


def _check_owner(path, owner):
    application_id, found = owner
    if application_id != _APPLICATION_ID:
        raise ValueError(f"{str(path)!r} is a database of something else; choose another folder for the feature cache")
    if found != _FORMAT:
        raise OtherFormat(
            f"the feature cache {str(path)!r} has format {found}, and this version reads format {_FORMAT}; "
            "choose another folder, or call FeatureCache.clear() to start anew"
        )
