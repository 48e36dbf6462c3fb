"""What decides the last bits of a blob."""

# SPDX-License-Identifier: BSD-3-Clause
import hashlib
from functools import cache
from importlib.metadata import version

import numpy as np

from skdecaf import _kernels
from skdecaf._forward.products import ROW_GROUP
from skdecaf._utils.threads import single_blas_thread

# Raise it with every change that gives some blob other bits: features that were stored before are then computed anew.
_ALGORITHM = 4


@cache
def arithmetic():
    """Name all that decides the last bits of a blob, but the network and the pixels.

    Returns
    -------
    str
        Versions, kernels, and the digest of a product, which tells one kind of BLAS kernels from another.
    """
    values = np.random.default_rng(0).standard_normal((76, 9216), np.float32)
    with single_blas_thread():
        product = values[:ROW_GROUP] @ values[ROW_GROUP:].T
    versions = [f"{package} {version(package)}" for package in ("skdecaf", "numpy", "scipy")]
    return f"{versions}, {_ALGORITHM}, {_kernels.instruction_set}, {hashlib.sha256(product).hexdigest()}"
