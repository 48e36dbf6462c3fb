"""Feature files: .npy, .npz, .csv and .parquet, written from rows on disk in little memory."""

# SPDX-License-Identifier: BSD-3-Clause
import csv
import os
import shutil
import zipfile
from typing import NamedTuple

import numpy as np

from skdecaf._utils.extras import require
from skdecaf.cli._options import to_json

_ROWS_AT_ONCE = 1024


class StoredRows(NamedTuple):
    """Float32 rows in a file without a header."""

    path: str
    n_rows: int
    n_columns: int

    def batches(self):
        """Yield (start, array of shape (n, n_columns)) for consecutive rows."""
        with open(self.path, "rb") as file:
            for start in range(0, self.n_rows, _ROWS_AT_ONCE):
                n = min(_ROWS_AT_ONCE, self.n_rows - start)
                values = np.fromfile(file, np.float32, n * self.n_columns)
                yield start, values.reshape(n, self.n_columns)


def write_features(path, rows, filenames, feature_names):
    """Write features in the format that the ending of the path chooses.

    Parameters
    ----------
    path : str
        Ends in one of ``FORMATS``.
    rows : StoredRows
    filenames : list of str
        One for each row.
    feature_names : list of str
        One for each column.

    Raises
    ------
    ImportError
        For Parquet without pyarrow.
    """
    FORMATS[suffix(path)](path, rows, filenames, feature_names)


def suffix(path):
    """The ending of a path in lower case."""
    return os.path.splitext(path)[1].lower()


def names_file(path):
    """Path of the JSON file with the names beside a .npy file; None for the other formats."""
    return f"{path}.json" if suffix(path) == ".npy" else None


def _write_npy(path, rows, filenames, feature_names):
    with open(path, "wb") as target:
        _copy_rows(rows, target)
    with open(names_file(path), "w", encoding="utf-8") as target:
        target.write(to_json({"filenames": filenames, "feature_names": feature_names}, indent=0))


def _write_npz(path, rows, filenames, feature_names):
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("features.npy", "w", force_zip64=True) as target:
            _copy_rows(rows, target)
        for name, values in (("filenames", filenames), ("feature_names", feature_names)):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as target:
                np.lib.format.write_array(target, np.array(values, dtype=np.str_))


def _copy_rows(rows, target):
    header = {"descr": "<f4", "fortran_order": False, "shape": (rows.n_rows, rows.n_columns)}
    np.lib.format.write_array_header_1_0(target, header)
    with open(rows.path, "rb") as source:
        shutil.copyfileobj(source, target)


def _write_csv(path, rows, filenames, feature_names):
    with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(["filename", *feature_names])
        for start, batch in rows.batches():
            for filename, row in zip(filenames[start : start + len(batch)], batch, strict=True):
                # Nine digits distinguish all float32 numbers.
                writer.writerow([filename, *map("{:.9g}".format, row.tolist())])


def _write_parquet(path, rows, filenames, feature_names):
    pa = require("parquet", "a Parquet file")
    from pyarrow.parquet import ParquetWriter

    # Names that are not UTF-8 are bytes.
    is_text = all(name.isascii() or name == os.fsencode(name).decode("utf-8", "replace") for name in filenames)
    filenames, kind = (filenames, pa.string()) if is_text else (list(map(os.fsencode, filenames)), pa.binary())
    fields = [("filename", kind), *((name, pa.float32()) for name in feature_names)]
    with ParquetWriter(path, pa.schema(fields)) as writer:
        for start, batch in rows.batches():
            names = filenames[start : start + len(batch)]
            writer.write_table(pa.table([pa.array(names), *np.ascontiguousarray(batch.T)], schema=writer.schema))


FORMATS = {".npy": _write_npy, ".npz": _write_npz, ".csv": _write_csv, ".parquet": _write_parquet}
