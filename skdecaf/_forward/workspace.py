"""What a running thread keeps from batch to batch: memory, and the helpers that it has for this run."""

# SPDX-License-Identifier: BSD-3-Clause
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np


def even_parts(n, most):
    """Slices that divide n things into as few parts of at most so many as can be, all but equal in size."""
    n_parts = -(-n // most)
    size = -(-n // max(n_parts, 1))
    return [slice(start, start + size) for start in range(0, n, size)] if n else []


class Workspace:
    """Buffers of one running thread, and the threads among which it may divide a layer."""

    def __init__(self):
        self._buffers = {}
        self._pool, self.n_threads = None, 1

    def array(self, key, shape):
        """Float32 array of this shape; what it holds is left over from its last use, finite or not."""
        size = int(np.prod(shape))
        buffer = self._buffers.get(key)
        if buffer is None or buffer.size < size:
            buffer = self._buffers[key] = np.zeros(size, np.float32)
        return buffer[:size].reshape(shape)

    @contextmanager
    def threads(self, n_threads):
        """Have helpers until the end of the block, so that `for_each` works in this many threads."""
        if n_threads == 1:
            yield
            return
        with ThreadPoolExecutor(n_threads) as self._pool:
            self.n_threads = n_threads
            try:
                yield
            finally:
                self._pool, self.n_threads = None, 1

    def for_each(self, function, parts):
        """Call function(part) for all parts, which must not write to the same place."""
        if self._pool is None:
            for part in parts:
                function(part)
        else:
            list(self._pool.map(_without_warnings(function), parts))

    def shares(self, n, unit=1):
        """Slices that divide n things, at least one, among the threads, at multiples of unit."""
        step = -(-n // (unit * self.n_threads)) * unit
        return [slice(start, min(start + step, n)) for start in range(0, n, step)]


def _without_warnings(function):
    """NumPy's error state belongs to a thread: helpers need their own."""

    def quiet(part):
        with np.errstate(over="ignore", invalid="ignore"):
            function(part)

    return quiet
