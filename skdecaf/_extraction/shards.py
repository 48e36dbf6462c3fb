"""Shards of one extraction: files of so many photos each, which several processes compute at once.

The folder ``_manifest`` holds ``extraction.json``, which says what determines the features; a JSON file for each
finished shard; and a lock for each shard that was begun.
"""

# SPDX-License-Identifier: BSD-3-Clause
import hashlib
import json
import os
from itertools import chain, count, islice

from skdecaf._extraction.feature_files import suffix
from skdecaf._extraction.single_file import describe_features, extract_to_file
from skdecaf._utils.json_text import read_json, to_json, write_json
from skdecaf.images._naming import name_of


def extract_to_shards(shard_size, photos, out, transformer, bar, report):
    """Compute the shards that no other process computes or has finished.

    Parameters
    ----------
    shard_size : int
    photos : iterator over sources
    out : str
        A folder, made if necessary.
    transformer, bar, report : as for `extract_to_file`

    Returns
    -------
    n_rows, n_resumed, left_out
        As from `extract_to_file`, over all finished shards.
    files : list of str
        The finished shards.
    n_busy : int
        Number of shards that other processes are computing.
    """
    manifest = os.path.join(out, "_manifest")
    os.makedirs(manifest, exist_ok=True)
    _check_description(manifest, {"shard_size": shard_size, **describe_features(transformer)})
    from filelock import FileLock, Timeout

    n_rows, n_resumed, left_out, files, n_busy = 0, 0, {}, [], 0
    for number in count():
        shard = _Shard(photos, shard_size, number)
        if shard.is_empty():
            break
        file = os.path.join(out, f"{number:06d}{suffix(out)}")
        record_file = os.path.join(manifest, f"{number:06d}.json")
        record, resumed = _finished_shard(shard, file, record_file, bar)
        if record is None:
            try:
                with FileLock(f"{record_file}.lock", timeout=0):
                    record, resumed = _compute_shard(shard, file, record_file, transformer, bar, report)
            except Timeout:
                shard.skip()
                n_busy += 1
                continue
        n_rows, n_resumed = n_rows + record["n_rows"], n_resumed + resumed
        left_out |= {int(i): reason for i, reason in record["left_out"].items()}
        if record["n_rows"]:
            files.append(file)
    return n_rows, n_resumed, left_out, files, n_busy


class _Shard:
    """The next photos of a stream, taken one by one.

    Attributes
    ----------
    first : int
        Number of the first photo.
    n_taken : int
    """

    def __init__(self, photos, size, number):
        self._photos, self.first, self.n_taken = islice(photos, size), size * number, 0
        self._names = hashlib.blake2b(digest_size=16)

    def is_empty(self):
        """Whether the stream has ended."""
        some = list(islice(self._photos, 1))
        self._photos = chain(some, self._photos)
        return not some

    def __iter__(self):
        for photo in self._photos:
            self.n_taken += 1
            self._names.update(json.dumps(name_of(photo)).encode())
            yield photo

    def skip(self):
        """Take all photos, without looking at them."""
        for _ in self:
            pass

    def describe(self):
        """What distinguishes the photos taken from others that have names; it needs no look at the photos."""
        return {"first": self.first, "n_photos": self.n_taken, "names": self._names.hexdigest()}


def _finished_shard(shard, file, record_file, bar):
    """The record of a finished shard, whose photos are skipped, and their number; or None and 0.

    A shard whose record is damaged, or whose file is gone, is computed again.
    """
    try:
        record = read_json(record_file)
        n_rows, _ = record["n_rows"], {int(i): reason for i, reason in record["left_out"].items()}
        if not isinstance(n_rows, int) or (n_rows and not os.path.exists(file)):
            return None, 0
    except (FileNotFoundError, ValueError, KeyError, AttributeError):
        return None, 0
    shard.skip()
    if not shard.describe().items() <= record.items():
        raise ValueError(f"{record_file!r} describes other photos; choose another folder, or delete this one")
    bar.skip(shard.n_taken)
    return record, shard.n_taken


def _compute_shard(shard, file, record_file, transformer, bar, report):
    """Compute a shard, unless another process has finished it since; return its record, and the number resumed."""
    record, resumed = _finished_shard(shard, file, record_file, bar)
    if record is not None:
        return record, resumed
    record = {}

    def write_record(n_rows, left_out):
        left_out = {str(shard.first + i): reason for i, reason in left_out.items()}
        record.update(shard.describe(), n_rows=n_rows, left_out=left_out)
        write_json(record_file, record)

    _, resumed, _ = extract_to_file(shard, file, transformer, bar, report, first=shard.first, finish=write_record)
    return record, resumed


def _check_description(manifest, description):
    """Write what determines the features, or compare it with what an earlier call wrote."""
    path = os.path.join(manifest, "extraction.json")
    if not os.path.exists(path):
        write_json(path, description)
    try:
        stored = read_json(path)
    except ValueError as error:
        raise ValueError(f"{path!r} is damaged ({error}); delete {os.path.dirname(manifest)!r} to start anew") from None
    wanted = json.loads(to_json(description))
    different = [name for name in wanted if stored.get(name) != wanted[name]]
    if different:
        raise ValueError(
            f"{os.path.dirname(manifest)!r} holds shards with another {', '.join(different)}; choose another folder, "
            "or delete this one"
        )
