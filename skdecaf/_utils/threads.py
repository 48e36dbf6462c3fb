"""How many threads to use."""

# SPDX-License-Identifier: BSD-3-Clause
import multiprocessing
import sys
import threading
from functools import cache
from numbers import Integral

import joblib
import threadpoolctl


@cache
def _blas_libraries():
    """Controller of the BLAS libraries; cached, because finding them is slow."""
    return threadpoolctl.ThreadpoolController().select(user_api="blas")


def _blas_threads():
    """How many threads BLAS may use now."""
    return max((library["num_threads"] for library in _blas_libraries().info()), default=1)


def resolve_n_jobs(n_jobs):
    """Return the number of threads that ``n_jobs`` means.

    None means the number of ``joblib.parallel_config``. Without one, it means the number of threads that BLAS may use,
    which respects the limits of joblib's workers, dask and the environment. Inside a joblib thread it means one, and
    threads of a dask worker share its number. Negative numbers count back from the number of processors, as in
    scikit-learn.
    """
    if n_jobs is None:
        n_jobs = _configured_n_jobs()
    if n_jobs is None:
        return 1 if _in_joblib_worker() else max(1, _blas_threads() // _threads_of_dask_worker())
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
