"""Features of many photos into one file, by steps that can be interrupted at any moment and taken up again.

Beside the output ``FILE`` a folder ``FILE.part`` holds two files until all is done. ``rows`` are the finished
features, raw float32. ``journal`` says whose they are: the first line names what decides a feature, and each further
line one batch of photos, with a digest of their paths, sizes and times of change. A line is written when its rows are
safe on disk, so whatever follows the last good line is worth nothing and is cut off. Lines hold as long as they fit
the photos that are asked for; the rest is computed.
"""

# SPDX-License-Identifier: BSD-3-Clause
import hashlib
import json
import os
import shutil
from importlib.metadata import version
from itertools import islice, takewhile
from typing import NamedTuple

import numpy as np

from skdecaf._inputs.sources import check_images
from skdecaf._utils.extras import require
from skdecaf._utils.files import check_output, publish
from skdecaf.cli._feature_files import StoredRows, names_file, suffix, write_features
from skdecaf.cli._photos import PhotoFiles, bad_rows_expected, printable
from skdecaf.images import ImageError

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None

_FORMAT = 1  # raise it with every change to what the journal means


class Extraction(NamedTuple):
    """What `extract_to_file` did."""

    n_rows: int
    n_features: int
    n_resumed: int
    left_out: dict


def extract_to_file(photos, output, transformer, *, overwrite=False, report=lambda message: None):
    """Write features of photos to a file, continuing where an earlier call was interrupted.

    Parameters
    ----------
    photos : list of str
    output : str
        Path whose ending is one of `skdecaf.cli._feature_files.FORMATS`. It appears when it is complete, with
        ``FILE.json`` beside it where the format holds no names.
    transformer : DeCAFTransformer
        With ``dropout=False``. It is fitted on the photos, which learns the range of their values. With
        ``on_error="nan"``, photos that cannot be read are left out.
    overwrite : bool
        Whether the output may replace a file.
    report : callable
        Called with a sentence on what was found of an earlier call.

    Returns
    -------
    Extraction
        n_rows, n_features, n_resumed (how many photos an earlier call had done) and left_out (path: reason).

    Raises
    ------
    ImageError
        With ``on_error="raise"``, where a photo cannot be read; the rows before it stay stored.
    ValueError
        Where no photo can be read.
    """
    _check_outputs(output, overwrite)
    identities = [_identity(photo) for photo in photos]
    check_images(PhotoFiles(photos), transformer.on_error)
    transformer.fit(photos)
    feature_names = [str(name) for name in transformer.get_feature_names_out()]
    with _PartialFeatures(f"{output}.part", _describe(transformer), identities, len(feature_names)) as partial:
        _report_state(partial, len(photos), report)
        n_resumed = partial.n_photos
        if transformer.on_error == "raise" and partial.left_out:
            raise ImageError(partial.left_out[min(partial.left_out)])
        _compute_missing(photos, transformer, partial)
        if partial.n_rows == 0:
            shutil.rmtree(partial.folder)
            raise ValueError(f"none of the {len(photos)} photos can be read; the first: {partial.left_out[0]}")
        filenames = [printable(photo) for i, photo in enumerate(photos) if i not in partial.left_out]
        _publish_features(partial, output, filenames, feature_names)
        left_out = {photos[i]: reason for i, reason in partial.left_out.items()}
        return Extraction(partial.n_rows, len(feature_names), n_resumed, left_out)


def _check_outputs(output, overwrite):
    if suffix(output) == ".parquet":
        require("parquet", "a Parquet file")
    for path in (output, names_file(output)):
        if path is not None:
            check_output(path, overwrite)


def _identity(photo):
    """What tells a photo from another one, or from itself after a change."""
    try:
        status = os.stat(photo)
    except (OSError, ValueError):
        return f"{photo}\0"
    return f"{photo}\0{status.st_size}\0{status.st_mtime_ns}"


def _describe(transformer):
    """All but the photos that decides a feature, on one machine."""
    return {
        "format": _FORMAT,
        "version": version("skdecaf"),
        "network": transformer.network_fingerprint_,
        "blobs": transformer.blobs_,
        "crops": transformer.crops,
        "resize": transformer.resize,
        "fast_decode": transformer.fast_decode,
        "value_range": transformer.value_range_,
    }


def _report_state(partial, n_photos, report):
    if partial.n_photos:
        report(f"continuing after {partial.n_photos} of {n_photos} photos, which an earlier run has done")
    if partial.discarded:
        report(
            f"what else an earlier run has left in {partial.folder!r} is done anew: the photos have changed since"
            if partial.n_photos
            else f"starting anew: what is left in {partial.folder!r} was made with other options or of other photos"
        )


def _compute_missing(photos, transformer, partial):
    """Store features of the photos that the partial file lacks, batch by batch."""
    first = partial.n_photos
    images = PhotoFiles(photos[first:])
    errors = check_images(images, transformer.on_error)
    indices = iter(range(len(images)))

    def left_out_before(stop):
        return {i: str(errors[i - first]) for i in range(partial.n_photos, stop) if i - first in errors}

    def store(features):
        rows = list(islice((i for i in indices if i not in errors), len(features)))
        stop = first + rows[-1] + 1
        partial.add(stop, features, left_out_before(stop))

    with bad_rows_expected():
        transformer._activations(images, errors, return_features=False, callback=store)
    if partial.n_photos < len(photos):  # the last ones are bad
        partial.add(len(photos), np.empty((0, 0), np.float32), left_out_before(len(photos)))


def _publish_features(partial, output, filenames, feature_names):
    """Write the output inside the folder of the partial file, then move it to its place."""
    temporary = os.path.join(partial.folder, f"complete{suffix(output)}")
    write_features(temporary, partial.stored_rows(), filenames, feature_names)
    names = names_file(output)
    if names is not None:
        # At no time is there a .npy file beside the names of another one.
        if os.path.exists(output):
            os.unlink(output)
        publish(names_file(temporary), names)
    publish(temporary, output)
    shutil.rmtree(partial.folder)


class _PartialFeatures:
    """Finished rows on disk; a context manager, inside which nobody else may write them.

    Attributes
    ----------
    n_photos : int
        So many of the first photos are done.
    left_out : dict of int to str
        Those of them that have no row, and why.
    discarded : bool
        Whether something was found that does not fit.
    """

    def __init__(self, folder, description, identities, n_columns):
        self.folder = folder
        self.n_photos, self.left_out, self.discarded = 0, {}, False
        self._identities, self._n_columns = identities, n_columns
        os.makedirs(folder, exist_ok=True)
        self._journal = open(os.path.join(folder, "journal"), "a+b")  # noqa: SIM115
        self._rows = open(os.path.join(folder, "rows"), "a+b")  # noqa: SIM115
        try:
            self._lock()
            self._take_up(_line(description))
        except BaseException:
            self._close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._close()

    @property
    def n_rows(self):
        return self.n_photos - len(self.left_out)

    def stored_rows(self):
        """The finished rows, for reading."""
        return StoredRows(self._rows.name, self.n_rows, self._n_columns)

    def add(self, stop, features, left_out):
        """Store rows of the photos from ``n_photos`` to ``stop``, of which some are left out (index: reason)."""
        _append(self._rows, np.ascontiguousarray(features, "<f4"))
        entry = {"stop": stop, "photos": self._digest(stop), "left_out": sorted(left_out.items())}
        _append(self._journal, _line(entry))
        self.n_photos = stop
        self.left_out |= left_out

    def _take_up(self, header):
        """Keep what fits, cut off what does not."""
        self._journal.seek(0)
        lines = self._journal.readlines()
        good_bytes = 0
        if lines and lines[0] == header:
            good_bytes = len(header) + sum(map(len, takewhile(self._accept, lines[1:])))
        # A torn last line is what a kill leaves, and no news.
        complete = [line for line in lines[1:] if line.endswith(b"\n")]
        self.discarded = good_bytes < len(lines[0]) + sum(map(len, complete)) if complete else False
        self._journal.truncate(good_bytes)
        if not good_bytes:
            _append(self._journal, header)
        self._rows.truncate(self.n_rows * self._row_bytes)

    def _accept(self, line):
        """Take over one line of the journal; False where it is torn, or of other photos."""
        try:
            entry = json.loads(line)
            stop, left_out = entry["stop"], dict(entry["left_out"])
        except (ValueError, KeyError, TypeError):
            return False
        n_rows = stop - len(self.left_out) - len(left_out)
        stored = os.fstat(self._rows.fileno()).st_size
        if entry["photos"] != self._digest(stop) or n_rows * self._row_bytes > stored:
            return False
        self.n_photos = stop
        self.left_out |= left_out
        return True

    @property
    def _row_bytes(self):
        return 4 * self._n_columns

    def _digest(self, stop):
        photos = json.dumps(self._identities[self.n_photos : stop])
        return f"{stop - self.n_photos}-{hashlib.blake2b(photos.encode(), digest_size=16).hexdigest()}"

    def _lock(self):
        if fcntl is None:
            return
        try:
            fcntl.flock(self._journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OSError(f"another process is writing to {self.folder!r}; wait for it, or stop it") from None

    def _close(self):
        self._rows.close()
        self._journal.close()


def _line(value):
    return json.dumps(value, sort_keys=True).encode() + b"\n"


def _append(file, data):
    """Append and wait until it is safe on disk."""
    file.write(data)
    file.flush()
    os.fsync(file.fileno())
