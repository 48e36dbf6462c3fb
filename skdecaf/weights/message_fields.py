"""Protobuf's wire format, as far as it takes to tell the few large fields of a message from the rest."""

# SPDX-License-Identifier: BSD-3-Clause

_VARINT, _EIGHT_BYTES, _LENGTH_DELIMITED, _FOUR_BYTES = 0, 1, 2, 5
_MOST_FIELDS = 100_000
_MOST_BYTES = 2**20


class MessageFields:
    """Messages in a file, which are split into large fields, left where they are, and a rest that is cheap to parse.

    A parsed message can take a hundred times the memory that it has bytes, and a large field twice as much, so
    neither should come to a parser before its size is known.

    Parameters
    ----------
    data : bytes-like
        Only what lies between large fields is looked at, which suits a memory-mapped file.
    """

    def __init__(self, data):
        self.data = data
        self._n_fields = self._n_rest = 0

    def split(self, start, end, numbers):
        """Take fields out of the message between two positions.

        Parameters
        ----------
        start, end : int
        numbers : set of int
            Of the fields, which must be messages, bytes or packed lists.

        Returns
        -------
        taken : dict of int -> list of (start, end) pairs
            Where the contents of these fields are, in their order.
        rest : bytes
            The message without them.

        Raises
        ------
        ValueError
            Where the message is damaged, or has more fields than those of any network.
        """
        taken, rest = {number: [] for number in numbers}, []
        while start < end:
            tag, at = self._varint(start, end)
            number, contents, following = tag >> 3, *self._contents(at, end, tag)
            self._n_fields += 1
            if number in taken:
                if tag & 7 != _LENGTH_DELIMITED:
                    raise ValueError(f"damaged: field {number} has the wire type {tag & 7}")
                taken[number].append((contents, following))
            else:
                self._n_rest += following - start
                rest.append((start, following))
            if self._n_rest > _MOST_BYTES or self._n_fields > _MOST_FIELDS:
                raise ValueError(f"{self._n_fields:,} fields, {self._n_rest:,} bytes besides arrays, are too many")
            start = following
        return taken, b"".join(self.data[first:last] for first, last in rest)

    def _contents(self, at, end, tag):
        """Where the contents of a field begin and end."""
        wire_type = tag & 7
        if wire_type == _LENGTH_DELIMITED:
            length, at = self._varint(at, end)
        elif wire_type == _VARINT:
            length = self._varint(at, end)[1] - at
        elif wire_type in (_FOUR_BYTES, _EIGHT_BYTES):
            length = 4 if wire_type == _FOUR_BYTES else 8
        else:
            raise ValueError(f"damaged: there is no wire type {wire_type}")
        if length > end - at:
            raise ValueError(f"cut off or damaged: field {tag >> 3} has {length:,} bytes, but {end - at:,} are left")
        return at, at + length

    def _varint(self, at, end):
        """The number of variable length at this position, and where it ends."""
        value = 0
        for shift in range(0, 70, 7):
            if at >= end:
                break
            byte = self.data[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value, at
        raise ValueError("cut off or damaged within a number")
