"""Arrays in numpy's .npy format, in files and archives, within limits on what they may cost."""

# SPDX-License-Identifier: BSD-3-Clause
import math
import warnings

from numpy.lib import format as npy_format

_LONGEST_HEADER = 1000


def read_npy_header(file, size, what):
    """Read the shape and dtype of an array of floats or of text.

    Parameters
    ----------
    file : binary file
    size : int
        Number of bytes of the file, which must be what the shape and the dtype need.
    what : str
        Begins the messages.

    Returns
    -------
    shape : tuple
    dtype : dtype
    """
    try:
        if npy_format.read_magic(file) != (1, 0):
            raise ValueError("later versions are for longer headers")
        with _ignored_warnings():
            shape, _, dtype = npy_format.read_array_header_1_0(file, max_header_size=_LONGEST_HEADER)
    except Exception:  # the documentation of numpy does not list what damaged headers raise
        raise ValueError(f"{what} does not begin as numpy's arrays do") from None
    if dtype.kind not in "fU" or (dtype.kind == "f" and dtype.itemsize > 8):
        raise ValueError(f"{what} is of dtype {npy_format.dtype_to_descr(dtype)!r}, not float16, float32 or float64")
    if min(shape, default=0) < 0 or file.tell() + math.prod(shape) * dtype.itemsize != size:
        raise ValueError(f"{what} does not have as many bytes as its shape {shape} and dtype {dtype} need")
    return shape, dtype


def read_npy_array(file):
    """Read the array of a file whose header `read_npy_header` accepted."""
    with _ignored_warnings():
        return npy_format.read_array(file, allow_pickle=False, max_header_size=_LONGEST_HEADER)


def _ignored_warnings():
    """Numpy warns of headers with numbers such as 256L, as Python 2 wrote them."""
    return warnings.catch_warnings(action="ignore")
