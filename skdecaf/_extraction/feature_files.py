"""Feature files: .npy, .npz, .csv, .parquet and .zarr, written from rows on disk in little memory."""

# SPDX-License-Identifier: BSD-3-Clause
import csv
import json
import os
import shutil
import zipfile
from itertools import islice
from typing import NamedTuple

import numpy as np

from skdecaf._utils.extras import require
from skdecaf._utils.json_text import to_json
from skdecaf._utils.progress import progress_bar

_ROWS_AT_ONCE = 1024


class StoredRows(NamedTuple):
    """Float32 rows in a file without a header."""

    path: str
    n_rows: int
    n_columns: int
    verbose: bool = False

    def batches(self):
        """Yield arrays of shape (n, n_columns) of consecutive rows; if `verbose`, show a progress bar meanwhile."""
        bar = progress_bar(self.n_rows, self.verbose, unit="rows", name="writing", delay=1)
        with open(self.path, "rb") as file, bar:
            for start in range(0, self.n_rows, _ROWS_AT_ONCE):
                n = min(_ROWS_AT_ONCE, self.n_rows - start)
                values = np.fromfile(file, np.float32, n * self.n_columns)
                yield values.reshape(n, self.n_columns)
                bar.update(n)


class StoredNames(NamedTuple):
    """Names of photos in the lines of a journal, see `partial_features`."""

    path: str
    n_skipped: int  # bytes of the header

    def __iter__(self):
        with open(self.path, "rb") as file:
            file.seek(self.n_skipped)
            for line in file:
                yield from json.loads(line.partition(b" ")[2])["names"]


def write_features(path, rows, filenames, feature_names, left_out):
    """Write features in the format that the ending of the path chooses.

    Parameters
    ----------
    path : str
        Ends in one of ``FORMATS``.
    rows : StoredRows
    filenames : iterable of str or None
        One for each row; not an iterator, as some formats need them twice.
    feature_names : list of str
        One for each column.
    left_out : dict of int to str
        Number of each photo without a row, and the reason. Not written to .csv.

    Raises
    ------
    ImportError
        For a format without its package.
    """
    FORMATS[suffix(path)](path, rows, filenames, feature_names, left_out)


def suffix(path):
    """The ending of a path in lower case."""
    return os.path.splitext(path)[1].lower()


def require_format(path):
    """Raise an error if the format needs a package that is not installed."""
    if suffix(path) in (".parquet", ".zarr"):
        require(suffix(path)[1:], f"a {suffix(path)} file")


def names_file(path):
    """Path of the JSON file with the names beside a .npy file; None for the other formats."""
    return f"{path}.json" if suffix(path) == ".npy" else None


def _write_npy(path, rows, filenames, feature_names, left_out):
    with open(path, "wb") as target:
        _copy_rows(rows, target)
    with open(names_file(path), "w", encoding="utf-8") as target:
        target.write('{"filenames": [')
        for i, name in enumerate(filenames):
            target.write(f"{',' if i else ''}\n{to_json(name)}")
        target.write(f'],\n"feature_names": {to_json(feature_names)},\n"left_out": {to_json(left_out)}}}\n')


def _write_npz(path, rows, filenames, feature_names, left_out):
    texts = {
        "filenames": [name or "" for name in filenames],
        "feature_names": feature_names,
        "left_out": [f"{i}: {reason}" for i, reason in left_out.items()],
    }
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("features.npy", "w", force_zip64=True) as target:
            _copy_rows(rows, target)
        for name, values in texts.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as target:
                np.lib.format.write_array(target, np.array(values, dtype=np.str_))


def _copy_rows(rows, target):
    header = {"descr": "<f4", "fortran_order": False, "shape": (rows.n_rows, rows.n_columns)}
    np.lib.format.write_array_header_1_0(target, header)
    with open(rows.path, "rb") as source:
        shutil.copyfileobj(source, target)


def _write_csv(path, rows, filenames, feature_names, left_out):
    with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(["filename", *feature_names])
        names = iter(filenames)
        for batch in rows.batches():
            for filename, row in zip(islice(names, len(batch)), batch, strict=True):
                writer.writerow([filename, *map(_number, row.tolist())])


def _number(value):
    """Text that is read as this float32 number, and as a float where a reader guesses types."""
    return f"{value:.9g}" if value else "0.0"


def _write_parquet(path, rows, filenames, feature_names, left_out):
    pa = require("parquet", "a .parquet file")
    from pyarrow.parquet import ParquetWriter

    # Names that are not UTF-8 are bytes.
    is_text = all(map(_is_text, filenames))
    names = iter(filenames) if is_text else (name and os.fsencode(name) for name in filenames)
    # One column of lists: a column for each feature would take more space for its description than for its values.
    fields = {"filename": pa.string() if is_text else pa.binary(), "features": pa.list_(pa.float32(), rows.n_columns)}
    notes = {"feature_names": to_json(feature_names), "left_out": to_json(left_out)}
    schema = pa.schema(fields, metadata=notes)
    with ParquetWriter(path, schema, use_dictionary=["filename"]) as writer:
        for batch in rows.batches():
            values = pa.FixedSizeListArray.from_arrays(batch.ravel(), type=fields["features"])
            columns = pa.array(islice(names, len(batch)), fields["filename"]), values
            writer.write_table(pa.table(columns, schema=schema))


def _is_text(name):
    return name is None or name.isascii() or name == os.fsencode(name).decode("utf-8", "replace")


def _write_zarr(path, rows, filenames, feature_names, left_out):
    group = require("zarr", "a .zarr file").open_group(path, mode="w")
    chunks = (min(_ROWS_AT_ONCE, max(1, rows.n_rows)), rows.n_columns)
    features = group.create_array("features", shape=(rows.n_rows, rows.n_columns), chunks=chunks, dtype="float32")
    start = 0
    for batch in rows.batches():
        features[start : start + len(batch)] = batch
        start += len(batch)
    group.attrs.update({"filenames": list(filenames), "feature_names": feature_names, "left_out": left_out})


FORMATS = {
    ".npy": _write_npy,
    ".npz": _write_npz,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".zarr": _write_zarr,
}
