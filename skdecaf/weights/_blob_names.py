"""Blobs (outputs of layers) by name: from the ``layer`` parameter to names, columns and blocks of columns."""

# SPDX-License-Identifier: BSD-3-Clause
import re
from numbers import Integral

import numpy as np

_NUMBERED = {5: "pool5", 6: "fc6", 7: "fc7", 8: "fc8"}
_PAPER_NAMES = {"pool5": "decaf5", "fc6": "decaf6", "fc7": "decaf7"}
_DECAF_RELEASE_SUFFIX = "_cudanet_out"


def resolve_blobs(layer, network):
    """Names of the blobs that ``layer`` asks for, in its order.

    Parameters
    ----------
    layer : int, str, or list or tuple of them
        5, 6, 7, 8 (pool5, fc6, fc7, fc8), a blob's name, "decaf5" to "decaf7", or a name of the DeCAF release such
        as "fc6_cudanet_out" (before the ReLU) and "fc6_neuron_cudanet_out" (after it).
    network : Network

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        If the network has no such blob; the message lists those that it has.
    """
    layers = list(layer) if isinstance(layer, (list, tuple)) else [layer]
    if not layers:
        raise ValueError("layer is an empty list; name at least one layer")
    blobs = [_resolve_blob(one, network.blob_shapes) for one in layers]
    for blob in blobs:
        if blobs.count(blob) > 1:
            raise ValueError(f"layer={layer!r} asks for {blob!r} twice")
    return blobs


def _resolve_blob(layer, known):
    if isinstance(layer, Integral) and not isinstance(layer, bool):
        name = _NUMBERED.get(int(layer))
    else:
        name = _modern_name(layer, known) if isinstance(layer, str) else None
    if name not in known:
        numbers = [str(number) for number, blob in _NUMBERED.items() if blob in known]
        choice = ", ".join([*numbers, *known])
        raise ValueError(f"there is no layer {layer!r}; ask for one of {choice}, or a list of them")
    return name


def _modern_name(name, known):
    """Translate a name of the paper or of the DeCAF release; other names stay."""
    for blob, paper_name in _PAPER_NAMES.items():
        if name == paper_name:
            return blob
    if name == "_decaf_fc6_flatten_out":
        return "pool5"
    if not name.endswith(_DECAF_RELEASE_SUFFIX):
        return name
    name = name.removesuffix(_DECAF_RELEASE_SUFFIX)
    name = {"probs": "prob"}.get(name, name).replace("rnorm", "norm")
    rectified = re.sub("(_neuron|dropout)$", "", name)
    if f"{rectified}_pre" in known:
        return f"{name}_pre" if name == rectified else rectified
    return name


def split_blobs(features, sizes):
    """Split the last axis of an array that holds blobs of these sizes side by side."""
    return np.split(features, np.cumsum(sizes)[:-1], axis=-1)


def column_names(blob, size):
    """Names of a blob's columns, zero-padded so that they sort: "decaf6_0000" …"""
    digits = max(4, len(str(size - 1)))
    prefix = _PAPER_NAMES.get(blob, blob)
    return [f"{prefix}_{i:0{digits}d}" for i in range(size)]
