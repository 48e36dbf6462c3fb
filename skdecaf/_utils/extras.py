"""Packages that only some tasks need, each with the extra of the installation that brings it."""

# SPDX-License-Identifier: BSD-3-Clause
from importlib import import_module

# Extra -> name of the package, and module that is imported.
_PACKAGES = {
    "caffe": ("protobuf", "google.protobuf"),
    "cli": ("skops", "skops.io"),
    "completion": ("shtab", "shtab"),
    "onnx": ("onnx", "onnx"),
    "parquet": ("pyarrow", "pyarrow"),
    "plot": ("matplotlib", "matplotlib.pyplot"),
    "torch": ("torch", "torch"),
    "train": ("torch", "torch"),
}


def require(extra, purpose):
    """Import the package of an extra, or say how to get it.

    Parameters
    ----------
    extra : str
        As in ``pip install "skdecaf[<extra>]"``.
    purpose : str
        What needs it; the beginning of a sentence.

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
