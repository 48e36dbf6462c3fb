"""Description of the machine and the installation: versions, processor, kernels and BLAS."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

import joblib
import threadpoolctl

from skdecaf import _kernels
from skdecaf._utils.threads import resolve_n_jobs

_PACKAGES = ("skdecaf", "numpy", "scipy", "scikit-learn", "pillow", "joblib", "threadpoolctl", "safetensors", "skops")


def machine_info():
    """Describe the installation and the machine: the sections "versions", "processor", "kernels" and "blas"."""
    return {
        "versions": {"python": platform.python_version(), **_versions()},
        "processor": {
            "name": _processor_name(),
            "system": platform.platform(),
            "processors": os.cpu_count(),
            "usable": joblib.cpu_count(),
            "threads": resolve_n_jobs(None),
        },
        "kernels": {"in_use": _kernels.instruction_set, "supported": _kernels.supported()},
        "blas": _blas(),
    }


def _versions():
    """The version of each package that is installed; extras may not be."""
    found = {}
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _processor_name():
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def _blas():
    kept = ("internal_api", "version", "architecture", "num_threads")
    libraries = threadpoolctl.ThreadpoolController().select(user_api="blas").info()
    return [{key: library.get(key) for key in kept} for library in libraries]
