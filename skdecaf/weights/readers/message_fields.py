"""Protobuf's wire format, as far as it takes to tell the few large fields of a message from the rest.

A parsed message can take a hundred times the memory that it has bytes, and a large field twice as much, so neither
should come to a parser before its size is known.
"""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

_VARINT, _EIGHT_BYTES, _LENGTH_DELIMITED, _FOUR_BYTES = 0, 1, 2, 5
_WIDTHS = {_FOUR_BYTES: 4, _EIGHT_BYTES: 8}

# No file of a network comes near these.
_MOST_FIELDS = 10_000
_MOST_BYTES = 2**20


class MessageFields:
    """Messages in a file, which are split into large fields, left where they are, and a rest that is cheap to parse.

    Parameters
    ----------
    data : bytes-like
        Only what lies between large fields is looked at, which suits a memory-mapped file.
    """

    def __init__(self, data):
        self.data = data
        self._n_fields = self._n_rest = 0

    def split(self, place, large, what):
        """Take large fields out of a message.

        Parameters
        ----------
        place : (start, end) pair of int
            Where the message is.
        large : dict of int -> str or None
            Numbers of the fields, with the dtype where they hold numbers, packed or not, else None.
        what : str
            The message, for errors.

        Returns
        -------
        taken : dict of int -> list
            The fields' contents in their order: an ndarray of numbers, or a (start, end) pair.
        rest : bytes
            The message without them.

        Raises
        ------
        ValueError
            Where the message is damaged, or the file has more fields than those of any network.
        """
        (start, end), taken, rest = place, {number: [] for number in large}, []
        while start < end:
            number, value, following = self._field(start, end, large, what)
            self._n_fields += 1
            if number in large:
                taken[number].append(value)
            else:
                self._n_rest += following - start
                rest.append((start, following))
            if self._n_fields > _MOST_FIELDS:
                raise ValueError(f"{what}: the file has more than {_MOST_FIELDS:,} fields")
            if self._n_rest > _MOST_BYTES:
                raise ValueError(f"{what}: field {number} brings the description to {self._n_rest:,} bytes")
            start = following
        return taken, b"".join(self.data[first:last] for first, last in rest)

    def _field(self, start, end, large, what):
        """Number, content where it is large, and end of the field at ``start``."""
        tag, at = self._varint(start, end, what)
        number, wire_type, dtype = tag >> 3, tag & 7, large.get(tag >> 3)
        if wire_type == _LENGTH_DELIMITED:
            length, at = self._varint(at, end, what)
            _check_room(at, end, length, number, what)
            return number, self._numbers(at, length, dtype, number, what) if dtype else (at, at + length), at + length
        if wire_type in _WIDTHS:
            width = _WIDTHS[wire_type]
            _check_room(at, end, width, number, what)
            if dtype and np.dtype(dtype).itemsize == width:
                return number, *self._run(start, at - start, end, dtype)
            following = at + width
        elif wire_type == _VARINT:
            following = self._varint(at, end, what)[1]
        if number in large or wire_type not in (_VARINT, *_WIDTHS):
            raise ValueError(f"{what}: field {number} has wire type {wire_type}, which is not its own")
        return number, None, following

    def _numbers(self, at, length, dtype, number, what):
        """The numbers of a packed field."""
        count, rest = divmod(length, np.dtype(dtype).itemsize)
        if rest:
            raise ValueError(f"{what}: field {number} ends within a number")
        return np.frombuffer(self.data, dtype, count, at) if count else np.empty(0, dtype)

    def _run(self, start, tag_size, end, dtype):
        """The numbers of all fields alike from ``start`` on, which were not packed into one; and where they end."""
        record = np.dtype([("tag", np.uint8, (tag_size,)), ("number", dtype)])
        count = (end - start) // record.itemsize
        records = np.frombuffer(self.data, record, count, start)
        tag, n_alike = records["tag"][0], count
        for first in range(0, count, 1024):
            differ = (records["tag"][first : first + 1024] != tag).any(axis=1)
            if differ.any():
                n_alike = first + int(differ.argmax())
                break
        return records["number"][:n_alike], start + n_alike * record.itemsize

    def _varint(self, at, end, what):
        """The number of variable length at this position, and where it ends."""
        value = 0
        for shift in range(0, 70, 7):
            if at >= end:
                raise ValueError(f"{what} is cut off within a field's tag or length")
            byte = self.data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
        raise ValueError(f"{what}: a number of more than ten bytes")


def _check_room(at, end, length, number, what):
    if length > end - at:
        raise ValueError(f"{what}: field {number} is cut off: {length:,} bytes declared, {end - at:,} there")
