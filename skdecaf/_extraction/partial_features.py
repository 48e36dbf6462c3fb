"""Features of an unfinished extraction on disk, kept through kills and power losses.

The folder ``FILE.part`` has two files. ``rows`` holds the finished features, raw float32. ``journal`` says whose they
are: its first line describes what determines a feature, and each further line stands for one batch of photos, with
their names, with digests of their identities (paths, sizes and modification times, or contents) and of their rows, and
with a digest of the line itself. A line is written when its rows are on the disk. A resumed extraction keeps the lines
that match its photos and rows, up to the first that does not, and computes the rest. Photos and lines are read one by
one, so memory does not grow with their number.
"""

# SPDX-License-Identifier: BSD-3-Clause
import hashlib
import json
import os
import shutil
from contextlib import suppress
from itertools import chain, islice

import numpy as np

from skdecaf._extraction.feature_files import StoredNames, StoredRows
from skdecaf._extraction.photos import photo_identity
from skdecaf._utils.files import add_path_to_os_error
from skdecaf.images._naming import name_of

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None


PUBLISHING = "publishing"  # marks a partial folder whose files are being moved


class PartialFeatures:
    """Finished rows on disk; a context manager that keeps other processes from writing them.

    Parameters
    ----------
    folder : str
    description : dict
        What determines a feature, besides the photo.
    n_columns : int

    Attributes
    ----------
    n_photos : int
        How many of the first photos are done. `resume` finds them.
    left_out : dict of int to str
        Those of them without a row: index and reason.
    discarded : bool
        Whether lines were found that do not match.
    damaged : bool
        Whether the first of them is damaged, or its rows are.
    """

    def __init__(self, folder, description, n_columns):
        self.folder = folder
        self.n_photos, self.left_out, self.discarded, self.damaged = 0, {}, False, False
        self._header, self._n_columns = _line(description), n_columns
        os.makedirs(folder, exist_ok=True)
        self._journal = open(os.path.join(folder, "journal"), "a+b")  # noqa: SIM115
        self._rows = open(os.path.join(folder, "rows"), "a+b")  # noqa: SIM115
        try:
            self._lock()
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

    def stored_rows(self, verbose=False):
        """The finished rows, to be read with or without a progress bar."""
        return StoredRows(self._rows.name, self.n_rows, self._n_columns, verbose)

    def stored_names(self):
        """The names of the photos of the rows; None for a photo without a name."""
        return StoredNames(self._journal.name, len(self._header))

    def add(self, photos, features, left_out):
        """Store the next photos: a row for each, except those left out (index: reason)."""
        rows = np.ascontiguousarray(features, "<f4").tobytes()
        _append(self._rows, rows)
        first, stop = self.n_photos, self.n_photos + len(photos)
        names = [name_of(photo) for i, photo in enumerate(photos, first) if i not in left_out]
        entry = {"stop": stop, "photos": _digest_of_photos(photos), "rows": _digest(rows), "names": names}
        _append(self._journal, _line(entry | {"left_out": sorted(left_out.items())}))
        self.n_photos = stop
        self.left_out |= left_out

    def resume(self, photos):
        """Keep the stored lines and rows that match the photos, and cut off the rest.

        Parameters
        ----------
        photos : iterable of sources

        Returns
        -------
        iterator
            Over the photos that are not done.
        """
        photos = iter(photos)
        self._journal.seek(0)
        header = self._journal.readline()
        n_bytes = len(self._header) if header == self._header else 0
        for line in self._journal:
            taken = self._accept(line, photos) if n_bytes else []
            if taken is not None:
                photos = chain(taken, photos)
                # A kill leaves a torn last line, which is not worth a report.
                self.discarded = line.endswith(b"\n")
                break
            n_bytes += len(line)
        self._journal.truncate(n_bytes)
        if not n_bytes:
            _append(self._journal, self._header)
        self._rows.truncate(self.n_rows * self._row_bytes)
        return photos

    def _accept(self, line, photos):
        """Accept a line of the journal, or return photos taken from the iterator for the comparison.

        A line is not accepted if it is torn, damaged, or describes other photos.
        """
        checksum, _, text = line.partition(b" ")
        try:
            entry = json.loads(text)
            start, stop, left_out = self.n_photos, entry["stop"], dict(entry["left_out"])
            n_bytes = self._row_bytes * (stop - start - len(left_out))
            is_whole = checksum.decode() == _digest(text) and start < stop
            wanted, wanted_rows, _ = entry["photos"], entry["rows"], entry["names"]
        except (ValueError, KeyError, TypeError, AttributeError):
            is_whole = False
        if not is_whole:
            self.damaged = line.endswith(b"\n")
            return []
        taken = list(islice(photos, stop - start))
        if len(taken) < stop - start or _digest_of_photos(taken) != wanted:
            return taken
        self._rows.seek(self._row_bytes * self.n_rows)
        rows = self._rows.read(n_bytes)
        if _digest(rows) != wanted_rows:
            self.damaged = len(rows) == n_bytes
            return taken
        self.n_photos = stop
        self.left_out |= left_out
        return None

    def remove(self):
        """Remove the stored files, and the folder unless it holds files of others."""
        for entry in os.scandir(self.folder):
            if entry.name in ("journal", "rows", PUBLISHING) or entry.name.startswith("complete."):
                shutil.rmtree(entry) if entry.is_dir(follow_symlinks=False) else os.unlink(entry)
        with suppress(OSError):
            os.rmdir(self.folder)

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


def _digest_of_photos(photos):
    return _digest(json.dumps([photo_identity(photo) for photo in photos]).encode())


def _digest(data):
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _line(value):
    text = json.dumps(value, sort_keys=True).encode() + b"\n"
    return _digest(text).encode() + b" " + text


def _append(file, data):
    """Append, and wait until the data are on the disk."""
    with add_path_to_os_error(file.name):
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
