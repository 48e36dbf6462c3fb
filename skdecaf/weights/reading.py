"""From a file in any format to a network: what a file is, its content tells, never its name."""

# SPDX-License-Identifier: BSD-3-Clause
from importlib import import_module

from safetensors import SafetensorError, safe_open

from skdecaf.weights.files import guarded, open_archive
from skdecaf.weights.network import FORMAT, Network

_FORMATS = (
    "this package's safetensors, safetensors or state dicts of torchvision's AlexNet, npz, ONNX, caffemodel, the "
    "pickles of DeCAF and cuda-convnet, Deep Compression"
)
_HEAD = 4096
_LONGEST_HEADER = 2**21

# Those that are known by their first bytes, the least mistakable first.
_READERS = (
    ("deep_compression", "read_deep_compression"),
    ("torch", "read_torch"),
    ("cuda_convnet", "read_decaf"),
    ("onnx", "read_onnx"),
    ("caffe", "read_caffemodel"),
)


def read_network(path):
    """Read a network from a file in any of the formats that this package knows.

    Parameters
    ----------
    path : str or PathLike

    Returns
    -------
    Network

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ImportError
        Where the format needs a package that is not installed; the message names it.
    ValueError
        Where the file has none of the formats, or does not hold what its format promises.

    Examples
    --------
    >>> from skdecaf.weights.reading import read_network
    >>> network = read_network("bvlc_reference_caffenet.caffemodel")  # doctest: +SKIP
    """
    with guarded(path) as path:
        read = _reader(path)
    return read(path)


def _reader(path):
    with open(path, "rb") as file:
        head = file.read(_HEAD)
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= _LONGEST_HEADER:
        return _safetensors_reader(path)
    if head.startswith(b"PK"):
        return _archive_reader(path)
    for name, function in _READERS:
        module = import_module(f"skdecaf.weights.{name}")
        if module.looks_like(head):
            return getattr(module, function)
    raise ValueError(f"a file of no known format; known are {_FORMATS}")


def _safetensors_reader(path):
    try:
        with safe_open(path, framework="numpy") as file:
            ours = (file.metadata() or {}).get("format") == FORMAT
    except SafetensorError as error:
        raise ValueError(f"not a safetensors file: {error}") from None
    return Network.load if ours else import_module("skdecaf.weights.torch").read_torch_safetensors


def _archive_reader(path):
    with open_archive(path) as archive:
        names = archive.namelist()
    if any(name.endswith("data.pkl") for name in names):
        return import_module("skdecaf.weights.torch").read_torch
    if any(name.endswith(".npy") for name in names):
        return import_module("skdecaf.weights.npz").read_npz
    raise ValueError(f"a zip archive without arrays; formats that are known are {_FORMATS}")
