"""How many threads to use, and the one limit on the threads of BLAS."""

# SPDX-License-Identifier: BSD-3-Clause
import multiprocessing
import os
import sys
import threading
from contextlib import contextmanager
from numbers import Integral

import joblib
import threadpoolctl


class _BlasLimit:
    """Holds BLAS to one thread while anyone is inside.

    threadpoolctl's limit is the whole process's: of two that overlap in two threads, the second remembers one
    thread as the value to go back to. So they are counted; the first in sets the limit, the last out restores it.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._controllers = None
        self._users = 0
        self._outside = []
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget_other_threads)

    def _forget_other_threads(self):
        """In a forked process those who were inside are gone, or the limit is over for the one who forked."""
        self._lock = threading.Lock()
        if self._users:
            self._set_threads(self._outside)
        self._users = 0

    def _libraries(self):
        # Not by threadpoolctl's own limit, which asks each library for much more than its threads, every time.
        if self._controllers is None:
            self._controllers = threadpoolctl.ThreadpoolController().select(user_api="blas").lib_controllers
        return self._controllers

    def _threads(self):
        return [library.num_threads for library in self._libraries()]

    def _set_threads(self, numbers):
        with _no_controlling_thread():
            for library, n_threads in zip(self._libraries(), numbers, strict=True):
                library.set_num_threads(n_threads)

    def threads_outside(self):
        """How many threads BLAS may use when nobody is inside."""
        with self._lock:
            return max(self._outside if self._users else self._threads(), default=1)

    @contextmanager
    def single_thread(self):
        """Hold BLAS to one thread."""
        with self._lock:
            if self._users == 0:
                self._outside = self._threads()
            self._users += 1
        try:
            with self._lock:
                self._set_threads([1] * len(self._outside))
            yield
        finally:
            with self._lock:
                if self._users == 1:
                    self._set_threads(self._outside)
                # None where this process was forked by the one who leaves.
                self._users = max(0, self._users - 1)


@contextmanager
def _no_controlling_thread():
    """Let this thread set OpenBLAS's limit, and any other thread after it.

    Since threadpoolctl 3.8 the first thread to set a limit controls it, and the calls of others do nothing. The
    caller of `transform` may be in a limit of its own while our threads need theirs.
    """
    openblas = getattr(threadpoolctl, "OpenBLASController", None)
    release = getattr(openblas, "clear_controlling_thread", lambda force: None)
    release(force=True)
    try:
        yield
    finally:
        release(force=True)


_limit = _BlasLimit()
single_blas_thread = _limit.single_thread


def resolve_n_jobs(n_jobs):
    """How many threads ``n_jobs`` means here.

    None is what ``joblib.parallel_config`` says, else as many threads as BLAS may use now, so that the limits of
    joblib's workers, dask and the environment hold; in a worker of joblib that has none, it is one, and the threads of
    a dask worker divide them. Negative numbers count from the number of processors, as everywhere in scikit-learn.
    """
    if n_jobs is None:
        n_jobs = _configured_n_jobs()
    if n_jobs is None:
        return 1 if _in_joblib_worker() else max(1, _limit.threads_outside() // _threads_of_dask_worker())
    if n_jobs == 0:
        raise ValueError("n_jobs == 0 has no meaning; use None, a positive or a negative number")
    return n_jobs if n_jobs > 0 else max(1, joblib.cpu_count() + 1 + n_jobs)


def _configured_n_jobs():
    """The n_jobs of ``joblib.parallel_config``, or None; joblib has no public way to tell one from unset."""
    config = getattr(getattr(joblib.parallel, "_backend", None), "config", None) or {}
    n_jobs = config.get("n_jobs")
    return int(n_jobs) if isinstance(n_jobs, Integral) else None


def _in_joblib_worker():
    """Whether this is a thread, or a process of multiprocessing, of joblib; those of loky have limits of their own."""
    backend, _ = joblib.parallel.get_active_backend()
    nested = (backend.nesting_level or 0) > 0
    in_thread = threading.current_thread() is not threading.main_thread()
    return nested and (in_thread or multiprocessing.current_process().daemon)


def _threads_of_dask_worker():
    """How many tasks may run beside each other in the dask worker that runs this one; 1 elsewhere."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return 1
    try:
        return distributed.get_worker().state.nthreads
    except ValueError:
        return 1
