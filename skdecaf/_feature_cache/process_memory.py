"""What one process holds of a cache: the blobs that it used last, and how often it found what it looked for."""

# SPDX-License-Identifier: BSD-3-Clause
from collections import OrderedDict

from skdecaf._utils.locks import ForkSafeLock


class ProcessMemory:
    """Blobs by key, as long as they fit into memory; those unused for longest go first."""

    def __init__(self):
        self._lock = ForkSafeLock(repair=self.clear)
        self.clear()

    def clear(self):
        """Forget the blobs and the counts."""
        with self._lock.held():
            self._blobs, self._n_bytes = OrderedDict(), 0
            self.hits = self.misses = 0
            self.warned = False

    def get(self, keys):
        """Find blobs.

        Returns
        -------
        dict of key to tuple (values, used)
        """
        found = {}
        with self._lock.held():
            for key in keys:
                if key in self._blobs:
                    self._blobs.move_to_end(key)
                    found[key] = self._blobs[key]
        return found

    def put(self, blobs, most_bytes):
        """Hold blobs, a dict of key to tuple (values, used), and forget others where they take more than most_bytes."""
        with self._lock.held():
            for key, (values, used) in blobs.items():
                if key in self._blobs:
                    self._n_bytes -= self._blobs[key][0].nbytes
                self._blobs[key] = values, used
                self._n_bytes += values.nbytes
            while self._n_bytes > most_bytes:
                _, (values, _) = self._blobs.popitem(last=False)
                self._n_bytes -= values.nbytes

    def count(self, hits, misses):
        """Count photos that were found, and others that were not."""
        with self._lock.held():
            self.hits += hits
            self.misses += misses


_memories = {}


def memory_of(path):
    """Return what this process holds of the cache at an absolute path."""
    return _memories.get(path) or _memories.setdefault(path, ProcessMemory())
