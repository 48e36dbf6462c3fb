"""Features of an unfinished extraction on disk, kept through kills and power losses.

The folder ``FILE.part`` has two files. ``rows`` holds the finished features, raw float32. ``journal`` says whose they
are: its first line describes what determines a feature, and each further line stands for one batch of photos, with
digests of their paths, sizes and modification times, of their rows, and of the line itself. A line is written when its
rows are on the disk. A resumed extraction keeps the lines that match its photos and rows, up to the first that does
not, and computes the rest.
"""

# SPDX-License-Identifier: BSD-3-Clause
import hashlib
import json
import os
from itertools import takewhile

import numpy as np

from skdecaf._utils.files import errors_naming
from skdecaf.cli._feature_files import StoredRows

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None


class PartialFeatures:
    """Finished rows on disk; a context manager that keeps other processes from writing them.

    Attributes
    ----------
    n_photos : int
        How many of the first photos are done.
    left_out : dict of int to str
        Those of them without a row: index and reason.
    discarded : bool
        Whether lines were found that do not match.
    damaged : bool
        Whether the first of them is damaged, or its rows are.
    """

    def __init__(self, folder, description, identities, n_columns):
        self.folder = folder
        self.n_photos, self.left_out, self.discarded, self.damaged = 0, {}, False, False
        self._identities, self._n_columns = identities, n_columns
        os.makedirs(folder, exist_ok=True)
        self._journal = open(os.path.join(folder, "journal"), "a+b")  # noqa: SIM115
        self._rows = open(os.path.join(folder, "rows"), "a+b")  # noqa: SIM115
        try:
            self._lock()
            self._resume(_line(description))
        except BaseException:
            self._close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._close()

    @property
    def n_rows(self):
        return self.n_photos - len(self.left_out)

    def stored_rows(self):
        """The finished rows, to be read."""
        return StoredRows(self._rows.name, self.n_rows, self._n_columns)

    def add(self, stop, features, left_out):
        """Store the rows of photos ``n_photos`` to ``stop``, except those left out (index: reason)."""
        rows = np.ascontiguousarray(features, "<f4").tobytes()
        _append(self._rows, rows)
        photos = _digest(json.dumps(self._identities[self.n_photos : stop]).encode())
        entry = {"stop": stop, "photos": photos, "rows": _digest(rows), "left_out": sorted(left_out.items())}
        _append(self._journal, _line(entry))
        self.n_photos = stop
        self.left_out |= left_out

    def _resume(self, header):
        """Keep the lines and rows that match, and cut off the rest."""
        self._journal.seek(0)
        lines = self._journal.readlines()
        good_bytes = 0
        if lines and lines[0] == header:
            good_bytes = len(header) + sum(map(len, takewhile(self._accept, lines[1:])))
        # A kill leaves a torn last line, which is not worth a report.
        complete = [line for line in lines[1:] if line.endswith(b"\n")]
        self.discarded = good_bytes < len(lines[0]) + sum(map(len, complete)) if complete else False
        self._journal.truncate(good_bytes)
        if not good_bytes:
            _append(self._journal, header)
        self._rows.truncate(self.n_rows * self._row_bytes)

    def _accept(self, line):
        """Accept a line of the journal unless it is torn, damaged, or describes other photos."""
        checksum, _, text = line.partition(b" ")
        try:
            entry = json.loads(text)
            start, stop, left_out = self.n_photos, entry["stop"], dict(entry["left_out"])
            n_bytes = self._row_bytes * (stop - start - len(left_out))
            photos = _digest(json.dumps(self._identities[start:stop]).encode())
            is_whole = checksum.decode() == _digest(text) and start < stop
        except (ValueError, KeyError, TypeError, AttributeError):
            is_whole = False
        if not is_whole:
            self.damaged = line.endswith(b"\n")
            return False
        if entry["photos"] != photos or stop > len(self._identities):
            return False
        self._rows.seek(self._row_bytes * self.n_rows)
        rows = self._rows.read(n_bytes)
        if _digest(rows) != entry["rows"]:
            self.damaged = len(rows) == n_bytes
            return False
        self.n_photos = stop
        self.left_out |= left_out
        return True

    @property
    def _row_bytes(self):
        return 4 * self._n_columns

    def _lock(self):
        if fcntl is None:
            return
        try:
            fcntl.flock(self._journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OSError(f"another process is writing to {self.folder!r}; wait for it, or stop it") from None

    def _close(self):
        self._rows.close()
        self._journal.close()


def _digest(data):
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _line(value):
    text = json.dumps(value, sort_keys=True).encode() + b"\n"
    return _digest(text).encode() + b" " + text


def _append(file, data):
    """Append, and wait until the data are on the disk."""
    with errors_naming(file.name):
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
