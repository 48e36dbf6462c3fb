"""Optional dependencies, each with the extra that installs it."""

# SPDX-License-Identifier: BSD-3-Clause
from importlib import import_module

# Extra -> package and module.
_PACKAGES = {
    "caffe": ("protobuf", "google.protobuf"),
    "cli": ("skops", "skops.io"),
    "completion": ("shtab", "shtab"),
    "demo": ("starlette", "starlette"),
    "onnx": ("onnx", "onnx"),
    "parquet": ("pyarrow", "pyarrow"),
    "plot": ("matplotlib", "matplotlib.pyplot"),
    "remote": ("fsspec", "fsspec"),
    "torch": ("torch", "torch"),
    "train": ("torch", "torch"),
    "zarr": ("zarr", "zarr"),
}


def require(extra, purpose):
    """Import the package of an extra, or say how to install it.

    Parameters
    ----------
    extra : str
        As in ``pip install "skdecaf[<extra>]"``.
    purpose : str
        What needs the package; the subject of the error message.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If the package is not installed.
    """
    package, module = _PACKAGES[extra]
    try:
        return import_module(module)
    except ImportError:
        raise ImportError(f'{purpose} needs the package {package}; run pip install "skdecaf[{extra}]"') from None
