"""The kind of input that scikit-learn's X is, and its rows, found by types and shapes without reading an image.

A *table* holds one flattened image per row: a 2-D array, a frame or a list of lists of numbers. *Images* are sources
(paths, URLs, file contents, open files, PIL images, arrays of pixels, crops of these) in a list, an array, an Index or
a Series, or one array whose first axis counts images. A *column* is a frame, an array or a list of lists with one
column of such sources. Other numbers are passed to scikit-learn as a table, for its familiar error messages.
"""

# SPDX-License-Identifier: BSD-3-Clause
import os
from collections.abc import Mapping, Set
from numbers import Number, Real

import numpy as np
from PIL import Image
from scipy.sparse import issparse
from sklearn.utils.validation import check_array

from skdecaf.images import Crop
from skdecaf.images._naming import can_open
from skdecaf.images._remote import resolve_url

CHANNELS = (1, 3, 4)


def find_rows(X):
    """Find the layout of X ("table", "column" or "images"), and its rows.

    The rows of a table are an array, which ``validate_data`` still has to check; others are a sequence of sources. A
    column has two dimensions, but one image per row. An empty X of one dimension counts as images.
    """
    if _is_photo(X):
        raise ValueError(f"X must be a sequence of images; put a single {type(X).__name__} in a list: [X]")
    if issparse(X):
        check_array(X)  # raises scikit-learn's error
    if hasattr(X, "__array__"):
        _check_not_masked(X)
        array = np.asarray(X)
        if array.ndim > 0:
            return _find_rows_of_array(array)
    elif hasattr(X, "__len__") and not isinstance(X, Mapping | Set):
        return _find_rows_of_list(list(X))
    raise TypeError(
        f"X must be a sequence of images (list, array, Series, frame with one column); got {type(X).__name__}, "
        "which list(X) may turn into one"
    )


def _find_rows_of_array(array):
    if array.shape == (0,):
        return "images", []
    kind = array.dtype.kind
    if kind == "S":
        raise ValueError(
            f"X is an array of {array.dtype}, which cuts zero bytes off the end of file contents; "
            "give a list of bytes, or paths as str"
        )
    if kind in "OUT":
        return _find_rows_of_objects(array.astype(object, copy=False))
    if kind not in "biufc":
        raise ValueError(f"X must hold images, or numbers that are pixels; got values of type {array.dtype}")
    if array.ndim <= 2:
        return "table", array
    _check_batch_shape(array.shape)
    return "images", array


def _find_rows_of_objects(array):
    if array.ndim == 1:
        return _find_rows_of_list(list(array))
    if array.ndim > 2:  # np.array(images, dtype=object) of images of one size, which loses their dtype
        pixels = np.array(array.tolist())
        if pixels.dtype.kind not in "biufc":
            raise ValueError(f"X is an array of objects of shape {array.shape}; its values must be numbers")
        return _find_rows_of_array(pixels)
    if array.shape[1] == 1 and not _are_numbers(array[:, 0]):
        return "column", _as_sources(array[:, 0])
    if any(map(_is_source, array.flat)):
        raise ValueError(
            f"X has {array.shape[1]} columns, and not all hold numbers; select the one with the images, "
            "as in X[['path']]"
        )
    return "table", array


def _find_rows_of_list(rows):
    if any(map(_is_source, rows)):
        return "images", _as_sources(rows)
    if rows and all(isinstance(row, list | tuple) or getattr(row, "ndim", 0) == 1 for row in rows):
        return _find_rows_of_nested_list(rows)
    # If there are neither sources nor numbers, each row is a bad image, whose error names it.
    return ("table", np.asarray(rows)) if _are_numbers(rows) else ("images", rows)


def _find_rows_of_nested_list(rows):
    if all(len(row) == 1 for row in rows):
        column = [row[0] for row in rows]
        if any(map(_is_source, column)):  # NumPy would split arrays and bytes into elements
            return "column", _as_sources(column)
    for row in rows:
        _check_not_masked(row)
    try:
        array = np.array(rows)
    except ValueError as error:
        raise ValueError(
            "The rows of X differ in length; flattened images have one size, others must be arrays"
        ) from error
    return _find_rows_of_array(array)


def _check_not_masked(values):
    if np.ma.is_masked(values):
        raise ValueError("X has masked values; fill them with X.filled(value) or leave these images out")


def _is_photo(value):
    """Whether the value is an image other than an array."""
    kinds = (str, os.PathLike, bytes, bytearray, memoryview, Image.Image, Crop)
    return isinstance(value, kinds) or hasattr(value, "read") or can_open(value)


def _is_source(value):
    return _is_photo(value) or getattr(value, "ndim", 0) >= 2 or _is_record(value)


def _is_record(value):
    """Whether the value is a photo as Hugging Face stores it: its contents, its path, or both."""
    return isinstance(value, Mapping) and bool(value) and value.keys() <= {"bytes", "path"}


def _as_sources(rows):
    """Rows as `skdecaf.images.decode` takes them."""
    return [_as_source(row) for row in rows]


def _as_source(row):
    if _is_record(row):
        row = row["path"] if row.get("bytes") is None else row["bytes"]
    if isinstance(row, str):
        return resolve_url(row)
    if hasattr(row, "__array__") and not isinstance(row, np.ndarray | np.generic | Image.Image):
        return np.asarray(row)  # such as a tensor of torch
    return row


def _are_numbers(values):
    """Whether there are numbers, and otherwise only missing values."""
    missing = [_is_missing(value) for value in values]
    numbers = [isinstance(value, Number | np.bool_) for value in values]
    return not all(missing) and all(np.logical_or(missing, numbers))


def _is_missing(value):
    return value is None or type(value).__name__ == "NAType" or (isinstance(value, Real) and value != value)


def _check_batch_shape(shape):
    if len(shape) == 3 and shape[2] not in (3, 4):
        return
    if len(shape) == 3:
        raise ValueError(f"X of shape {shape} looks like one colour image; put it in a list: [X]")
    if len(shape) != 4 or shape[3] not in CHANNELS:
        hint = "; channels come last: np.moveaxis(X, 1, -1)" if len(shape) == 4 and shape[1] in CHANNELS else ""
        raise ValueError(
            f"An array of images has the shape (n, height, width) or (n, height, width, 1, 3 or 4); got {shape}{hint}"
        )
