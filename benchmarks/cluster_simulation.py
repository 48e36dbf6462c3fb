"""Simulates `skdecaf.extract` on up to 1,000 processors that share a store, and says what they wait for.

Run ``python benchmarks/cluster_simulation.py``. Each processor computes one shard after another: it gets the shard,
then for each batch of photos it reads the photos, computes, writes the rows and waits until they are safe, and last it
writes the finished file. The scheduler and the store serve one request after another; a store that serves several at
once is taken for one that is as many times faster. The times of a processor are measured (``shard_store.py``, the plan
in the guide); those of the scheduler and the store are options, as they differ between clusters.
"""

# SPDX-License-Identifier: BSD-3-Clause
import argparse
import heapq
from itertools import count

SECONDS_OF_PHOTO = 3.6e-3  # embedded network, fc6, decoding included
SECONDS_OF_LISTED_PHOTO = 2.2e-6  # of a shard that another processor computes or has finished
SECONDS_OF_BUSY_SHARD = 0.9e-3
BYTES_OF_ROW = 8.2e3
SYNCS_OF_BATCH, SYNCS_OF_SHARD = 2, 8


class Server:
    """Serves one request after another."""

    def __init__(self):
        self.free_at = self.busy = 0.0

    def serve(self, now, seconds):
        """Return when a request that arrives now is done."""
        self.free_at = max(now, self.free_at) + seconds
        self.busy += seconds
        return self.free_at


def requests(options, batch_size, shards, claim):
    """The requests of one processor, in order: pairs (name of the server, or None for itself; seconds)."""
    bandwidth = 1e9 * options.store
    seen = -1
    for number in shards:
        if options.shared_list:  # it goes through the whole list
            for _ in range(seen + 1, number):
                yield None, options.shard_size * SECONDS_OF_LISTED_PHOTO + SECONDS_OF_BUSY_SHARD * (seen < 0)
            seen = number
        yield claim, 1e-3 * (options.scheduler if claim == "scheduler" else options.sync)
        for first in range(0, options.shard_size, batch_size):
            n = min(batch_size, options.shard_size - first)
            yield "store", n * 1e3 * options.photo / bandwidth
            yield None, n * SECONDS_OF_PHOTO
            yield "store", n * BYTES_OF_ROW / bandwidth
            yield "syncs", SYNCS_OF_BATCH * 1e-3 * options.sync
        yield "store", 2 * options.shard_size * BYTES_OF_ROW / bandwidth  # the rows are read, and written as a file
        yield "syncs", SYNCS_OF_SHARD * 1e-3 * options.sync


def simulate(options, n_workers, batch_size):
    """Return the seconds until all shards are done, and the share of them in which each server was busy."""
    servers = {name: Server() for name in ("store", "syncs", "scheduler")}
    n_shards = n_workers * options.shards
    numbers = iter(range(n_shards))  # whoever asks gets the next one
    claim = "syncs" if options.shared_list else "scheduler"
    order, end = count(), 0.0
    events = [(0.0, next(order), requests(options, batch_size, numbers, claim)) for _ in range(n_workers)]
    while events:
        now, _, worker = heapq.heappop(events)
        end = max(end, now)
        for name, seconds in worker:  # the next request
            done = now + seconds if name is None else servers[name].serve(now, seconds)
            heapq.heappush(events, (done, next(order), worker))
            break
    return end, {name: server.busy / end for name, server in servers.items()}


def main():
    """Print a line for each number of processors and size of batches."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 10, 40, 100, 300, 1000])
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[64, 512])
    parser.add_argument("--shards", type=int, default=2, help="shards of each processor")
    parser.add_argument("--shard-size", type=int, default=10_000)
    parser.add_argument("--photo", type=float, default=100, help="kB of a photo")
    parser.add_argument("--store", type=float, default=10, help="GB per second that the store reads and writes")
    parser.add_argument("--sync", type=float, default=0.1, help="ms in which the store makes something safe")
    parser.add_argument("--scheduler", type=float, default=1.3, help="ms of the scheduler for a task (Dask: 1.3)")
    parser.add_argument("--shared-list", action="store_true", help="no scheduler: all have one list, and lock shards")
    options = parser.parse_args()
    print("processors  batch  photos/s  computing   store   syncs  scheduler")
    for batch_size in options.batch_sizes:
        for n_workers in options.workers:
            seconds, busy = simulate(options, n_workers, batch_size)
            speed = n_workers * options.shards * options.shard_size / seconds
            shares = "  ".join(f"{share:6.1%}" for share in busy.values())
            print(
                f"{n_workers:10}  {batch_size:5}  {speed:8,.0f}  {speed * SECONDS_OF_PHOTO / n_workers:9.1%}  {shares}"
            )


if __name__ == "__main__":
    main()
