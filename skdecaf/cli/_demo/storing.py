"""Photos and models in memory: bounded, and forgotten after a while."""

# SPDX-License-Identifier: BSD-3-Clause
import secrets
import time
from collections import OrderedDict


class Store:
    """Values under names that cannot be guessed. The least recently used ones make room for new ones.

    Parameters
    ----------
    max_items : int
    max_bytes : int
    max_seconds : float
        A value that nobody uses for so long is forgotten.
    clock : callable
    """

    def __init__(self, max_items, max_bytes, max_seconds=900, clock=time.monotonic):
        self._limits, self._clock = (max_items, max_bytes, max_seconds), clock
        self._items, self.n_bytes = OrderedDict(), 0  # key: (value, n_bytes, last used)

    def __len__(self):
        return len(self._items)

    def put(self, value, n_bytes):
        """Keep a value; return its name."""
        self._drop_old()
        max_items, max_bytes, _ = self._limits
        while self._items and (len(self._items) >= max_items or self.n_bytes + n_bytes > max_bytes):
            self._drop_first()
        key = secrets.token_urlsafe(16)
        self._items[key] = value, n_bytes, self._clock()
        self.n_bytes += n_bytes
        return key

    def get(self, key):
        """Return a value; raise a KeyError if it is forgotten."""
        self._drop_old()
        value, n_bytes, _ = self._items.pop(key)
        self._items[key] = value, n_bytes, self._clock()
        return value

    def _drop_old(self):
        oldest = self._clock() - self._limits[2]
        while self._items and next(iter(self._items.values()))[2] < oldest:
            self._drop_first()

    def _drop_first(self):
        self.n_bytes -= self._items.popitem(last=False)[1][1]
