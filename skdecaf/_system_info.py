"""What runs here: versions, processor, kernels, BLAS, weights and memory."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import platform
from importlib.metadata import version

import joblib
import numpy as np
import threadpoolctl

from skdecaf import _kernels
from skdecaf._decaf import DeCAFTransformer
from skdecaf._forward import plan_forward_pass
from skdecaf._threads import resolve_n_jobs
from skdecaf.weights import resolve_network
from skdecaf.weights.resolving import files_behind

_PACKAGES = ("skdecaf", "numpy", "scipy", "scikit-learn", "pillow", "joblib", "threadpoolctl", "safetensors", "skops")


def system_info(weights="mini", precision="float32", layer=6):
    """Describe the installation, the machine and a network, which is loaded and run once.

    Parameters
    ----------
    weights, precision, layer
        As for `DeCAFTransformer`.

    Returns
    -------
    dict of dict
        "versions", "processor", "kernels", "blas", "weights" and "memory" (in bytes), of values that JSON has.
    """
    network = resolve_network(weights, precision=precision)
    transformer = DeCAFTransformer(layer, dropout=False, weights=network)
    transformer.fit_transform([np.zeros((64, 64), np.uint8)])
    return {
        **machine_info(),
        "weights": {
            "name": network.name,
            "parameters": network.n_parameters,
            "file_bytes": sum(os.path.getsize(path) for path in files_behind(weights)),
            "fingerprint": network.fingerprint,
            "classes": len(network.labels),
            "blobs": {name: int(np.prod(shape)) for name, shape in network.blob_shapes.items()},
        },
        "memory": {
            "weights_bytes": sum(array.nbytes for array in network.arrays.values()),
            "layers_in_use_bytes": plan_forward_pass(network, transformer.blobs_).nbytes,
            "peak_of_process_bytes": _peak_memory(),
        },
    }


def machine_info():
    """Describe the installation and the machine: the sections "versions" to "blas" of `system_info`."""
    return {
        "versions": {"python": platform.python_version(), **{package: version(package) for package in _PACKAGES}},
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


def _peak_memory():
    """Bytes of the process at its largest, or None where the system does not tell."""
    try:
        import resource
    except ImportError:  # not a POSIX system
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024
