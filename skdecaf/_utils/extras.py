"""Optional dependencies, each with the extra that installs it."""

# SPDX-License-Identifier: BSD-3-Clause
from importlib import import_module

# Extra -> module: package. An extra's first module is the one that is meant where none is named.
_PACKAGES = {
    "baselines": {"cv2": "opencv-python-headless", "skimage.feature": "scikit-image"},
    "caffe": {"google.protobuf": "protobuf"},
    "cli": {"skops.io": "skops"},
    "completion": {"shtab": "shtab"},
    "demo": {"starlette": "starlette"},
    "onnx": {"onnx": "onnx"},
    "parquet": {"pyarrow": "pyarrow"},
    "plot": {"matplotlib.pyplot": "matplotlib"},
    "remote": {"fsspec": "fsspec"},
    "torch": {"torch": "torch"},
    "train": {"torch": "torch"},
    "zarr": {"zarr": "zarr"},
}


def require(extra, purpose, module=None):
    """Import the package of an extra, or say how to install it.

    Parameters
    ----------
    extra : str
        As in ``pip install "skdecaf[<extra>]"``.
    purpose : str
        What needs the package; the subject of the error message.
    module : str, default=None
        Which module, if the extra has several; None is the first.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If the package is not installed.
    """
    packages = _PACKAGES[extra]
    module = module or next(iter(packages))
    package = packages[module]
    try:
        return import_module(module)
    except ImportError:
        raise ImportError(f'{purpose} needs the package {package}; run pip install "skdecaf[{extra}]"') from None
