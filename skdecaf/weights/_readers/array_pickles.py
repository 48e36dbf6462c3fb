"""Plain containers and numpy arrays in pickles, without running anything that a pickle names.

`pickle.Unpickler` reads them, with placeholders for the functions that pickles of arrays name. It cannot be told to
refuse costly data, so opcodes are checked before: ``b"\\x80\\x02Nr\\0\\0\\0\\x10."`` makes a memo of 4 GB, 100,000
integer keys with one hash take minutes, and a key of 200,000 nested tuples overflows the stack of the interpreter.
"""

# SPDX-License-Identifier: BSD-3-Clause
import math
import pickle
import pickletools
import re

import numpy as np

from skdecaf.weights._readers.pickle_opcodes import LONGEST_LINE, PickleFile, allowed_opcodes

_MAX_OPCODES = 500_000
_LARGEST_INTEGER = 2**63  # only few smaller ones share a hash

_OPCODES = {
    "PROTO", "FRAME", "STOP", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "BINFLOAT", "LONG1",
    "SHORT_BINSTRING", "BINSTRING", "SHORT_BINUNICODE", "BINUNICODE", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8",
    "EMPTY_LIST", "EMPTY_DICT", "EMPTY_TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "TUPLE", "MARK", "POP", "POP_MARK", "DUP",
    "BINPUT", "LONG_BINPUT", "MEMOIZE", "BINGET", "LONG_BINGET", "APPEND", "APPENDS", "SETITEM", "SETITEMS", "GLOBAL",
    "STACK_GLOBAL", "REDUCE", "NEWOBJ", "OBJ", "BUILD",
}  # fmt: skip
_TYPES_OF_KEYS = {
    pickletools.pyint, pickletools.pyfloat, pickletools.pybool, pickletools.pynone, pickletools.pyunicode,
    pickletools.pybytes, pickletools.pybytes_or_str,
}  # fmt: skip
_MARK = pickletools.markobject

# Checkpoints of cuda-convnet hold the options of its command line, which say nothing about the network.
_OPTIONS_MODULES = ("options", "python_util.options")


def read_pickle(file):
    """Read what a pickle of protocol 2 to 5 describes.

    Parameters
    ----------
    file : binary file

    Returns
    -------
    object
        Made of dicts, lists, tuples, numbers, text, bytes, `PickledArray` and `Ignored`. It may contain itself.

    Raises
    ------
    ValueError
        If the pickle is damaged, or holds or names anything else; nothing of it has run then.
    """
    file = PickleFile(file)
    _check_opcodes(file)
    file.seek(0)
    try:
        # Texts and arrays of Python 2 have one type in pickles; Latin-1 decodes any bytes.
        return _ArrayUnpickler(file, encoding="latin-1").load()
    except ValueError:
        raise
    except Exception as error:  # the documentation of pickle does not list what it raises
        raise ValueError(f"a damaged pickle: {error}") from None


def _check_opcodes(file):
    """Refuse opcodes that arrays do not need, and values that are costly to unpickle."""
    stack, marks, memo = [], [], {}  # types on the stack and in the memo
    for opcode, value in allowed_opcodes(file, _OPCODES, range(2, 6), _MAX_OPCODES):
        _check_value(opcode, value)
        if opcode.name == "MARK":
            marks.append(len(stack))
        elif opcode.name in ("BINGET", "LONG_BINGET"):
            if value not in memo:
                raise ValueError(f"the pickle looks for value {value} before it is there")
            stack.append(memo[value])
        elif opcode.name in ("BINPUT", "LONG_BINPUT", "MEMOIZE", "DUP"):
            (kept,) = _pop(stack, marks, [pickletools.anyobject])
            stack += [kept, kept] if opcode.name == "DUP" else [kept]
            if opcode.name != "DUP":
                memo[len(memo) if value is None else value] = kept
        else:
            popped = _pop(stack, marks, opcode.stack_before)
            if opcode.name in ("SETITEM", "SETITEMS") and not _TYPES_OF_KEYS.issuperset(popped[1::2]):
                raise ValueError("the pickle has a dict with keys that are neither text nor numbers")
            stack += opcode.stack_after


def _check_value(opcode, value):
    if opcode.name == "LONG_BINPUT" and value > _MAX_OPCODES:
        raise ValueError(f"the pickle keeps a value at index {value:,} of its memo; no network needs as many")
    if opcode.name == "LONG1" and abs(value) >= _LARGEST_INTEGER:
        raise ValueError("the pickle has an integer that is too large for a length")


def _pop(stack, marks, types):
    """Take as many types from the stack as an opcode takes values, or those above a mark."""
    if _MARK in types and not marks:
        raise ValueError("the pickle looks for a mark that it has not set")
    start = marks.pop() - types.index(_MARK) if _MARK in types else len(stack) - len(types)
    if start < (marks[-1] if marks else 0):
        raise ValueError("the pickle takes more from its stack than it has put there")
    popped = stack[start:]
    del stack[start:]
    return popped


class _ArrayUnpickler(pickle.Unpickler):
    """Finds placeholders for the functions and classes in pickles of arrays, and nothing else."""

    def __init__(self, file, **options):
        super().__init__(file, **options)
        self._bytes_left = file.size
        self._placeholders = {
            "numpy.core.multiarray _reconstruct": _Placeholder(self._unbuilt_array),
            "numpy.core.multiarray scalar": _Placeholder(self._scalar),
            "numpy dtype": _Placeholder(_PickledDtype),
            "numpy ndarray": _Placeholder(),
            "collections OrderedDict": _Placeholder(_ordered_dict),
        }

    def find_class(self, module, name):
        if module in _OPTIONS_MODULES:
            return Ignored
        if module == "numpy._core.multiarray":  # its name from numpy 2.0 on
            module = "numpy.core.multiarray"
        found = self._placeholders.get(f"{module} {name}")
        if found is None:
            name = f"{module}.{name}"[:LONGEST_LINE]
            raise ValueError(f"the pickle names {name!r}, which is neither a plain container nor an array")
        return found

    def _unbuilt_array(self, kind=None, *_):
        if kind is not self._placeholders["numpy ndarray"]:
            raise ValueError("the pickle has an array of another class than numpy's own")
        return PickledArray(self._array)

    def _scalar(self, dtype=None, content=None, *_):
        return self._array((1,), dtype, content).item()

    def _array(self, shape, dtype, content, fortran=False):
        """The array of this state, a view of its content."""
        if not isinstance(dtype, _PickledDtype) or not isinstance(shape, tuple) or len(shape) > 32:
            raise ValueError("the pickle has an array without dtype or shape")
        if not all(type(length) is int and 0 <= length < 2**31 for length in shape):
            raise ValueError("the pickle has an array with an axis that is not a length")
        if not isinstance(content, str | bytes):
            raise ValueError("the pickle has an array whose content is not bytes")
        dtype = np.dtype(dtype.order + dtype.code)
        if math.prod(shape) * dtype.itemsize != len(content):
            raise ValueError(f"the pickle has an array of shape {shape} and dtype {dtype} with {len(content):,} bytes")
        self._bytes_left -= len(content)
        if self._bytes_left < 0:
            raise ValueError("the arrays of the pickle have more bytes than the file")
        if isinstance(content, str):
            content = content.encode("latin-1")
        order = "F" if fortran in (True, 1) else "C"
        return np.frombuffer(content, dtype).reshape(shape, order=order) if content else np.empty(0, dtype)


class _Placeholder:
    """Takes the place of a function or class that a pickle names."""

    __slots__ = ("_make",)

    def __init__(self, make=None):
        self._make = make

    def __call__(self, *arguments):
        if self._make is None:
            raise ValueError("the pickle calls something other than the making of an array")
        return self._make(*arguments)

    def __setstate__(self, state):
        raise ValueError("the pickle gives a state to something that is no array")


class PickledArray:
    """A numpy array of a pickle; ``array`` is None if the pickle does not give it a state."""

    __slots__ = ("_make", "array")

    def __init__(self, make=None):
        self._make, self.array = make, None

    def __setstate__(self, state):
        _, shape, dtype, fortran, content = _fields(state, "an array")
        self.array = self._make(shape, dtype, content, fortran)


class _PickledDtype:
    __slots__ = ("code", "order")

    def __init__(self, code=None, *_):
        if not isinstance(code, str) or not re.fullmatch("f[248]|[iu][1248]|b1", code):
            shown = repr(code[:20]) if isinstance(code, str) else "of another kind"
            raise ValueError(f"the pickle has an array of dtype {shown}; only numbers are read, no objects")
        self.code, self.order = code, "="

    def __setstate__(self, state):
        _, self.order, *subtypes = _fields(state, "a dtype")
        if self.order not in ("<", ">", "=", "|") or subtypes != [None] * 3:
            raise ValueError("the pickle has arrays that are not of plain numbers")


class Ignored:
    """Takes the place of an object that is not needed."""

    def __new__(cls, *arguments):
        return super().__new__(cls)

    def __setstate__(self, state):
        pass


def _fields(state, what):
    if not isinstance(state, tuple) or len(state) < 5:
        raise ValueError(f"the pickle gives {what} a state that is not its own")
    return state[:5]


def _ordered_dict(pairs=None, *_):
    if pairs is None:
        return {}
    if not isinstance(pairs, list) or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise ValueError("the pickle makes a dict of something other than pairs")
    if not all(isinstance(key, str | int) for key, _ in pairs):
        raise ValueError("the pickle makes a dict with keys that are neither text nor numbers")
    made = dict(pairs)
    pairs.clear()  # so that making dicts of one list again and again costs nothing
    return made
