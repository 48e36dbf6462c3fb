"""From a file in any format to a network: what a file is, its content tells, never its name."""

# SPDX-License-Identifier: BSD-3-Clause
import inspect
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

# Option of `read_network` -> the formats that it is for.
_OPTIONS = {
    "mean": "Caffe's .caffemodel",
    "meta": "the pickles of DeCAF and cuda-convnet",
    "architecture": ".npz and Deep Compression's .net",
}

# Those that are known by their first bytes, the least mistakable first.
_READERS = (
    ("deep_compression", "read_deep_compression"),
    ("torch", "read_torch"),
    ("cuda_convnet", "read_decaf"),
    ("onnx", "read_onnx"),
    ("caffe", "read_caffemodel"),
)


def read_network(path, *, mean=None, meta=None, architecture=None):
    """Read a network from a file in any of the formats that this package knows.

    What the file is, its content tells, not its name. Files that say all that is needed can be named as ``weights``
    directly; the options are for the others.

    Parameters
    ----------
    path : str or PathLike
    mean : str, PathLike or ndarray of shape (height, width, 3), optional
        For Caffe's ``.caffemodel``: the mean image to subtract, a file for `read_mean` or what it returned, in place
        of a mean pixel.
    meta : str or PathLike, optional
        For the pickles of DeCAF and cuda-convnet: the pickle with mean image and class names. By default the file
        beside ``path`` whose name ends in ``.meta``.
    architecture : str or Architecture, optional
        For ``.npz`` and Deep Compression's ``.net``: a name in `ARCHITECTURES`, or one of your own. An ``.npz`` needs
        it where neither its entry ``"architecture"`` nor its shapes tell; a ``.net`` is AlexNet by default.

    Returns
    -------
    Network
        Its classes are ImageNet's where there are a thousand, and without labels otherwise, unless the file has some.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ImportError
        Where the format needs a package that is not installed; the message names it.
    ValueError
        Where the file has none of the formats, does not hold what its format promises, or has no use for an option.

    See Also
    --------
    Network.save : Write what was read, with labels if you like, as one file that needs no options.

    Examples
    --------
    >>> from skdecaf.weights import read_network
    >>> network = read_network("my.caffemodel", mean="my_mean.binaryproto")  # doctest: +SKIP
    >>> network.save("my.safetensors")  # doctest: +SKIP
    """
    options = {"mean": mean, "meta": meta, "architecture": architecture}
    options = {name: value for name, value in options.items() if value is not None}
    with guarded(path) as path:
        read = _reader(path)
        superfluous = [name for name in options if name not in inspect.signature(read).parameters]
        if superfluous:
            raise ValueError(f"{superfluous[0]}= is for {_OPTIONS[superfluous[0]]}; leave it out for this file")
    return read(path, **options)


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
