"""Read a network from a file of any format, which is detected from the content, not from the extension."""

# SPDX-License-Identifier: BSD-3-Clause
from pathlib import Path

from skdecaf.weights._file_checks import open_safetensors, weights_file
from skdecaf.weights._native_format import FORMAT
from skdecaf.weights._network import load_network
from skdecaf.weights._readers import caffe, caffe_mean, cuda_convnet, deep_compression, npz, onnx, torch
from skdecaf.weights._readers.zip_archives import open_archive

_FORMATS = (
    "this package's safetensors, safetensors or state dicts of torchvision's AlexNet, npz, ONNX, caffemodel, the "
    "pickles of DeCAF and cuda-convnet, Deep Compression"
)
_HEAD = 4096
_LONGEST_HEADER = 2**21

# Option of `read_network` -> the readers and the formats that it is for.
_OPTIONS = {
    "mean": ([caffe.read_caffemodel], "Caffe's .caffemodel"),
    "meta": ([cuda_convnet.read_decaf], "the pickles of DeCAF and cuda-convnet"),
    "architecture": ([npz.read_npz, deep_compression.read_deep_compression], ".npz and Deep Compression's .net"),
}

# Readers that recognise their files by the first bytes, the least ambiguous first.
_READERS = (
    (deep_compression.looks_like, deep_compression.read_deep_compression),
    (torch.looks_like, torch.read_torch),
    (cuda_convnet.looks_like, cuda_convnet.read_decaf),
    (onnx.looks_like, onnx.read_onnx),
    (caffe.looks_like, caffe.read_caffemodel),
)


def read_network(path, *, mean=None, meta=None, architecture=None):
    """Read a network from a file in any of the formats that this package knows.

    The format is detected from the content, not from the extension. A file that needs no options can also be passed
    as ``weights`` directly.

    Parameters
    ----------
    path : str or PathLike
    mean : str, PathLike or ndarray of shape (height, width, 3), optional
        For Caffe's ``.caffemodel``: the mean image to subtract instead of a mean pixel. Pass a file for `read_mean`,
        or what it returned.
    meta : str or PathLike, optional
        For the pickles of DeCAF and cuda-convnet: the pickle with mean image and class names. By default the file
        in the folder of ``path`` whose name ends in ``.meta``.
    architecture : str or Architecture, optional
        For ``.npz`` and Deep Compression's ``.net``: a name in `ARCHITECTURES`, or an architecture of your own. An
        ``.npz`` needs it if its shapes fit several architectures and it has no entry ``"architecture"``; a ``.net``
        is AlexNet by default.

    Returns
    -------
    Network
        It has the labels of the file. If there are none, a thousand classes get ImageNet's labels, and other numbers
        of classes none. Its pickles name the file, unless you passed options.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If the format needs a package that is not installed; the message names it.
    ValueError
        If the file has none of the formats, if it is damaged, or if an option is for another format.

    See Also
    --------
    Network.save : Write the network, with labels if you like, as one file that needs no options.

    Examples
    --------
    >>> from skdecaf.weights import read_network
    >>> network = read_network("my.caffemodel", mean="my_mean.binaryproto")  # doctest: +SKIP
    >>> network.save("my.safetensors")  # doctest: +SKIP
    """
    options = {"mean": mean, "meta": meta, "architecture": architecture}
    options = {key: value for key, value in options.items() if value is not None}
    origin = None if options else str(Path(path).absolute())
    return read_file(path, origin=origin, **options)


def read_file(path, name=None, origin=None, **options):
    """Read a network from a file, with the signature of every reader, see `skdecaf.weights._readers`."""
    with weights_file(path) as path:
        read = _find_reader(path)
        for option in options:
            readers, formats = _OPTIONS[option]
            if read not in readers:
                raise ValueError(f"{option}= is for {formats}; leave it out for this file")
    return read(path, name, origin, **options)


def _find_reader(path):
    with open(path, "rb") as file:
        head = file.read(_HEAD)
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= _LONGEST_HEADER:
        return _safetensors_reader(path)
    if head.startswith(b"PK"):
        return _archive_reader(path)
    for looks_like, read in _READERS:
        if looks_like(head):
            return read
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        raise ValueError("a pointer of Git LFS, not the file that it stands for; run 'git lfs pull' in its repository")
    if caffe_mean.looks_like(head):
        raise ValueError("a mean image, not a network; pass the network, and this file as mean= of read_network")
    raise ValueError(f"an unknown format; known formats are {_FORMATS}")


def _safetensors_reader(path):
    with open_safetensors(path) as file:
        is_native = (file.metadata() or {}).get("format") == FORMAT
    return load_network if is_native else torch.read_torch_safetensors


def _archive_reader(path):
    with open_archive(path) as archive:
        names = archive.namelist()
    if any(name.endswith("data.pkl") for name in names):
        return torch.read_torch
    if any(name.endswith(".npy") for name in names):
        return npz.read_npz
    raise ValueError(f"a zip archive without arrays; known formats are {_FORMATS}")
