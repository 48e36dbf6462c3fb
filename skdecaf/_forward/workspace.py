"""What a running thread keeps from batch to batch: memory, and the helpers that it has for this run."""

# SPDX-License-Identifier: BSD-3-Clause
import _thread
import math
import time
from collections import deque
from contextlib import contextmanager, suppress

import numpy as np

# Threads inside a layer: more would wait for the memory, and for the interpreter's lock.
_MOST_THREADS = 4


class _Helpers:
    """Threads that take parts of a layer's work beside the thread that has them.

    They do not sleep while they are needed: to be woken takes longer than many a part. That one of them comes late,
    or never, costs time alone, since whoever is free takes the next part.
    """

    def __init__(self, n_threads):
        self._parts, self._done, self._function, self._error = deque(), deque(), None, None
        self._are_needed = True
        with suppress(RuntimeError):  # no more threads to be had
            for _ in range(n_threads):
                # Not by threading.Thread, whose start() waits until the thread runs.
                _thread.start_new_thread(self._help, ())

    def for_each(self, function, parts):
        """Call function(part) for all parts."""
        self._function = function
        self._done.clear()
        self._parts.extend(parts)
        self._take_parts()
        while len(self._done) < len(parts):
            _let_others_work()
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def dismiss(self):
        """Let them go, each after the part that it is at."""
        self._parts.clear()
        self._are_needed = False

    def _take_parts(self):
        while True:
            try:
                part = self._parts.popleft()
            except IndexError:
                return
            try:
                self._function(part)
            except BaseException as error:
                self._error = self._error or error
            self._done.append(part)

    def _help(self):
        # NumPy's error state belongs to a thread.
        with np.errstate(over="ignore", invalid="ignore"):
            while self._are_needed:
                self._take_parts()
                _let_others_work()


def _let_others_work():
    """Let go of the interpreter's lock for a moment, without falling asleep."""
    time.sleep(0)


class Workspace:
    """Buffers of one running thread, and the threads among which it may divide a layer."""

    def __init__(self):
        self._buffers = {}
        self._helpers, self.n_threads = None, 1

    def array(self, key, shape):
        """Float32 array of this shape; what it holds is left over from its last use, finite or not."""
        size = math.prod(shape)
        buffer = self._buffers.get(key)
        if buffer is None or buffer.size < size:
            buffer = self._buffers[key] = np.zeros(size, np.float32)
        return buffer[:size].reshape(shape)

    @contextmanager
    def threads(self, n_threads):
        """Have helpers until the end of the block, so that `for_each` works in this many threads, but at most four."""
        n_threads = min(n_threads, _MOST_THREADS)
        if n_threads == 1:
            yield
            return
        self._helpers, self.n_threads = _Helpers(n_threads - 1), n_threads
        try:
            yield
        finally:
            self._helpers.dismiss()
            self._helpers, self.n_threads = None, 1

    def for_each(self, function, parts):
        """Call function(part) for all parts, which must not write to the same place."""
        if self._helpers is None:
            for part in parts:
                function(part)
        else:
            self._helpers.for_each(function, parts)

    def shares(self, n, unit=1):
        """Slices that divide n things, at least one, among the threads, at multiples of unit.

        Each thread has two of them: if one is late, another takes more.
        """
        n_shares = 1 if self.n_threads == 1 else 2 * self.n_threads
        step = -(-n // (unit * n_shares)) * unit
        return [slice(start, min(start + step, n)) for start in range(0, n, step)]
