"""Every kind of X there is: what it is taken for, and the rows in it."""

# SPDX-License-Identifier: BSD-3-Clause
import io
from collections import deque
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image
from scipy import sparse
from sklearn.utils.estimator_checks import _NotAnArray

from skdecaf._inputs.kinds import find_rows
from skdecaf.images._remote import RemoteFile

PATHS = ["b.jpg", "a.jpg"]
GREY = np.arange(6, dtype=np.uint8).reshape(2, 3)
COLOUR = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
PIL_IMAGE = Image.fromarray(GREY)


def object_array(values, shape):
    array = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        array[i] = value
    return array.reshape(shape)


def same(left, right):
    """Equal and of the same type, or the very same object where that has no equality."""
    if isinstance(left, np.ndarray):
        return isinstance(right, np.ndarray) and left.dtype == right.dtype and np.array_equal(left, right)
    return left is right or (type(left) is type(right) and left == right)


FLAT = {
    "list of str": PATHS,
    "tuple": tuple(PATHS),
    "deque": deque(PATHS),
    "str array": np.array(PATHS),
    "StringDType array": np.array(PATHS, dtype=np.dtypes.StringDType()),
    "object array": np.array(PATHS, dtype=object),
    "Series": pd.Series(PATHS, index=[7, 5]),
    "object Series": pd.Series(PATHS, dtype=object),
    "categorical Series": pd.Series(PATHS, dtype="category"),
    "Index": pd.Index(PATHS),
    "pandas array": pd.array(PATHS),
    "polars Series": pl.Series("path", PATHS),
    "categorical polars Series": pl.Series("path", PATHS, dtype=pl.Categorical),
}
COLUMNS = {
    "list of lists": [[path] for path in PATHS],
    "list of tuples": [(path,) for path in PATHS],
    "str column": np.array(PATHS).reshape(-1, 1),
    "object column": np.array(PATHS, dtype=object).reshape(-1, 1),
    "frame": pd.DataFrame({"path": PATHS}, index=[7, 5]),
    "object frame": pd.DataFrame({"path": PATHS}, dtype=object),
    "polars frame": pl.DataFrame({"path": PATHS}),
}


@pytest.mark.parametrize("X", FLAT.values(), ids=FLAT)
def test_paths(X):
    layout, rows = find_rows(X)
    assert (layout, list(rows)) == ("images", PATHS)
    assert all(isinstance(row, str) for row in rows)


@pytest.mark.parametrize("X", COLUMNS.values(), ids=COLUMNS)
def test_columns_of_paths(X):
    layout, rows = find_rows(X)
    assert (layout, list(rows)) == ("column", PATHS)
    assert all(isinstance(row, str) for row in rows)


SOURCES = {
    "bytes": [b"\xff\xd8\0\0", b"\0"],
    "bytearray": [bytearray(b"ab\0"), memoryview(b"cd\0")],
    "files": [io.BytesIO(b"ab"), io.BytesIO(b"cd")],
    "paths": [Path("a"), Path("b")],
    "PIL images": [PIL_IMAGE, PIL_IMAGE.convert("RGB")],
    "arrays of one size": [GREY, GREY + 1],
    "arrays of several sizes": [GREY, COLOUR],
    "mixed": [GREY, "a.jpg", PIL_IMAGE, b"ab", Path("c.png"), None, float("nan"), 3, {}],
}


@pytest.mark.parametrize("sources", SOURCES.values(), ids=SOURCES)
def test_sources_are_passed_on_untouched(sources):
    n = len(sources)
    for X, expected in [
        (sources, "images"),
        (object_array(sources, n), "images"),
        (pd.Series(object_array(sources, n)), "images"),
        ([[source] for source in sources], "column"),
        (object_array(sources, (n, 1)), "column"),
        (pd.DataFrame({"image": object_array(sources, n)}), "column"),
    ]:
        layout, rows = find_rows(X)
        assert layout == expected
        assert len(rows) == n and all(map(same, sources, rows))


def test_polars_keeps_bytes_and_objects():
    contents = [b"ab\0\0", b"\0"]
    assert find_rows(pl.Series("image", contents)) == ("images", contents)
    assert find_rows(pl.DataFrame({"image": contents})) == ("column", contents)
    assert find_rows(pl.Series("image", [PIL_IMAGE], dtype=pl.Object)) == ("images", [PIL_IMAGE])


def test_polars_series_of_images_is_a_batch():
    X = pl.Series("image", np.stack([GREY.T, GREY.T]), dtype=pl.Array(pl.UInt8, shape=GREY.T.shape))
    layout, rows = find_rows(X)
    assert layout == "images" and rows.dtype == np.uint8
    np.testing.assert_array_equal(rows, [GREY.T, GREY.T])


MISSING = {
    "None": [None, None],
    "NaN": np.array([np.nan, np.nan], dtype=object),
    "Series": pd.Series(["a", None])[1:],
    "NA": pd.Series([pd.NA, pd.NA], dtype="string"),
    "polars": pl.Series("path", [None], dtype=pl.String),
    "frame": pd.DataFrame({"path": ["a", None]})[1:],
    "polars frame": pl.DataFrame({"path": [None]}, schema={"path": pl.String}),
    "lists": [[None], [None]],
    "with a number": ["a.jpg", 3.0],
    "with a number, in a column": pd.DataFrame({"path": ["a.jpg", 3.0, None]}, dtype=object),
}


@pytest.mark.parametrize("X", MISSING.values(), ids=MISSING)
def test_missing_values_are_rows_of_a_column_of_images(X):
    layout, rows = find_rows(X)
    assert layout in ("images", "column") and len(rows) == len(X)


TABLE = [[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.5]]
TABLES = {
    "array": np.array(TABLE),
    "F-order": np.asfortranarray(TABLE),
    "float32": np.array(TABLE, dtype=np.float32),
    "object": np.array(TABLE, dtype=object),
    "list of lists": TABLE,
    "tuples": tuple(map(tuple, TABLE)),
    "list of 1-D arrays": list(np.array(TABLE)),
    "object array of 1-D arrays": object_array([np.array(row) for row in TABLE], 2),
    "not an array": _NotAnArray(np.array(TABLE)),
    "frame": pd.DataFrame(TABLE),
    "nullable frame": pd.DataFrame(TABLE, dtype="Float64"),
    "object frame": pd.DataFrame(TABLE, dtype=object),
    "polars frame": pl.DataFrame(TABLE, orient="row"),
}


@pytest.mark.parametrize("X", TABLES.values(), ids=TABLES)
def test_tables(X):
    layout, rows = find_rows(X)
    assert layout == "table"
    np.testing.assert_array_equal(np.asarray(rows, dtype=float), TABLE)


NARROW = [[[1], [2]], np.ones((2, 1)), np.array([[1], [2.5]], dtype=object), pd.DataFrame({"a": [1, 2]})]


@pytest.mark.parametrize("X", [*NARROW, [[None, 1], [2, 3]]])
def test_numbers_in_one_column_or_with_gaps_are_a_table(X):
    assert find_rows(X)[0] == "table"


@pytest.mark.parametrize("X", [[1, 2], np.arange(3.0), pd.Series([1, 2]), np.array([1, 2], dtype=object)])
def test_flat_numbers_go_to_scikit_learn(X):
    layout, rows = find_rows(X)
    assert layout == "table" and rows.ndim == 1


@given(arrays(st.sampled_from([np.uint8, np.float32, np.int64, np.bool_]), array_shapes(min_dims=3, max_dims=4)))
def test_batches(X):
    last = X.shape[-1]
    if last in (3, 4) if X.ndim == 3 else last not in (1, 3, 4):
        with pytest.raises(ValueError, match="shape"):
            find_rows(X)
        return
    for same_images in (X, X.tolist(), X.astype(object)):
        layout, rows = find_rows(same_images)
        assert layout == "images"
        np.testing.assert_array_equal(rows, X)
    assert find_rows(X)[1] is X


def test_object_array_of_equal_images_is_a_batch():
    layout, rows = find_rows(np.array([COLOUR, COLOUR], dtype=object))
    assert layout == "images" and rows.dtype == np.int64
    np.testing.assert_array_equal(rows, [COLOUR, COLOUR])


EMPTY = [[], (), np.array([]), np.array([], dtype=object), np.array([], dtype=str), pd.Series([]), pl.Series("a", [])]


@pytest.mark.parametrize("X", [*EMPTY, pd.Index([]), np.empty((0, 5, 6)), np.empty((0, 5, 6, 3), dtype=object)])
def test_nothing_has_no_rows(X):
    layout, rows = find_rows(X)
    assert layout == "images" and len(rows) == 0


REFUSED = {
    "one str": ("a.jpg", ValueError, r"a single str in a list: \[X\]"),
    "one Path": (Path("a.jpg"), ValueError, "in a list"),
    "one file's contents": (b"abc", ValueError, "a single bytes in a list"),
    "one file": (io.BytesIO(b"abc"), ValueError, "in a list"),
    "one PIL image": (PIL_IMAGE, ValueError, "a single Image in a list"),
    "one colour image": (COLOUR, ValueError, r"\(2, 4, 3\) looks like one colour image; put it in a list"),
    "channels first": (np.ones((2, 3, 8, 8)), ValueError, r"channels come last: np.moveaxis"),
    "2 channels": (np.ones((2, 8, 8, 2)), ValueError, r"got \(2, 8, 8, 2\)$"),
    "5-D": (np.ones((1, 1, 2, 2, 3)), ValueError, "shape"),
    "scalar": (3.5, TypeError, "sequence of images"),
    "0-D array": (np.array(3.5), TypeError, "sequence of images"),
    "None": (None, TypeError, "got NoneType"),
    "dict": ({"path": PATHS}, TypeError, "got dict"),
    "set": (set(PATHS), TypeError, "got set"),
    "generator": ((path for path in PATHS), TypeError, "got generator"),
    "lazy frame": (pl.LazyFrame({"path": PATHS}), TypeError, "got LazyFrame"),
    "sparse": (sparse.csr_array(np.eye(3)), TypeError, "[Ss]parse data was passed"),
    "bytes array": (np.array([b"ab", b"c"]), ValueError, "cuts zero bytes"),
    "digits in columns": (np.array([["1", "2"], ["3", "4"]]), ValueError, "2 columns.*select the one"),
    "digits in object columns": (np.array([["1", "2"]], dtype=object), ValueError, "2 columns"),
    "digits in lists": ([["1", "2"], ["3", "4"]], ValueError, "2 columns"),
    "frame of text": (pd.DataFrame({"a": PATHS, "b": PATHS}), ValueError, r"X\[\['path'\]\]"),
    "frame of text and numbers": (pd.DataFrame({"a": PATHS, "b": [1, 2]}), ValueError, "2 columns"),
    "polars frame of text": (pl.DataFrame({"a": PATHS, "b": [1, 2]}), ValueError, "2 columns"),
    "dates": (pd.Series(pd.to_datetime(["2020-01-01"])), ValueError, "datetime64"),
    "ragged": ([[1, 2], [3]], ValueError, "differ in length"),
    "ragged images": ([[[1, 2]], [[3, 4], [5, 6]]], ValueError, "differ in length"),
    "paths in three dimensions": (np.full((2, 2, 2), "a", dtype=object), ValueError, "must be numbers"),
}


@pytest.mark.parametrize(("X", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_refused(X, error, message):
    with pytest.raises(error, match=message):
        find_rows(X)


class Tensor:
    """Is converted by NumPy, as the tensors of torch are."""

    ndim = COLOUR.ndim

    def __array__(self, dtype=None, copy=None):
        return COLOUR


class Opens:
    """Opens a file by itself, as `zipfile.Path` and the paths of universal_pathlib do."""

    def open(self, mode):
        return io.BytesIO(b"ab")


@pytest.mark.parametrize(
    ("row", "source"),
    [
        ({"bytes": b"ab", "path": "a.jpg"}, b"ab"),
        ({"bytes": None, "path": "a.jpg"}, "a.jpg"),
        ({"path": "a.jpg"}, "a.jpg"),
        ("file:///a%20b.jpg", "/a b.jpg"),
        ("file:/a.jpg", "/a.jpg"),
        ("s3://bucket/a.jpg", RemoteFile("s3://bucket/a.jpg")),
        ("odd:/name.jpg", "odd:/name.jpg"),
        (Tensor(), COLOUR),
    ],
)
def test_other_forms_of_images_become_sources(row, source):
    for X in [row], pd.Series(object_array([row], 1)), [[row]], [row, "b.jpg"]:
        assert same(find_rows(X)[1][0], source)


def test_objects_that_open_files_are_sources():
    assert find_rows([one := Opens()])[1] == [one]
