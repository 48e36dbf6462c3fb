"""The public `FeatureCache`, and the rows that one extraction finds and stores in it."""

# SPDX-License-Identifier: BSD-3-Clause
import hashlib
import os
import threading
import time
from contextlib import closing, suppress
from itertools import pairwise
from numbers import Integral
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.utils._param_validation import InvalidParameterError

from skdecaf._feature_cache.database import CacheDamaged, CacheUnavailable, Database, OtherFormat, remove, set_aside
from skdecaf._feature_cache.process_memory import memory_of
from skdecaf._utils.warnings import warn_user

_FILE = "features.sqlite"

# Seconds after which a use of a blob is recorded again, so that reading seldom writes.
_TOUCHED_FOR = 60


class CacheInfo(NamedTuple):
    """What `FeatureCache.info` returns.

    Attributes
    ----------
    path : str
        Folder of the cache.
    n_rows : int
        Number of stored blobs, one for each photo, blob and way to compute it.
    n_bytes : int
        Their bytes on disk.
    hits, misses : int
        Number of photos that this process has found, and that it had to compute.
    """

    path: str
    n_rows: int
    n_bytes: int
    hits: int
    misses: int


class FeatureCache:
    """Activations of photos, stored on disk, for the parameter ``memory`` of estimators.

    Each photo goes through a network once. The next fold, grid point or session gets the stored activations, equal to
    the last bit. Their key is the contents of the photo and everything else that decides them, so they are never stale,
    and each has a checksum.

    Parameters
    ----------
    path : str or PathLike
        A folder, created when it is first needed. Any number of processes may use it at once.
    max_bytes : int, default=10 GiB
        Size on disk above which the least recently used activations are removed.
    max_memory_bytes : int, default=256 MiB
        How much each process keeps in memory as well.

    Raises
    ------
    ValueError
        At the first use, if the folder holds a file ``features.sqlite`` of another version or another program.

    Warns
    -----
    UserWarning
        If the file is damaged: it is renamed, and the cache starts anew. If single activations are damaged: they are
        computed again. If the file cannot be written: features are computed, but not stored.

    See Also
    --------
    DeCAFTransformer : Its ``memory`` takes a cache, or the path of one.

    Notes
    -----
    The file is an SQLite database in WAL mode. A process that is killed loses only the photos that it was working on.
    A photo in a file of more than 1 GiB is computed each time: to store it, the whole file has to be in memory, so that
    the key and the activations are of the same contents.
    If the folder is deleted, it is created again, with the activations that the process has in memory.
    The object never changes, so clones of an estimator share it; its pickle holds the path and the limits only.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_sample_images
    >>> from skdecaf import DeCAFTransformer, FeatureCache
    >>> photos = load_sample_images().images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cache = FeatureCache(folder)
    ...     for layer in ([5, 6], 6):
    ...         features = DeCAFTransformer(layer, memory=cache).fit_transform(photos)
    ...     info = cache.info()
    >>> info.n_rows, info.hits, info.misses
    (4, 2, 2)
    """

    def __init__(self, path, *, max_bytes=10 * 2**30, max_memory_bytes=2**28):
        for name, value in (("max_bytes", max_bytes), ("max_memory_bytes", max_memory_bytes)):
            if not isinstance(value, Integral) or isinstance(value, bool) or value < 0:
                raise ValueError(f"{name} must be a whole number of bytes, 0 or more; got {value!r}")
        self._path = Path(os.fsdecode(path)).expanduser().absolute()
        self._max_bytes, self._max_memory_bytes = int(max_bytes), int(max_memory_bytes)

    @property
    def path(self):
        """Path of the folder."""
        return self._path

    @property
    def max_bytes(self):
        """Size on disk above which the least recently used activations are removed."""
        return self._max_bytes

    @property
    def max_memory_bytes(self):
        """Bytes that each process keeps in memory."""
        return self._max_memory_bytes

    def info(self):
        """Count stored activations, and the photos that this process has found.

        Returns
        -------
        CacheInfo
            A named tuple (path, n_rows, n_bytes, hits, misses).
        """
        memory, size = memory_of(self._path), (0, 0)
        if self._file.exists():
            size = self._ask(Database.size)
        return CacheInfo(str(self._path), *size, memory.hits, memory.misses)

    def clear(self):
        """Remove all activations and reset the counts.

        A file in the format of another version is deleted; no other process may use it meanwhile.

        Raises
        ------
        ValueError
            If the file belongs to another program.
        """
        memory_of(self._path).clear()
        if not self._file.exists():
            return
        try:
            self._ask(Database.clear)
        except OtherFormat:
            remove(self._file)

    def __repr__(self):
        return f"FeatureCache({str(self._path)!r})"

    def __eq__(self, other):
        return isinstance(other, FeatureCache) and self._state() == other._state()

    def __hash__(self):
        return hash(self._state())

    def __deepcopy__(self, memo):
        """Return the cache itself, so that `sklearn.base.clone` shares it."""
        return self

    def _state(self):
        return self._path, self._max_bytes, self._max_memory_bytes

    @property
    def _file(self):
        return self._path / _FILE

    def _open(self):
        return Database(self._file, self._max_bytes)

    def _ask(self, method):
        """Call a method of the file, or of a new one if it is damaged."""
        try:
            with closing(self._open()) as database:
                return method(database)
        except CacheDamaged as damage:
            if notice := set_aside(self._file, damage):
                warn_user(notice)
        with closing(self._open()) as database:
            return method(database)


def check_memory(estimator):
    """Check the parameter ``memory`` of an estimator.

    Raises
    ------
    InvalidParameterError
        With a hint if it is a ``joblib.Memory``, the ``memory`` of scikit-learn's pipelines.
    """
    memory = estimator.memory
    if memory is None or isinstance(memory, str | os.PathLike | FeatureCache):
        return
    hint = ""
    if hasattr(memory, "location") and hasattr(memory, "cache"):
        hint = " A joblib.Memory is for the memory of a Pipeline; here its folder serves: memory=memory.location."
    raise InvalidParameterError(
        f"The 'memory' parameter of {type(estimator).__name__} must be the path of a folder, a skdecaf.FeatureCache or "
        f"None. Got {memory!r} instead.{hint}"
    )


class CachedRows:
    """Rows of blobs of photos in a cache; a context manager that the threads of one run share.

    Parameters
    ----------
    memory : str, PathLike or FeatureCache
        The parameter of estimators.
    recipe : str
        Everything except the photo that decides its blobs.
    blobs : dict of str to int
        The blobs of a row, in order, and their sizes.
    """

    def __init__(self, memory, recipe, blobs):
        self._cache = memory if isinstance(memory, FeatureCache) else FeatureCache(memory)
        self._memory = memory_of(self._cache.path)
        self._recipe, self._sizes = hashlib.sha256(recipe.encode()).digest(), blobs
        self._edges = [0, *np.cumsum(list(blobs.values())).tolist()]
        # The database is opened when a row is not in memory. Threads use it one at a time.
        self._lock, self._database = threading.Lock(), None
        self._damage, self._error, self._n_damaged = "", None, 0  # for the warnings at the end
        self._touched = set()

    def __enter__(self):
        return self

    def __exit__(self, error, *details):
        self._close()
        if error is None:
            self._warn()

    def identity(self, digest, value_range):
        """Key of a row, from the photo's digest and, if the image's dtype needs one, the value range."""
        return hashlib.sha256(self._recipe + digest + repr(value_range).encode()).digest()

    def find(self, identities):
        """Find rows.

        Parameters
        ----------
        identities : iterable of bytes

        Returns
        -------
        dict of bytes to ndarray of shape (size,), float32
        """
        keys = {identity: [(identity, blob) for blob in self._sizes] for identity in identities}
        wanted = [key for row in keys.values() for key in row]
        blobs = self._memory.get(wanted)
        if len(blobs) < len(wanted) or self._file_is_gone():
            missing = [key for key in wanted if key not in blobs]
            stored = self._with_database(Database.read, missing) or {}
            self._memory.put(stored, self._cache.max_memory_bytes)
            blobs |= stored
        self._record_use(blobs)
        return {
            identity: np.concatenate([blobs[key][0] for key in row]) if len(row) > 1 else blobs[row[0]][0]
            for identity, row in keys.items()
            if all(key in blobs for key in row)
        }

    def store(self, rows):
        """Store rows, a dict of bytes to ndarray of shape (size,), float32."""
        if not rows:
            return
        now = int(time.time())
        blobs = {
            (identity, blob): (row[start:stop].copy(), now)
            for identity, row in rows.items()
            for blob, (start, stop) in zip(self._sizes, pairwise(self._edges), strict=True)
        }
        for values, _ in blobs.values():
            values.flags.writeable = False
        self._memory.put(blobs, self._cache.max_memory_bytes)
        self._with_database(Database.write, blobs)

    def count(self, hits, misses):
        """Count photos that were found, and photos that were computed."""
        self._memory.count(hits, misses)

    def _close(self):
        """Record which blobs were used, and close the file."""
        error = self._error
        try:
            if self._touched:
                self._with_database(Database.touch, self._touched, int(time.time()))
        finally:
            self._error = error  # no warning if the file can only be read, as long as all rows are found
            if self._database is not None:
                self._n_damaged = len(self._database.damaged)
                self._database.close()

    def _warn(self):
        """Warn about damage and, once in each process, that rows could not be stored."""
        if self._damage:
            warn_user(self._damage)
        if self._n_damaged:
            warn_user(
                f"{self._n_damaged} stored blobs of the feature cache {str(self._cache._file)!r} are damaged; they "
                "were computed again"
            )
        if self._error is not None and not self._memory.warned:
            self._memory.warned = True
            warn_user(f"features are computed and not stored, since the feature cache cannot be used: {self._error}")

    def _record_use(self, blobs):
        now = int(time.time())
        old = {key: (values, now) for key, (values, used) in blobs.items() if now - used >= _TOUCHED_FOR}
        if old:
            self._memory.put(old, self._cache.max_memory_bytes)
            with self._lock:
                self._touched |= old.keys()

    def _with_database(self, method, *args):
        """Call a method of the database; None if it cannot be used. After the first error it is only read."""
        with self._lock:
            if self._error is not None and (self._database is None or method is not Database.read):
                return None
            try:
                if self._database is not None and not self._database.is_in_place():
                    self._database.close()
                    self._database = None
                if self._database is None:
                    self._open()
                return method(self._database, *args)
            except CacheUnavailable as error:
                self._error = self._set_aside(error) if isinstance(error, CacheDamaged) else error
                return None

    def _open(self):
        """Open the file. If it took the place of another one, write the rows in memory to it, too."""
        self._database = self._cache._open()
        token = self._database.token()
        if self._memory.token not in (None, token):
            with suppress(CacheUnavailable):  # the next write gives the warning
                self._database.write(self._memory.everything())
        self._memory.token = token

    def _file_is_gone(self):
        """Whether there is no file, although the rows in memory were written to one."""
        return self._memory.token is not None and not os.path.exists(self._cache._file)

    def _set_aside(self, damage):
        """Replace a damaged file by a new one, once in a run; return the error that is left, if any."""
        if self._database is not None:
            self._database.close()
            self._database = None
        if self._damage:
            return damage
        try:
            self._damage = set_aside(self._cache._file, damage)
        except CacheUnavailable as error:
            return error
        return None
