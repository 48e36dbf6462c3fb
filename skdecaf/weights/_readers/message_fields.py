"""The wire format of protobuf: split a message into its few large fields and the rest.

The protobuf library has no limits: ``onnx.ModelProto.FromString`` takes 18 s and 3 GB for a model of 40 MB with empty
nodes, ``b"\\x08\\x08:\\x80\\xb4\\x89\\x13" + b"\\n\\0" * 20_000_000``. It also copies large fields.
"""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

_VARINT, _EIGHT_BYTES, _LENGTH_DELIMITED, _FOUR_BYTES = 0, 1, 2, 5
_WIDTHS = {_FOUR_BYTES: 4, _EIGHT_BYTES: 8}

# Far more than files of networks need.
_MAX_FIELDS = 10_000
_MAX_BYTES = 2**20


class MessageFields:
    """Splits the messages of a file into large fields, which are not copied, and a rest that is cheap to parse.

    Parameters
    ----------
    data : bytes-like
        Only the bytes between large fields are read, so a memory-mapped file may be passed.
    """

    def __init__(self, data):
        self.data = data
        self._n_fields = self._n_rest = 0

    def split(self, place, large, what):
        """Take large fields out of a message.

        Parameters
        ----------
        place : (start, end) pair of int
            Position of the message.
        large : dict of int -> str or None
            Number of each field -> dtype if it holds numbers, packed or not, else None.
        what : str
            The message, for the text of errors.

        Returns
        -------
        taken : dict of int -> list
            Contents of each field in order: an ndarray of numbers, or a (start, end) pair.
        rest : bytes
            The message without them.

        Raises
        ------
        ValueError
            If the message is damaged, or the file has more fields than a network needs.
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
            if self._n_fields > _MAX_FIELDS:
                raise ValueError(f"{what}: the file has more than {_MAX_FIELDS:,} fields")
            if self._n_rest > _MAX_BYTES:
                raise ValueError(f"{what}: field {number} brings the description to {self._n_rest:,} bytes")
            start = following
        return taken, b"".join(self.data[first:last] for first, last in rest)

    def _field(self, start, end, large, what):
        """Number of the field at ``start``, its content if it is a large one, and its end."""
        tag, at = self._varint(start, end, what)
        number, wire_type, dtype = tag >> 3, tag & 7, large.get(tag >> 3)
        if wire_type == _LENGTH_DELIMITED:
            length, at = self._varint(at, end, what)
            _check_length(at, end, length, number, what)
            return number, self._numbers(at, length, dtype, number, what) if dtype else (at, at + length), at + length
        if wire_type in _WIDTHS:
            width = _WIDTHS[wire_type]
            _check_length(at, end, width, number, what)
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
        """The numbers of a run of equal fields, which are not packed into one, and the end of the run."""
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
        """The number of variable length at this position, and its end."""
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


def _check_length(at, end, length, number, what):
    if length > end - at:
        raise ValueError(f"{what}: field {number} is cut off: {length:,} bytes declared, {end - at:,} there")
