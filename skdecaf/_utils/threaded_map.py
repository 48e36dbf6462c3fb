"""Chunks of items processed in threads, with results in order and few of them waiting."""

# SPDX-License-Identifier: BSD-3-Clause
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor


def map_chunks(work, n_items, chunk_size, n_threads):
    """Yield ``work(start, stop, cancelled)`` for each chunk of items in turn, computed ahead in threads.

    Parameters
    ----------
    work : callable
        Called in any thread with the bounds of a chunk and a `threading.Event`. It should stop early once the event is
        set, because the result is no longer needed.
    n_items, chunk_size, n_threads : int

    Yields
    ------
    object
        What ``work`` returned, in the order of the chunks for any number of threads. At most one chunk per thread and
        one more wait to be consumed, so memory does not grow with the number of items. If several chunks fail, the
        error of the first one is raised.
    """
    chunks = [(start, min(start + chunk_size, n_items)) for start in range(0, n_items, chunk_size)]
    cancelled = threading.Event()
    if n_threads == 1 or len(chunks) < 2:
        for start, stop in chunks:
            yield work(start, stop, cancelled)
        return
    executor = ThreadPoolExecutor(n_threads, thread_name_prefix="skdecaf")
    try:
        pending = deque()
        for start, stop in chunks:
            pending.append(executor.submit(work, start, stop, cancelled))
            if len(pending) > n_threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        # Also on an error, on Ctrl-C, and when the consumer stops early.
        cancelled.set()
        executor.shutdown(wait=True, cancel_futures=True)
