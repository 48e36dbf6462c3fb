import os
import subprocess
import sys

import joblib
import pytest
from threadpoolctl import threadpool_limits

from skdecaf._utils.threads import resolve_n_jobs


def test_none_means_as_many_threads_as_blas_may_use():
    for n in (1, 2):
        with threadpool_limits(n, user_api="blas"):
            assert resolve_n_jobs(None) == n


def test_joblib_configuration_and_numbers_override():
    with joblib.parallel_config(n_jobs=3):
        assert resolve_n_jobs(None) == 3
        assert resolve_n_jobs(1) == 1
    with joblib.parallel_config(n_jobs=1):
        assert resolve_n_jobs(None) == 1
    assert resolve_n_jobs(-1) == joblib.cpu_count()
    assert resolve_n_jobs(-1000) == 1
    with pytest.raises(ValueError, match="n_jobs == 0"):
        resolve_n_jobs(0)


def test_one_thread_in_a_thread_of_joblib():
    with threadpool_limits(2, user_api="blas"):
        found = joblib.Parallel(2, backend="threading")(joblib.delayed(resolve_n_jobs)(None) for _ in range(4))
    assert found == [1] * 4


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "limit"), [("loky", {"inner_max_num_threads": 1}), ("multiprocessing", {})])
def test_limits_of_worker_processes_hold(backend, limit):
    with joblib.parallel_config(backend, n_jobs=2, **limit):
        found = joblib.Parallel()(joblib.delayed(resolve_n_jobs)(None) for _ in range(2))
    assert found == [1, 1]


DASK = """
import joblib
from distributed import Client
from threadpoolctl import threadpool_limits
from skdecaf._utils.threads import resolve_n_jobs

with Client(processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None) as client:
    with threadpool_limits(4, user_api="blas"):
        assert resolve_n_jobs(None) == 4, "outside the workers"
        assert client.submit(resolve_n_jobs, None).result() == 2
        with joblib.parallel_config("dask"):
            found = joblib.Parallel()(joblib.delayed(resolve_n_jobs)(None) for _ in range(4))
        assert found == [2] * 4, found
"""


@pytest.mark.slow
def test_the_threads_of_a_dask_worker_divide_those_of_blas():
    pytest.importorskip("distributed")
    done = subprocess.run([sys.executable, "-c", DASK], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


FORK = """
import os, sys, threading
from skdecaf._utils.process_cache import ProcessCache
from skdecaf._utils.threads import resolve_n_jobs

cache, inside, leave = ProcessCache(2), threading.Event(), threading.Event()
cache.get("made", lambda: 1)
outside = resolve_n_jobs(None)

def busy():
    inside.set()
    leave.wait(20)

thread = threading.Thread(target=cache.get, args=("being made", busy))
thread.start()
inside.wait(20)
child = os.fork()
if child == 0:
    assert resolve_n_jobs(None) == outside
    assert cache.get("made", lambda: 2) == 1
    assert cache.get("being made", lambda: 3) == 3
    os._exit(0)
status = os.waitpid(child, 0)[1]
leave.set()
thread.join()
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_while_others_hold_locks():
    result = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
