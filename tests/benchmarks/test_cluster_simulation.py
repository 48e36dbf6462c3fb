"""The simulation of many processors: what it gives where the answer is known."""

# SPDX-License-Identifier: BSD-3-Clause
from types import SimpleNamespace

import pytest
from cluster_simulation import BYTES_OF_ROW, SECONDS_OF_PHOTO, simulate


def speed(n_workers, batch_size=64, **options):
    """Photos in a second, and the busy shares."""
    free = {"shards": 2, "shard_size": 640, "photo": 0, "store": 1e9, "sync": 0, "scheduler": 0, "shared_list": False}
    options = SimpleNamespace(**free | options)
    seconds, busy = simulate(options, n_workers, batch_size)
    return n_workers * options.shards * options.shard_size / seconds, busy


@pytest.mark.parametrize("n_workers", [1, 100])
def test_with_a_perfect_store_all_processors_compute(n_workers):
    assert speed(n_workers)[0] == pytest.approx(n_workers / SECONDS_OF_PHOTO)


def test_a_slow_store_is_the_limit():
    found, busy = speed(300, photo=100, store=1)
    assert found == pytest.approx(1e9 / (100e3 + 3 * BYTES_OF_ROW), rel=0.02) and busy["store"] > 0.98


def test_slow_syncs_are_the_limit_of_small_batches():
    slow, busy = speed(300, sync=10)
    assert busy["syncs"] > 0.98 and speed(300, sync=10, batch_size=640)[0] > 1.5 * slow


def test_a_slow_scheduler_is_the_limit():
    found, busy = speed(300, scheduler=1000)
    assert found == pytest.approx(640, rel=0.02) and busy["scheduler"] > 0.98


def test_a_shared_list_costs_every_processor_a_walk_through_it():
    assert speed(300, shared_list=True)[0] < 0.9 * speed(300)[0]
