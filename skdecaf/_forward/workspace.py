"""State that a thread keeps between batches: buffers, and the worker threads of the current run."""

# SPDX-License-Identifier: BSD-3-Clause
import _thread
import math
from collections import deque
from contextlib import contextmanager, suppress
from queue import SimpleQueue

import numpy as np

# Threads inside a layer: more would wait for the memory, and for the interpreter's lock.
_MAX_THREADS = 4


class _Job:
    """A layer's work in parts; several threads take parts until none are left."""

    def __init__(self, function, parts):
        self._function, self._parts, self._n_parts = function, deque(parts), len(parts)
        self._done, self._all_done, self._error = [], _thread.allocate_lock(), None
        self._all_done.acquire()

    def take_parts(self, last=False):
        """Do parts until all are taken, from the first on, or from the last."""
        take = self._parts.pop if last else self._parts.popleft
        while True:
            try:
                part = take()
            except IndexError:
                return
            try:
                self._function(part)
            except BaseException as error:
                self._error = self._error or error
            self._done.append(part)
            if len(self._done) == self._n_parts:
                self._all_done.release()

    def wait(self):
        """Wait for the parts of other threads; raise the first error."""
        self._all_done.acquire()
        if self._error is not None:
            raise self._error


class _WorkerThreads:
    """Threads that share a layer's work with the thread that started them.

    A late worker costs time only, because any free thread takes the next part.
    """

    def __init__(self, n_threads):
        self._jobs, self._n_threads, self._started = SimpleQueue(), n_threads, False

    def _start(self):
        """Start the threads when there is work for them, so that they need not wait for it, nor another for them."""
        n_threads, self._n_threads, self._started = self._n_threads, 0, True
        with suppress(RuntimeError):  # no more threads available
            for _ in range(n_threads):
                # Not by threading.Thread, whose start() waits until the thread runs.
                _thread.start_new_thread(self._help, ())
                self._n_threads += 1

    def for_each(self, function, parts):
        """Call function(part) for all parts."""
        if not parts:
            return
        job = _Job(function, parts)
        for _ in range(min(self._n_threads, len(parts) - 1)):
            self._jobs.put(job)
        if not self._started:
            self._start()
        job.take_parts()
        job.wait()

    def dismiss(self):
        """Stop the workers after their current part."""
        for _ in range(self._n_threads * self._started):
            self._jobs.put(None)

    def _help(self):
        # NumPy's error state belongs to a thread.
        with np.errstate(over="ignore", invalid="ignore"):
            while (job := self._jobs.get()) is not None:
                job.take_parts(last=True)


class Workspace:
    """Buffers of one running thread, and the threads among which it may divide a layer."""

    def __init__(self):
        self._buffers = {}
        self._helpers, self.n_threads = None, 1

    def array(self, key, shape):
        """Return a float32 array of this shape; its contents are undefined."""
        size = math.prod(shape)
        buffer = self._buffers.get(key)
        if buffer is None or buffer.size < size:
            buffer = self._buffers[key] = np.zeros(size, np.float32)
        return buffer[:size].reshape(shape)

    @contextmanager
    def threads(self, n_threads):
        """Start up to three workers for the block, so that `for_each` uses at most four threads."""
        n_threads = min(n_threads, _MAX_THREADS)
        if n_threads == 1:
            yield
            return
        self._helpers, self.n_threads = _WorkerThreads(n_threads - 1), n_threads
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
        """Divide n things (at least one) into slices for the threads, at multiples of unit.

        Each thread has two of them: if one is late, another takes more.
        """
        n_shares = 1 if self.n_threads == 1 else 2 * self.n_threads
        step = -(-n // (unit * n_shares)) * unit
        return [slice(start, min(start + step, n)) for start in range(0, n, step)]
