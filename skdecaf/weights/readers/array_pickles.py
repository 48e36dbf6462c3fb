"""Plain containers and numpy arrays out of a pickle, without running anything that it names.

Pickle is a language whose programs call functions. This reader knows the words with which Python 2 and 3 write
numbers, text, lists, tuples, dicts and numpy arrays in binary protocols, and takes them as data: nothing that a
pickle names is ever imported or called, and an array is a view of the bytes in the file, once its shape fits them.
"""

# SPDX-License-Identifier: BSD-3-Clause
import math
import pickle
import re
import struct
from dataclasses import dataclass

import numpy as np

_MOST_OPCODES = 500_000

# A text of more bytes than this is the content of an array, and stays as it is.
_LONGEST_TEXT = 65_536

_ONE, _TWO, _FOUR, _EIGHT = (struct.Struct(f"<{code}") for code in "BHIQ")
_SIGNED, _FLOAT = struct.Struct("<i"), struct.Struct(">d")

# What a pickle may name, whose numpy's modules have had two names each.
_RECONSTRUCT, _SCALAR = "multiarray _reconstruct", "multiarray scalar"
_ARRAY_TYPE, _DTYPE, _DICT = "numpy ndarray", "numpy dtype", "collections OrderedDict"
_NAMES = {_RECONSTRUCT, _SCALAR, _ARRAY_TYPE, _DTYPE, _DICT}
_NUMPY_CORE = re.compile(r"\Anumpy\.(?:core|_core)\.(multiarray (?:_reconstruct|scalar))\Z")

# cuda-convnet's checkpoints keep the options of its command line, which say nothing about the network.
_OPTIONS_MODULES = ("options ", "python_util.options ")


@dataclass(frozen=True)
class _Name:
    """Something that a pickle names."""

    text: str


@dataclass
class _PickledDtype:
    code: str
    order: str = "="


@dataclass
class PickledArray:
    """A numpy array of a pickle, None until its state follows."""

    array: np.ndarray | None = None


class Ignored:
    """In place of an object that is not looked at."""


def read_pickle(data):
    """Read what a pickle of protocol 2 to 4 describes.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    object
        Of dicts, lists, tuples, numbers, text, bytes, `PickledArray` and `Ignored`. It may contain itself.

    Raises
    ------
    ValueError
        Where the pickle is damaged, holds or names anything else; nothing of it has run then.
    """
    return _Reader(data).run()


class _Reader:
    """The stack and the memo of one pickle."""

    def __init__(self, data):
        self._data = data
        self._view = memoryview(data)
        self._position = 0
        self._stack = []
        self._marks = []
        self._memo = {}
        self._array_bytes = 0

    def run(self):
        """Follow the opcodes up to the last."""
        stop = pickle.STOP[0]
        for _ in range(_MOST_OPCODES):
            opcode = self._take(1)[0]
            if opcode == stop:
                return self._pop()
            if opcode not in _OPCODES:
                raise ValueError(f"byte {self._position - 1:,} of the pickle, {bytes([opcode])}, is not plain data")
            method, *arguments = _OPCODES[opcode]
            method(self, *arguments)
        raise ValueError(f"the pickle has more than {_MOST_OPCODES:,} opcodes; no network needs as many")

    def _take(self, size):
        if size > len(self._view) - self._position:
            raise ValueError(
                f"the pickle is cut off: {size:,} bytes declared, {len(self._view) - self._position:,} there"
            )
        self._position += size
        return self._view[self._position - size : self._position]

    def _number(self, layout):
        return layout.unpack(self._take(layout.size))[0]

    def _skip(self, size):
        self._take(size)

    def _push(self, value):
        self._stack.append(value)

    def _push_new(self, kind):
        self._stack.append(kind())

    def _push_number(self, layout):
        self._stack.append(self._number(layout))

    def _push_text(self, length, encoding):
        content = self._take(self._number(length))
        if len(content) <= _LONGEST_TEXT:
            content = bytes(content) if encoding is None else str(content, encoding, errors="replace")
        self._stack.append(content)

    def _push_tuple(self, size):
        items = [self._pop() for _ in range(size)]
        self._stack.append(tuple(reversed(items)))

    def _push_marked_tuple(self):
        self._stack.append(tuple(self._pop_to_mark()))

    def _push_long(self):
        self._stack.append(int.from_bytes(self._take(self._number(_ONE)), "little", signed=True))

    def _push_again(self):
        self._stack.append(self._top())

    def _put(self, layout):
        self._memo[self._number(layout)] = self._top()

    def _put_next(self):
        self._memo[len(self._memo)] = self._top()

    def _get(self, layout):
        index = self._number(layout)
        if index not in self._memo:
            raise ValueError(f"the pickle looks for value {index} before it is there")
        self._stack.append(self._memo[index])

    def _top(self):
        if len(self._stack) <= (self._marks[-1] if self._marks else 0):
            raise ValueError("the pickle takes more from its stack than it has put there")
        return self._stack[-1]

    def _pop(self):
        self._top()
        return self._stack.pop()

    def _pop_to_mark(self):
        if not self._marks:
            raise ValueError("the pickle looks for a mark that it has not set")
        start = self._marks.pop()
        items = self._stack[start:]
        del self._stack[start:]
        return items

    def _mark(self):
        self._marks.append(len(self._stack))

    def _protocol(self):
        version = self._number(_ONE)
        if not 2 <= version <= 5:
            raise ValueError(f"pickles of protocol {version} are not read")

    def _append(self):
        self._extend([self._pop()])

    def _append_marked(self):
        self._extend(self._pop_to_mark())

    def _extend(self, items):
        if not isinstance(self._top(), list):
            raise ValueError("the pickle appends to something that is no list")
        self._stack[-1].extend(items)

    def _update(self, items):
        target = self._top()
        if not isinstance(target, dict) or len(items) % 2:
            raise ValueError("the pickle sets items of something that is no dict")
        keys = items[::2]
        if not all(isinstance(key, str | bytes | int | float | None) for key in keys):
            raise ValueError("the pickle has a dict with keys that are neither text nor numbers")
        target.update(zip(keys, items[1::2], strict=True))

    def _set_item(self):
        value, key = self._pop(), self._pop()
        self._update([key, value])

    def _set_marked(self):
        self._update(self._pop_to_mark())

    def _global(self):
        words = []
        for _ in range(2):
            end = self._data.find(b"\n", self._position, self._position + 200)
            if end < 0:
                raise ValueError("the pickle is cut off within a name")
            words.append(str(self._take(end - self._position), "ascii", errors="replace"))
            self._position += 1
        self._name(*words)

    def _stack_global(self):
        name, module = self._pop(), self._pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise ValueError("the pickle names something without text")
        self._name(module[:200], name[:200])

    def _name(self, module, name):
        text = _NUMPY_CORE.sub(r"\1", f"{module} {name}")
        if text.startswith(_OPTIONS_MODULES):
            self._stack.append(Ignored())
        elif text in _NAMES:
            self._stack.append(_Name(text))
        else:
            raise ValueError(f"the pickle names '{module}.{name}', which is neither a plain container nor an array")

    def _reduce(self):
        arguments, function = self._pop(), self._pop()
        if isinstance(function, Ignored):
            self._stack.append(function)
        elif isinstance(function, _Name) and isinstance(arguments, tuple) and function.text in _REDUCTIONS:
            self._stack.append(_REDUCTIONS[function.text](*arguments[:3]))
        else:
            raise ValueError("the pickle calls something other than the making of an array")

    def _new_object(self):
        self._pop()
        self._check_ignored(self._top())

    def _old_object(self):
        self._stack.append(self._check_ignored(*self._pop_to_mark()[:1]))

    def _check_ignored(self, value=None):
        if not isinstance(value, Ignored):
            raise ValueError("the pickle makes an object that is neither a plain container nor an array")
        return value

    def _build(self):
        state, target = self._pop(), self._top()
        if isinstance(target, PickledArray):
            target.array = _array(*_fields(state, 5, "an array"))
            self._array_bytes += target.array.nbytes
            if self._array_bytes > len(self._data):
                raise ValueError("the arrays of the pickle have more bytes than the file")
        elif isinstance(target, _PickledDtype):
            _, target.order, *subtypes = _fields(state, 5, "a dtype")
            if target.order not in ("<", ">", "=", "|") or subtypes != [None] * 3:
                raise ValueError("the pickle has arrays that are not of plain numbers")
        elif not isinstance(target, Ignored):
            raise ValueError("the pickle gives a state to something that is no array")


def _fields(state, count, what):
    if not isinstance(state, tuple) or len(state) < count:
        raise ValueError(f"the pickle gives {what} a state that is not its own")
    return state[:count]


def _dtype(code=None, *_):
    if not isinstance(code, str) or not re.fullmatch("f[248]|[iu][1248]|b1", code):
        shown = repr(code[:20]) if isinstance(code, str) else "of another kind"
        raise ValueError(f"the pickle has an array of dtype {shown}; only numbers are read, no objects")
    return _PickledDtype(code)


def _ordered_dict(pairs=None, *_):
    if pairs is None:
        return {}
    if not isinstance(pairs, list) or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise ValueError("the pickle makes a dict of something other than pairs")
    if not all(isinstance(key, str | int) for key, _ in pairs):
        raise ValueError("the pickle makes a dict with keys that are neither text nor numbers")
    made = dict(pairs)
    pairs.clear()  # it is nobody else's; a pickle that makes a dict of it again and again gains nothing
    return made


def _unbuilt_array(kind=None, *_):
    if kind != _Name(_ARRAY_TYPE):
        raise ValueError("the pickle has an array of another class than numpy's own")
    return PickledArray()


def _scalar(dtype=None, content=None, *_):
    return _array(None, (1,), dtype, False, content)[0].item()


def _array(_, shape, dtype, fortran, content):
    """The array of this state, a view of its content."""
    if not isinstance(dtype, _PickledDtype) or not isinstance(shape, tuple) or len(shape) > 32:
        raise ValueError("the pickle has an array without dtype or shape")
    if not all(type(length) is int and 0 <= length < 2**31 for length in shape):
        raise ValueError("the pickle has an array with an axis that is no length")
    if isinstance(content, str):
        content = content.encode("latin-1", errors="replace")
    if not isinstance(content, bytes | memoryview):
        raise ValueError("the pickle has an array whose content is not bytes")
    dtype = np.dtype(dtype.order + dtype.code)
    if math.prod(shape) * dtype.itemsize != len(content):
        raise ValueError(f"the pickle has an array of shape {shape} and dtype {dtype} with {len(content):,} bytes")
    if not len(content):
        return np.empty(0, dtype)
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran is True or fortran == 1 else "C")


_REDUCTIONS = {_RECONSTRUCT: _unbuilt_array, _SCALAR: _scalar, _DTYPE: _dtype, _DICT: _ordered_dict}

_HANDLERS = {
    pickle.PROTO: (_Reader._protocol,),
    pickle.FRAME: (_Reader._skip, _EIGHT.size),
    pickle.NONE: (_Reader._push, None),
    pickle.NEWTRUE: (_Reader._push, True),
    pickle.NEWFALSE: (_Reader._push, False),
    pickle.BININT: (_Reader._push_number, _SIGNED),
    pickle.BININT1: (_Reader._push_number, _ONE),
    pickle.BININT2: (_Reader._push_number, _TWO),
    pickle.BINFLOAT: (_Reader._push_number, _FLOAT),
    pickle.LONG1: (_Reader._push_long,),
    # Python 2's strings are Latin-1 here, as ``encoding="latin1"`` makes them.
    pickle.SHORT_BINSTRING: (_Reader._push_text, _ONE, "latin-1"),
    pickle.BINSTRING: (_Reader._push_text, _FOUR, "latin-1"),
    pickle.SHORT_BINUNICODE: (_Reader._push_text, _ONE, "utf-8"),
    pickle.BINUNICODE: (_Reader._push_text, _FOUR, "utf-8"),
    pickle.SHORT_BINBYTES: (_Reader._push_text, _ONE, None),
    pickle.BINBYTES: (_Reader._push_text, _FOUR, None),
    pickle.BINBYTES8: (_Reader._push_text, _EIGHT, None),
    pickle.EMPTY_LIST: (_Reader._push_new, list),
    pickle.EMPTY_DICT: (_Reader._push_new, dict),
    pickle.EMPTY_TUPLE: (_Reader._push_tuple, 0),
    pickle.TUPLE1: (_Reader._push_tuple, 1),
    pickle.TUPLE2: (_Reader._push_tuple, 2),
    pickle.TUPLE3: (_Reader._push_tuple, 3),
    pickle.TUPLE: (_Reader._push_marked_tuple,),
    pickle.MARK: (_Reader._mark,),
    pickle.POP: (_Reader._pop,),
    pickle.POP_MARK: (_Reader._pop_to_mark,),
    pickle.DUP: (_Reader._push_again,),
    pickle.BINPUT: (_Reader._put, _ONE),
    pickle.LONG_BINPUT: (_Reader._put, _FOUR),
    pickle.MEMOIZE: (_Reader._put_next,),
    pickle.BINGET: (_Reader._get, _ONE),
    pickle.LONG_BINGET: (_Reader._get, _FOUR),
    pickle.APPEND: (_Reader._append,),
    pickle.APPENDS: (_Reader._append_marked,),
    pickle.SETITEM: (_Reader._set_item,),
    pickle.SETITEMS: (_Reader._set_marked,),
    pickle.GLOBAL: (_Reader._global,),
    pickle.STACK_GLOBAL: (_Reader._stack_global,),
    pickle.REDUCE: (_Reader._reduce,),
    pickle.NEWOBJ: (_Reader._new_object,),
    pickle.OBJ: (_Reader._old_object,),
    pickle.BUILD: (_Reader._build,),
}
_OPCODES = {opcode[0]: handler for opcode, handler in _HANDLERS.items()}
