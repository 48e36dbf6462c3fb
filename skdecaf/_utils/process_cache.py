"""Costly values, made once per process."""

# SPDX-License-Identifier: BSD-3-Clause
from collections import OrderedDict

from skdecaf._utils.locks import ForkSafeLock


class _Entry:
    def __init__(self):
        self.lock, self.made, self.value = ForkSafeLock(), False, None


class ProcessCache:
    """Keeps the values that were used last; each is made once, even if several threads ask for it at once.

    Parameters
    ----------
    max_size : int
        How many values are kept.
    """

    def __init__(self, max_size):
        self._max_size, self._entries, self._lock = max_size, OrderedDict(), ForkSafeLock()

    def get(self, key, make):
        """Return the value of ``key``; ``make()`` makes a missing one."""
        with self._lock.held():
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            while len(self._entries) > self._max_size:
                self._entries.popitem(last=False)
        # Threads that ask for other values do not wait here.
        with entry.lock.held():
            if not entry.made:
                entry.value, entry.made = make(), True
            return entry.value
