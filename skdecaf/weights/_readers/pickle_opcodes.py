"""The opcodes of pickles: read within limits, and checked against a list before anything unpickles them."""

# SPDX-License-Identifier: BSD-3-Clause
import io
import pickletools

LONGEST_LINE = 200
_LONGEST_CONTENT = 4096 * 9216 * 8  # bytes of the weights of fc6 in float64


class PickleFile:
    """A file that refuses to read more than there is, or more than pickles of networks need at once."""

    def __init__(self, file):
        self._file, self.size, self.tell, self.seek = file, file.seek(0, io.SEEK_END), file.tell, file.seek
        file.seek(0)

    def read(self, size):
        if size > LONGEST_LINE and size > self.size - self.tell():
            raise ValueError(f"the pickle is cut off: {size:,} bytes declared, {self.size - self.tell():,} there")
        if size > _LONGEST_CONTENT:
            raise ValueError(f"the pickle has a value of {size:,} bytes; no array of a network is as large")
        return self._file.read(size)

    def readline(self):
        line = self._file.readline(LONGEST_LINE)
        if b"\\" in line:  # pickletools would warn of some
            raise ValueError("the pickle has a backslash in a name")
        return line


def allowed_opcodes(file, allowed, protocols, max_count):
    """Yield (opcode, value) of each opcode of a pickle; refuse others, other protocols, and too many.

    Parameters
    ----------
    file : PickleFile
    allowed : set of str
        Names of opcodes.
    protocols : range
    max_count : int
        Number of opcodes.
    """
    for count, (opcode, value, position) in enumerate(pickletools.genops(file)):
        if count == max_count:
            raise ValueError(f"the pickle has more than {max_count:,} opcodes; no network needs as many")
        if opcode.name not in allowed:
            raise ValueError(f"byte {position:,} of the pickle, {opcode.code.encode('latin-1')}, is not plain data")
        if opcode.name == "PROTO" and value not in protocols:
            raise ValueError(f"pickles of protocol {value} are not read here")
        yield opcode, value
