import threading
import time

import pytest

from skdecaf._utils.threaded_map import map_chunks


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("n_items", [0, 1, 7, 40])
def test_results_come_in_order(n_items, n_threads):
    def work(start, stop, cancelled):
        time.sleep(0.001 * (start % 3))
        return list(range(start, stop))

    chunks = list(map_chunks(work, n_items, 3, n_threads))
    assert [i for chunk in chunks for i in chunk] == list(range(n_items))
    assert all(len(chunk) <= 3 for chunk in chunks)


@pytest.mark.parametrize("n_threads", [1, 4])
def test_the_error_of_the_lowest_chunk_is_raised(n_threads):
    def work(start, stop, cancelled):
        if start in (5, 9):
            time.sleep(0.02 if start == 5 else 0)
            raise ValueError(start)

    with pytest.raises(ValueError, match="^5$"):
        list(map_chunks(work, 20, 1, n_threads))


def test_little_is_computed_ahead_of_the_consumer():
    started = []
    chunks = map_chunks(lambda start, stop, cancelled: started.append(start), 100, 1, 3)
    next(chunks)
    time.sleep(0.05)
    assert len(started) <= 3 + 1
    chunks.close()


def test_stopping_early_cancels_and_leaves_no_thread():
    seen = []

    def work(start, stop, cancelled):
        if start:
            seen.append(cancelled.wait(5))

    before = threading.active_count()
    chunks = map_chunks(work, 100, 1, 3)
    next(chunks)
    chunks.close()
    assert all(seen) and len(seen) <= 3
    assert threading.active_count() == before
