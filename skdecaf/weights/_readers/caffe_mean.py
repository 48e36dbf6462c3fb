"""Mean images in Caffe's files: ``.binaryproto`` and ``.npy``."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

from skdecaf._utils.extras import require
from skdecaf.weights._file_checks import weights_file
from skdecaf.weights._readers.caffe_messages import read_blob
from skdecaf.weights._readers.npy import read_npy_array

_NPY_MAGIC = b"\x93NUMPY"
_BINARYPROTO = b"\x08\x01\x10\x03"  # one image, three channels


def looks_like(head):
    """Whether a file that begins with these bytes may be a mean image."""
    return head.startswith((_NPY_MAGIC, _BINARYPROTO))


def read_mean(path):
    """Read a mean image in Caffe's order of axes and channels.

    Parameters
    ----------
    path : str or PathLike
        A ``.binaryproto`` or a ``.npy`` of shape (3, height, width); blue, green, red.

    Returns
    -------
    ndarray of shape (height, width, 3), float32
        Red, green, blue, from 0 to 255.

    Raises
    ------
    ImportError
        For a ``.binaryproto``, if the package protobuf is not installed (``pip install "skdecaf[caffe]"``).
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is neither, or does not hold a finite image of three channels.

    Examples
    --------
    >>> import numpy as np
    >>> from skdecaf.weights import read_mean
    >>> np.save("mean.npy", np.full((3, 256, 256), 104.0))  # doctest: +SKIP
    >>> read_mean("mean.npy").shape  # doctest: +SKIP
    (256, 256, 3)
    """
    with weights_file(path) as path:
        with open(path, "rb") as file:
            is_npy = file.read(len(_NPY_MAGIC)) == _NPY_MAGIC
        channels = _npy_array(path) if is_npy else _binaryproto_array(path)
        if channels.ndim != 3 or len(channels) != 3 or channels.dtype.kind != "f":
            raise ValueError(f"a mean image is floats of shape (3, height, width), not {channels.shape}")
        with np.errstate(all="ignore"):
            image = np.ascontiguousarray(channels[::-1].transpose(1, 2, 0), dtype=np.float32)
        if not np.isfinite(image).all():
            raise ValueError("the mean image has NaN or infinite values")
        return image


def _npy_array(path):
    with open(path, "rb") as file:
        return read_npy_array(file, path.stat().st_size, "the .npy file")


def _binaryproto_array(path):
    require("caffe", "a .binaryproto")
    array = read_blob(path.read_bytes(), "the mean image")
    return array[0] if array.ndim == 4 and len(array) == 1 else array
