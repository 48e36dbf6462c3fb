"""What a running thread keeps, and the helpers that share a layer's work with it."""

import _thread
import threading
import time

import numpy as np
import pytest

from skdecaf._forward.products import even_parts
from skdecaf._forward.workspace import Workspace


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.001)
    assert condition()


@pytest.fixture
def helpers(monkeypatch):
    """What each thread does that is started as helpers are: "started", and "ended"."""
    start, log = _thread.start_new_thread, []

    def start_logged(function, arguments):
        def run():
            function(*arguments)
            log.append("ended")

        start(run, ())
        log.append("started")

    monkeypatch.setattr(_thread, "start_new_thread", start_logged)
    return log


def ended(helpers):
    return helpers.count("ended") == helpers.count("started")


@pytest.mark.parametrize(("n", "most", "sizes"), [(0, 3, []), (7, 3, [3, 3, 1]), (8, 5, [4, 4]), (2, 9, [2])])
def test_even_parts(n, most, sizes):
    parts = even_parts(n, most)
    assert [len(range(n)[part]) for part in parts] == sizes
    assert [i for part in parts for i in range(n)[part]] == list(range(n))


@pytest.mark.parametrize("n_threads", [1, 2, 4, 50])
def test_each_part_is_done_once(n_threads):
    workspace = Workspace()
    with workspace.threads(n_threads):
        for n in (0, 1, 2, 100) * 50:
            done = []
            workspace.for_each(done.append, range(n))
            assert sorted(done) == list(range(n))
    assert workspace.n_threads == 1


def test_threads_work_at_the_same_time():
    barrier = threading.Barrier(3)
    workspace = Workspace()
    with workspace.threads(3):
        for _ in range(3):
            workspace.for_each(lambda _: barrier.wait(30), range(3))


def test_the_threads_end_with_the_block(helpers):
    workspace = Workspace()
    with workspace.threads(4):
        assert not helpers  # they start when there is work for them
        workspace.for_each(abs, range(4))
        assert helpers == ["started"] * 3
        time.sleep(0.01)
        assert "ended" not in helpers
    wait_until(lambda: ended(helpers))


def test_a_system_without_more_threads(monkeypatch, helpers):
    start = _thread.start_new_thread

    def start_one(function, arguments):
        if helpers:
            raise RuntimeError("can't start new thread")
        start(function, arguments)

    monkeypatch.setattr(_thread, "start_new_thread", start_one)
    workspace, done = Workspace(), []
    with workspace.threads(4):
        workspace.for_each(done.append, range(10))
    assert sorted(done) == list(range(10)) and helpers.count("started") == 1
    wait_until(lambda: ended(helpers))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_errors_of_any_part_are_raised(n_threads, error, helpers):
    def fail(part):
        if part == 7:
            raise error("seven")

    workspace = Workspace()
    with pytest.raises(error, match="seven"), workspace.threads(n_threads):
        workspace.for_each(fail, range(9))
    wait_until(lambda: ended(helpers))


def test_numpy_does_not_warn_in_any_thread():
    barrier = threading.Barrier(2)

    def overflow(_):
        barrier.wait(30)
        assert np.isinf(np.float32(3e38) * np.ones(2, np.float32) * 2).all()

    workspace = Workspace()
    with np.errstate(over="ignore"), workspace.threads(2):
        workspace.for_each(overflow, range(2))


@pytest.mark.parametrize(("n", "unit", "expected"), [(10, 1, [3, 3, 3, 1]), (1, 1, [1]), (30, 12, [12, 12, 6])])
def test_shares(n, unit, expected):
    workspace = Workspace()
    with workspace.threads(2):
        shares = workspace.shares(n, unit)
    assert [share.stop - share.start for share in shares] == expected
