"""The file of a cache: one SQLite table of blobs, read and written by any number of processes at once."""

# SPDX-License-Identifier: BSD-3-Clause
import errno
import os
import sqlite3
from contextlib import contextmanager, suppress
from itertools import count

import numpy as np

from skdecaf._utils.download import exclusive

# How SQLite knows the file as ours, and the form of what is in it.
_APPLICATION_ID = 0x44654341
_FORMAT = 1

_PATIENCE = 60  # seconds to wait for other writers
_PAGE_SIZE = 8192
_MAGIC = b"SQLite format 3\0"
_FILES = ("", "-wal", "-shm")  # the file, and what SQLite keeps beside it
# A file that is damaged, or that others wrote; every other error is one of its surroundings.
_BROKEN = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_NOT_WRITABLE = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class CacheUnavailable(OSError):
    """The file cannot be read or written now: no permission, no space, or others do not let go of it."""


class CacheDamaged(CacheUnavailable):
    """The file cannot be read any more; its ``identity`` is that of the file that was opened."""


class OtherFormat(ValueError):
    """The file was written by another version of the package."""


class Database:
    """An open file of blobs.

    Parameters
    ----------
    path : Path
    max_bytes : int
        Size of the file above which blobs that were not used for longest make room for others.
    """

    def __init__(self, path, max_bytes):
        self._path, self._max_bytes = path, max_bytes
        if path.parent.is_file():
            raise NotADirectoryError(f"{str(path.parent)!r} is a file; a feature cache needs a folder")
        with self._errors_explained():
            self._identity = _identity(path)  # before it is opened, since what replaces it in between is sound
            self._connection = _open(path)

    def read(self, keys):
        """Find blobs.

        Parameters
        ----------
        keys : iterable of tuple (photo, blob)

        Returns
        -------
        dict of key to tuple (values, used)
            Values are float32; used is the time of the last use in seconds.
        """
        found = {}
        with self._transaction("BEGIN"):
            for key in keys:
                query = "SELECT data, used FROM blobs WHERE photo = ? AND blob = ?"
                row = self._connection.execute(query, key).fetchone()
                if row is not None:
                    found[key] = np.frombuffer(row[0], "<f4"), row[1]
        return found

    def write(self, blobs):
        """Store blobs, a dict of key to tuple (values, used), all that fit or none; those that are there stay."""
        statement = "INSERT OR IGNORE INTO blobs (photo, blob, used, data) VALUES (?, ?, ?, ?)"
        with self._transaction("BEGIN IMMEDIATE"):
            for key, (values, used) in blobs.items():
                data = values.astype("<f4", copy=False).tobytes()
                if self._make_room(len(data)):
                    self._connection.execute(statement, (*key, used, data))
            if self._value("PRAGMA page_count") * _PAGE_SIZE > self._max_bytes:  # it was written with a higher limit
                self._give_back_space()

    def touch(self, keys, now):
        """Note that blobs were used."""
        statement = "UPDATE blobs SET used = ? WHERE photo = ? AND blob = ?"
        with self._transaction("BEGIN IMMEDIATE"):
            self._connection.executemany(statement, [(now, *key) for key in keys])

    def size(self):
        """How many blobs there are, and how many bytes they and their index take."""
        with self._transaction("BEGIN"):
            return self._value("SELECT count(*) FROM blobs"), self._bytes_in_use()

    def clear(self):
        """Remove all blobs, and give their space back."""
        with self._transaction("BEGIN IMMEDIATE"):
            self._connection.execute("DELETE FROM blobs")
            self._give_back_space()

    def close(self):
        """Close the file; the last one to do so clears away what SQLite keeps beside it."""
        self._connection.close()

    def _make_room(self, n_bytes):
        """Remove the blobs that were not used for longest, some at a time, until a new one fits; False if none does."""
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

    @contextmanager
    def _errors_explained(self):
        try:
            yield
        except sqlite3.Error as error:
            raise self._explained(error) from error
        except OSError as error:
            raise _unavailable(self._path, error) from error

    def _explained(self, error):
        code = error.sqlite_errorcode & 0xFF
        if code in _BROKEN:
            if _is_foreign(self._path):
                return _foreign(self._path)
            damage = CacheDamaged(f"{str(self._path)!r} is damaged: {error}")
            damage.identity = self._identity
            return damage
        if code == sqlite3.SQLITE_FULL:
            cure = "; free some space"
        elif code in _NOT_WRITABLE:
            cure = "; give a folder in which you may write"
        else:  # others hold it, or the disk fails
            cure = ""
        return CacheUnavailable(f"{str(self._path)!r}: {error}{cure}")


def _unavailable(path, error):
    cure = "free some space" if error.errno in _NO_ROOM else "give a folder in which you may write"
    return CacheUnavailable(f"{str(path)!r}: {error.strerror or error}; {cure}")


def set_aside(path, damage):
    """Give a damaged file another name, so that a new one can begin.

    Parameters
    ----------
    path : Path
    damage : CacheDamaged

    Returns
    -------
    str
        What to tell the user; "" where another process has come first.

    Raises
    ------
    CacheUnavailable
        Where it cannot be renamed.
    """
    try:
        with exclusive(path):
            if _identity(path) != damage.identity:
                return ""
            names = (f"{path}.damaged-{number}" for number in count(1))
            name = next(name for name in names if not os.path.lexists(name))
            for suffix in _FILES:
                with suppress(FileNotFoundError):
                    os.rename(f"{path}{suffix}", f"{name}{suffix}")
    except OSError as error:
        raise _unavailable(path, error) from damage
    return f"the feature cache {damage}; it begins anew, and the damaged file is now {name!r}, which you may delete"


def remove(path):
    """Delete a file that nobody uses."""
    for suffix in _FILES:
        with suppress(FileNotFoundError):
            os.unlink(f"{path}{suffix}")


def _identity(path):
    """What tells a file from one that takes its place, or None where there is none."""
    with suppress(FileNotFoundError):
        status = os.stat(path)
        return status.st_dev, status.st_ino


def _is_foreign(path):
    """Whether a file is a database, and says that it is not ours."""
    with open(path, "rb") as file:
        head = file.read(100)
    return head.startswith(_MAGIC) and head[68:72] != _APPLICATION_ID.to_bytes(4, "big")


def _foreign(path):
    return ValueError(f"{str(path)!r} is a database of something else; choose another folder for the feature cache")


def _open(path):
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _connect(path, str(path))
    except sqlite3.OperationalError as error:
        # In a folder where it cannot write, SQLite reads a file only if it is told that nobody else writes.
        if error.sqlite_errorcode & 0xFF in _NOT_WRITABLE and path.is_file() and not os.path.exists(f"{path}-wal"):
            return _connect(path, f"{path.as_uri()}?immutable=1", uri=True)
        raise


def _connect(path, name, **options):
    # No thread uses it while another one does; transactions are begun and ended by hand.
    options |= {"timeout": _PATIENCE, "isolation_level": None, "check_same_thread": False}
    connection = sqlite3.connect(name, **options)
    try:
        if _is_empty(connection):
            with exclusive(path):
                if _is_empty(connection):
                    _create(connection)
        _check(path, connection)
        # A power cut may lose the last rows, and damages nothing.
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


def _is_empty(connection):
    return connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0


def _create(connection):
    connection.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "CREATE TABLE blobs (photo BLOB, blob TEXT, used INTEGER, data BLOB, PRIMARY KEY (photo, blob))"
        )
        connection.execute("CREATE INDEX blobs_by_use ON blobs (used)")
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_FORMAT}")


def _check(path, connection):
    if connection.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
        raise _foreign(path)
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found != _FORMAT:
        raise OtherFormat(
            f"the feature cache {str(path)!r} has format {found}, and this version reads format {_FORMAT}; "
            "choose another folder, or call FeatureCache.clear() to start anew"
        )
