"""Versions, processor, kernels, BLAS, weights and memory, for ``skdecaf info``."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import platform

import numpy as np

from skdecaf._decaf import DeCAFTransformer
from skdecaf._forward import plan_forward_pass
from skdecaf._utils.machine import machine_info
from skdecaf.weights import resolve_network
from skdecaf.weights._resolving import locate_files


def system_info(weights="mini", precision="float32", layer=6):
    """Describe the installation, the machine and a network, which is loaded and run once.

    Parameters
    ----------
    weights, precision, layer
        As for `DeCAFTransformer`.

    Returns
    -------
    dict of dict
        "versions", "processor", "kernels", "blas", "weights" and "memory" (in bytes), with JSON values.
    """
    network = resolve_network(weights, precision=precision)
    transformer = DeCAFTransformer(layer, dropout=False, weights=network)
    transformer.fit_transform([np.zeros((64, 64), np.uint8)])
    return {
        **machine_info(),
        "weights": {
            "name": network.name,
            "parameters": network.n_parameters,
            "file_bytes": sum(os.path.getsize(path) for path in locate_files(weights)),
            "fingerprint": network.fingerprint,
            "classes": len(network.labels),
            "blobs": network.blob_sizes,
        },
        "memory": {
            "weights_bytes": sum(network.arrays.stored(name).nbytes for name in network.arrays),
            "layers_in_use_bytes": plan_forward_pass(network, transformer.blobs_).nbytes,
            "peak_of_process_bytes": _peak_memory(),
        },
    }


def _peak_memory():
    """Largest memory of the process in bytes, or None if the system does not tell."""
    try:
        import resource
    except ImportError:  # not a POSIX system
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024
