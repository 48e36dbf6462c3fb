"""Versions and CPU features that determine the last bits of a blob."""

# SPDX-License-Identifier: BSD-3-Clause
import platform
from functools import cache
from importlib.metadata import version

from skdecaf import _kernels

# Raise it with every change that gives some blob other bits: features that were stored before are then computed anew.
_ALGORITHM = 5


@cache
def numerics_version():
    """Name all that decides the last bits of a blob, but the network and the pixels.

    Returns
    -------
    str
        Versions, and the kind of arithmetic: kernels for AVX2 and for AVX-512 give the same bits, since both have fused
        multiply-adds.
    """
    versions = [f"{package} {version(package)}" for package in ("skdecaf", "numpy", "scipy")]
    fused = _kernels.instruction_set in ("avx2", "avx512")
    kind = "fused multiply-adds" if fused else f"{_kernels.instruction_set}, {platform.machine()}"
    return f"{versions}, {_ALGORITHM}, {kind}"
