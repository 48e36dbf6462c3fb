"""Variables of MATLAB files (MAT-File Level 5, of MATLAB 5 to 7): numbers, text, structs and cells.

Not `scipy.io.loadmat`, which has no limits: 20,000 nested cells in 1 MB (`nested` in the tests) crash the process, and
a compressed variable of 190 kB takes gigabytes. This reader raises nothing but a `ValueError` that names the file.
"""

# SPDX-License-Identifier: BSD-3-Clause
import math
import os
import struct
import zlib

import numpy as np

_LARGEST = 2**27  # bytes of a file, and of an unpacked variable
_MAX_ELEMENTS = 500_000  # a variable or cell has four or five
_LARGEST_TEXT = 2**16  # bytes of a text, a shape or names of fields
_MAX_DEPTH = 4  # a struct, its fields, their cells, and the content of these
_HEADER = 128
_NAME_IS_WITHIN, _NAME_IS_PACKED_WITHIN = 512, 4096  # bytes of a variable
_LARGEST_DIMENSIONS = 64
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _TEXT = 1, 2, 4
_NUMBERS = range(6, 16)
_COMPLEX = 0x800
_STORAGE = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip

_ENCODINGS = {4: "utf-16-{}", 16: "utf-8", 17: "utf-16-{}", 18: "utf-32-{}"}


class _Problem(Exception):
    """A file or a variable is refused; the text is the predicate of an error message."""


def read_variables(path, *names):
    """Read variables of a MATLAB file.

    Parameters
    ----------
    path : str or PathLike
    *names : str
        Names of the variables.

    Returns
    -------
    list
        For each name an array of numbers (in the type in which they are stored, which may be smaller than MATLAB's), a
        str (a row of text), a list (a flattened cell array), a dict (a struct) or a list of dicts (several structs);
        None for other kinds of variables.

    Raises
    ------
    ValueError
        If it is not such a file, is damaged, too large, or lacks a variable; the message names the file.
    """
    variables = {}
    try:
        for name, value in _variables(_content(path), names):
            if name in variables:
                raise _Problem(f"has the variable {name!r} twice")
            variables[name] = value
    except _Problem as problem:
        raise ValueError(f"{str(path)!r} cannot be read as a MATLAB file: it {problem}") from None
    for name in names:
        if name not in variables:
            found = ", ".join(map(repr, variables)) or "none"
            raise ValueError(f"{str(path)!r} has no variable {name!r}; those that it has: {found}")
    return [variables[name] for name in names]


def _content(path):
    if os.path.getsize(path) > _LARGEST:
        raise _Problem(f"has more than {_LARGEST:,} bytes")
    with open(path, "rb") as file:
        return file.read()


def _variables(content, wanted):
    """Yield the name of each variable, with its value where it is wanted."""
    order = {b"IM": "<", b"MI": ">"}.get(content[126:_HEADER])
    if order is None:
        raise _Problem("does not begin as one")
    if struct.unpack(f"{order}H", content[124:126])[0] != 0x0100:
        raise _Problem("is of another version; save it with MATLAB's option -v7")
    elements = _Elements(memoryview(content)[_HEADER:], order)
    while elements.remain:
        kind, data = elements.next()
        head = _unpacked(kind, data[:_NAME_IS_PACKED_WITHIN], _NAME_IS_WITHIN)
        name = elements.within(head).matrix_head()[2]
        if name not in wanted:
            yield name, None
            continue
        try:
            yield name, _value(elements.within(_whole(kind, data)), _MAX_DEPTH)
        except _Problem as problem:
            raise _Problem(f"has a variable {name!r} that {problem}") from None


def _unpacked(kind, data, max_bytes):
    """The first bytes of a variable."""
    if kind == _MATRIX:
        return data
    if kind != _COMPRESSED:
        raise _Problem("contains something other than variables")
    try:
        return memoryview(zlib.decompressobj().decompress(data, max_bytes + 8))[8:]
    except zlib.error:
        raise _Problem("is damaged") from None


def _whole(kind, data):
    data = _unpacked(kind, data, _LARGEST)
    if len(data) >= _LARGEST:
        raise _Problem(f"unpacks to more than {_LARGEST:,} bytes")
    return data


class _Elements:
    """The elements of a file or variable, each a type, a number of bytes, and these bytes."""

    def __init__(self, content, order, counter=None):
        self.remain, self.order = content, order
        self._counter = counter or iter(range(_MAX_ELEMENTS))  # shared by all elements of a file

    def within(self, content):
        """The elements inside an element."""
        return _Elements(content, self.order, self._counter)

    def next(self):
        """The type and the bytes of the next element."""
        if next(self._counter, None) is None:
            raise _Problem(f"has more than {_MAX_ELEMENTS:,} elements")
        try:
            kind, size = struct.unpack_from(f"{self.order}II", self.remain)
        except struct.error:
            raise _Problem("ends too early") from None
        begin, end = 8, 8 + size + (-size % 8 if kind != _COMPRESSED else 0)
        if kind >> 16:  # a small element: eight bytes in all
            kind, size, begin, end = kind & 0xFFFF, kind >> 16, 4, 8
        data = self.remain[begin : min(begin + size, end)]
        if len(data) < size:
            raise _Problem("ends too early")
        self.remain = self.remain[end:]
        return kind, data

    def next_numbers(self):
        """The next element as an array."""
        kind, data = self.next()
        if kind not in _STORAGE:
            raise _Problem("has text instead of numbers")
        dtype = np.dtype(_STORAGE[kind])
        if len(data) % dtype.itemsize:
            raise _Problem("ends within a number")
        return np.frombuffer(data, dtype.newbyteorder(self.order)).astype(dtype)

    def next_short(self):
        """The bytes of the next element, which must be few."""
        data = self.next()[1]
        if len(data) > _LARGEST_TEXT:
            raise _Problem(f"has a text or shape of {len(data):,} bytes")
        return bytes(data)

    def next_integers(self):
        """The next element, which must be short, as a list of int."""
        numbers = self.next_numbers()
        if numbers.size > _LARGEST_DIMENSIONS:
            raise _Problem(f"has a shape of {numbers.size:,} numbers")
        if numbers.dtype.kind == "f":
            raise _Problem("has fractions instead of integers")
        return numbers.tolist()

    def matrix_head(self):
        """MATLAB's class and flags, the shape and the name: the beginning of every variable."""
        flags, shape, name = self.next_integers(), self.next_integers(), self.next_short()
        if not flags or len(shape) < 2 or min(shape) < 0:
            raise _Problem("has no valid shape")
        return flags[0], shape, name.decode("ascii", "replace")


def _value(elements, depth):
    """The value of a variable."""
    if not elements.remain:  # an empty cell
        return np.empty(0)
    if not depth:
        raise _Problem("is nested too deeply")
    flags, shape, _ = elements.matrix_head()
    matlab_class, size = flags & 0xFF, math.prod(shape)
    if matlab_class in _NUMBERS and not flags & _COMPLEX:
        return _numbers(elements.next_numbers(), shape)
    if matlab_class == _CELL:
        return [_nested(elements, depth) for _ in range(size)]
    if matlab_class == _TEXT:
        return _text(*elements.next(), elements.order)
    if matlab_class == _STRUCT:
        names = _field_names(elements)
        structs = [{name: _nested(elements, depth) for name in names} for _ in range(size if names else 0)]
        return structs[0] if len(structs) == 1 else structs
    return None


def _numbers(values, shape):
    if values.size != math.prod(shape):
        raise _Problem(f"has {values.size:,} values where its shape is {tuple(shape)}")
    return values.reshape(shape, order="F")


def _text(kind, data, order):
    if len(data) > _LARGEST_TEXT:
        raise _Problem(f"has a text of {len(data):,} bytes")
    encoding = _ENCODINGS.get(kind, "latin-1").format("le" if order == "<" else "be")
    return bytes(data).decode(encoding, "replace")


def _nested(elements, depth):
    kind, data = elements.next()
    if kind != _MATRIX:
        raise _Problem("is not made of variables")
    return _value(elements.within(data), depth - 1)


def _field_names(elements):
    length = sum(elements.next_integers())
    names = elements.next_short()
    if length < 1:
        raise _Problem("has no valid names of fields")
    return [names[i : i + length].split(b"\0")[0].decode("ascii", "replace") for i in range(0, len(names), length)]
