"""The part of a feature cache in the memory of one process: recently used blobs, and counts of hits and misses."""

# SPDX-License-Identifier: BSD-3-Clause
from collections import OrderedDict

from skdecaf._utils.locks import ForkSafeLock


class ProcessMemory:
    """Blobs by key; the least recently used ones are removed first.

    Attributes
    ----------
    token : object
        That of the file that the blobs were written to; None before there is one.
    """

    def __init__(self):
        self._lock = ForkSafeLock(repair=self.clear)
        self.clear()

    def clear(self):
        """Remove the blobs and reset the counts."""
        with self._lock.held():
            self._blobs, self._n_bytes = OrderedDict(), 0
            self.hits = self.misses = 0
            self.warned = False
            self.token = None

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

    def everything(self):
        """Return all blobs, a dict of key to tuple (values, used)."""
        with self._lock.held():
            return dict(self._blobs)

    def put(self, blobs, max_bytes):
        """Add blobs, a dict of key to tuple (values, used), and remove others beyond ``max_bytes``."""
        with self._lock.held():
            for key, (values, used) in blobs.items():
                if key in self._blobs:
                    self._n_bytes -= self._blobs[key][0].nbytes
                self._blobs[key] = values, used
                self._n_bytes += values.nbytes
            while self._n_bytes > max_bytes:
                _, (values, _) = self._blobs.popitem(last=False)
                self._n_bytes -= values.nbytes

    def count(self, hits, misses):
        """Count photos that were found, and photos that were not."""
        with self._lock.held():
            self.hits += hits
            self.misses += misses


_memories = {}


def memory_of(path):
    """Return the memory of this process for the cache at an absolute path."""
    return _memories.get(path) or _memories.setdefault(path, ProcessMemory())
