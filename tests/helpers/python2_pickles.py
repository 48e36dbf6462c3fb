"""Pickles composed opcode by opcode, as Python 2 writes them with protocol 2."""

import struct

import numpy as np


def dumps(value):
    return b"\x80\x02" + _Composer().compose(value) + b"."


class Raw(bytes):
    """Opcodes to put where a value would be."""


class _Composer:
    def __init__(self):
        self._places, self._kept = {}, []

    def _put(self, key, opcodes):
        """Opcodes that make an object, and keep it for later."""
        place = self._places[key] = len(self._places)
        return opcodes + (b"q" + bytes([place]) if place < 256 else b"r" + struct.pack("<I", place))

    def _get(self, key):
        place = self._places[key]
        return b"h" + bytes([place]) if place < 256 else b"j" + struct.pack("<I", place)

    def compose(self, value):
        if isinstance(value, Raw):
            return bytes(value)
        if value is None or isinstance(value, bool):
            return {None: b"N", True: b"\x88", False: b"\x89"}[value]
        if isinstance(value, int):
            return self._integer(value)
        if isinstance(value, float):
            return b"G" + struct.pack(">d", value)
        if isinstance(value, str | bytes):
            return self._string(value)
        self._kept.append(value)  # or its id might be another's
        if id(value) in self._places:
            return self._get(id(value))
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, np.generic):
            return self._scalar(value)
        if isinstance(value, tuple):
            return self._tuple(value)
        if isinstance(value, list):
            return self._put(id(value), b"]") + b"(" + b"".join(map(self.compose, value)) + b"e"
        items = [part for item in value.items() for part in item]
        return self._put(id(value), b"}") + b"(" + b"".join(map(self.compose, items)) + b"u"

    def _integer(self, value):
        if 0 <= value < 2**8:
            return b"K" + bytes([value])
        if 0 <= value < 2**16:
            return b"M" + struct.pack("<H", value)
        if -(2**31) <= value < 2**31:
            return b"J" + struct.pack("<i", value)
        return b"\x8a\x0a" + value.to_bytes(10, "little", signed=True)

    def _string(self, value):
        content = value.encode("latin-1") if isinstance(value, str) else value
        short = len(content) < 256
        return self._put(
            object(), (b"U" + bytes([len(content)]) if short else b"T" + struct.pack("<I", len(content))) + content
        )

    def _tuple(self, value):
        if len(value) > 3:
            return self._put(object(), b"(" + b"".join(map(self.compose, value)) + b"t")
        end = [b")", b"\x85", b"\x86", b"\x87"][len(value)]
        opcodes = b"".join(map(self.compose, value)) + end
        return self._put(object(), opcodes) if value else opcodes

    def _name(self, module, name):
        if (module, name) in self._places:
            return self._get((module, name))
        return self._put((module, name), f"c{module}\n{name}\n".encode())

    def _dtype(self, dtype):
        key = ("dtype", dtype.str)
        if key in self._places:
            return self._get(key)
        made = self._put(key, self._name("numpy", "dtype") + self._tuple((dtype.str[1:], 0, 1)) + b"R")
        return made + self._tuple((3, dtype.str[0], None, None, None, -1, -1, 0)) + b"b"

    def _array(self, value):
        fortran = value.flags.f_contiguous and not value.flags.c_contiguous
        make = self._name("numpy.core.multiarray", "_reconstruct") + self._name("numpy", "ndarray")
        make += self._put(object(), b"K\x00\x85") + self._string("b")
        made = self._put(id(value), self._put(object(), make + b"\x87") + b"R")
        state = b"(K\x01" + self._tuple(value.shape) + self._dtype(value.dtype) + self.compose(fortran)
        return made + self._put(object(), state + self._string(value.tobytes("A")) + b"t") + b"b"

    def _scalar(self, value):
        arguments = self._dtype(value.dtype) + self._string(value.tobytes())
        make = self._name("numpy.core.multiarray", "scalar") + self._put(object(), arguments + b"\x86")
        return self._put(object(), make + b"R")
