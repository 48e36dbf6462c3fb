"""Costly things, made once per process."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import threading
from collections import OrderedDict


class _Entry:
    def __init__(self):
        self.lock, self.made, self.value = threading.Lock(), False, None


class ProcessCache:
    """Keeps the few values that were used last; each is made once, also if several threads ask for it at once.

    Parameters
    ----------
    most : int
        How many values are kept.
    """

    def __init__(self, most):
        self._most, self._entries, self._lock = most, OrderedDict(), threading.Lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget_other_threads)

    def get(self, key, make):
        """Return the value of ``key``, which ``make()`` makes where there is none."""
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)
        # Whoever asks for another value does not wait here.
        with entry.lock:
            if not entry.made:
                entry.value, entry.made = make(), True
            return entry.value

    def _forget_other_threads(self):
        """In a forked process the threads are gone that held locks; what they were making is not made."""
        self._lock = threading.Lock()
        made = [(key, entry) for key, entry in self._entries.items() if entry.made]
        self._entries = OrderedDict(made)
        for entry in self._entries.values():
            entry.lock = threading.Lock()
