"""What a worker of `skdecaf.extract` does before it finds a shard to compute, among many shards and other workers.

Run ``python benchmarks/shard_store.py`` on the file system that is to hold the shards. The finished shards are made up,
and the locks of the other workers are held by this process.
"""

# SPDX-License-Identifier: BSD-3-Clause
import argparse
import json
import os
import tempfile
import time
from contextlib import ExitStack

from filelock import FileLock

from skdecaf import DeCAFTransformer, extract
from skdecaf._extraction.shards import _Shard


def names(first, n):
    """Paths of photos that do not exist; those of finished shards are not looked at."""
    return (f"/photos/{i // 1000:06d}/{i:09d}.jpg" for i in range(first, first + n))


def finish(folder, n_shards, shard_size):
    """Write the records of so many finished shards."""
    photos = names(0, n_shards * shard_size)
    for number in range(n_shards):
        shard = _Shard(photos, shard_size, number)
        shard.skip()
        record = shard.describe() | {"n_rows": shard_size, "left_out": {}}
        with open(os.path.join(folder, "_manifest", f"{number:06d}.json"), "w") as file:
            json.dump(record, file)


def time_extract(folder, n_photos, shard_size):
    """Processor seconds of a call that finds all shards finished or busy."""
    start = time.process_time()
    transformer = DeCAFTransformer(dropout=False, on_error="nan")
    done = extract(names(0, n_photos), folder, transformer, shard_size=shard_size)
    return time.process_time() - start, done


def main():
    """Print a line for each measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=1000)
    parser.add_argument("--shard-size", type=int, default=1000)
    parser.add_argument("--folder", default=None, help="in which file system (default: that of temporary files)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        out = os.path.join(folder, "features.npy")
        n_photos = options.shards * options.shard_size
        with ExitStack() as locks:
            os.makedirs(os.path.join(out, "_manifest"))
            for number in range(options.shards):
                lock = FileLock(os.path.join(out, "_manifest", f"{number:06d}.json.lock"), is_singleton=False)
                locks.enter_context(lock)
            seconds, done = time_extract(out, n_photos, options.shard_size)
        print(f"{done.n_busy} busy shards: {1e3 * seconds / done.n_busy:.2f} ms each")
        finish(out, options.shards, options.shard_size)
        seconds, done = time_extract(out, n_photos, options.shard_size)
        print(f"{len(done.files)} finished shards: {1e3 * seconds / len(done.files):.2f} ms each, ", end="")
        print(f"{1e6 * seconds / n_photos:.2f} us for each photo")


if __name__ == "__main__":
    main()
