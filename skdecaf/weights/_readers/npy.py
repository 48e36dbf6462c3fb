"""Arrays in numpy's .npy format, in files and archives, within limits on what they may cost.

`numpy.load` allocates 36 TiB for a file of 80 bytes whose header has ``'shape': (10_000_000_000_000,)``, and warns of
headers that Python 2 wrote, which threads cannot filter safely. So headers are checked against the size of the file.
"""

# SPDX-License-Identifier: BSD-3-Clause
import io
import math
import re

import numpy as np
from numpy.lib import format as npy_format

_LONGEST_HEADER = 1000
_PIECE = 2**18  # bytes that are read at a time


def read_npy_header(file, size, what):
    """Read the shape, the dtype and the order ("C" or "F") of an array of floats or of text.

    Parameters
    ----------
    file : binary file
    size : int
        Number of bytes of the file, which must be what the shape and the dtype need.
    what : str
        Begins the messages.
    """
    try:
        if npy_format.read_magic(file) != (1, 0):
            raise ValueError("later versions are for longer headers")
        length = file.read(2)
        # Numpy warns of numbers such as 256L, which Python 2 wrote.
        text = re.sub(rb"(?<=\d)L", b" ", file.read(int.from_bytes(length, "little")))
        header = io.BytesIO(length + text)
        shape, is_fortran, dtype = npy_format.read_array_header_1_0(header, max_header_size=_LONGEST_HEADER)
    except Exception:  # the documentation of numpy does not list what damaged headers raise
        raise ValueError(f"{what} does not begin as numpy's arrays do") from None
    if dtype.kind not in "fU" or (dtype.kind == "f" and dtype.itemsize > 8):
        raise ValueError(f"{what} is of dtype {npy_format.dtype_to_descr(dtype)!r}, not float16, float32 or float64")
    if min(shape, default=0) < 0 or file.tell() + math.prod(shape) * dtype.itemsize != size:
        raise ValueError(f"{what} does not have as many bytes as its shape {shape} and dtype {dtype} need")
    return shape, dtype, "F" if is_fortran else "C"


def read_npy_array(file, size, what):
    """Read an array; the parameters are those of `read_npy_header`."""
    shape, dtype, order = read_npy_header(file, size, what)
    values = np.empty(math.prod(shape), dtype)
    buffer = values.view(np.uint8)
    for start in range(0, len(buffer), _PIECE):
        piece = buffer[start : start + _PIECE]
        if file.readinto(piece) != len(piece):
            raise ValueError(f"{what} ends within its values")
    return values.reshape(shape, order=order)
