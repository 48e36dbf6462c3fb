"""Where the time goes: every step of the forward pass, on one thread."""

# SPDX-License-Identifier: BSD-3-Clause
import time

import numpy as np

from skdecaf._forward import plan_forward_pass
from skdecaf.benchmark.machine import product_speed
from skdecaf.weights import resolve_network
from skdecaf.weights.blob_names import resolve_blobs
from skdecaf.weights.layers import layer_to_dict, multiply_adds


def time_layers(weights="mini", layer=6, *, precision="float32", batch_size=64, rounds=5):
    """Time each step of the forward pass, on one thread.

    Parameters
    ----------
    weights : str, PathLike or Network, default="mini"
        As for `skdecaf.DeCAFTransformer`.
    layer : int, str or list of them, default=6
        Nothing beyond is computed.
    precision : {"float32", "compact"}, default="float32"
        As for `skdecaf.DeCAFTransformer`.
    batch_size : int, default=64
        How many images go through together.
    rounds : int, default=5
        Medians over them count.

    Returns
    -------
    dict
        "records" has a dict for each step: its "name", such as ``"conv3"``, or ``"conv1+pool1+norm1"`` where several
        layers are done in one sweep; its "kind", that of the first of them; "seconds" for one image and their "share"
        of all; "multiply_adds" for one image as the layers are defined, "gflops" (those, as two operations
        each, in 1e9 a second) and "of_product_speed" (their share of what a product of matrices reaches here), the
        last three None for a step without any. Besides it has "batch_size", "product_gflops" of this machine, and of
        all steps "seconds", "multiply_adds", "gflops" and "of_product_speed".

    Notes
    -----
    Time is the processor's for the thread, which on a quiet machine is that of the clock, and does not grow where
    others are at work. Algorithms with fewer multiplications than the definition may exceed the speed of products. The
    paper (Donahue et al., ICML 2014, section 3.3 and figure 3) breaks the time down in the same way.

    Examples
    --------
    >>> from skdecaf.benchmark import time_layers
    >>> times = time_layers("mini", layer=5, batch_size=2, rounds=1)
    >>> times["records"][0]["name"]
    'input'
    """
    network = resolve_network(weights, 0, precision)
    forward, images = plan_forward_pass(network, resolve_blobs(layer, network)), random_images(network, batch_size)
    forward.run(images)
    speeds, observed = [], []
    for _ in range(rounds):
        speeds.append(product_speed(repeats=1))
        observed.append(_observe(forward, images))
    seconds = {blob: float(np.median([times[blob] for times in observed])) / batch_size for blob in observed[0]}
    costs, kinds = multiply_adds(network.layers, network.input_shape), _kinds(network.layers)
    speed, total = float(np.median(speeds)), sum(seconds.values())
    records = [
        _record(forward.sweeps.get(blob, (blob,)), time, total, costs, kinds, speed) for blob, time in seconds.items()
    ]
    return {
        "batch_size": batch_size,
        "seconds": total,
        **_speed(sum(record["multiply_adds"] or 0 for record in records), total, speed),
        "product_gflops": speed,
        "records": records,
    }


def group_by_kind(records):
    """Sum the times of layers by their kind, as the paper's figure 3 does; a sweep counts as its convolution.

    Parameters
    ----------
    records : list of dict
        Of `time_layers`.

    Returns
    -------
    list of dict
        "kind", "seconds" and "share", the largest first.

    Examples
    --------
    >>> from skdecaf.benchmark import group_by_kind
    >>> conv = {"name": "conv1", "kind": "convolution", "seconds": 3.0, "share": 0.75}
    >>> pool = {"name": "pool1", "kind": "pooling", "seconds": 1.0, "share": 0.25}
    >>> [kind["share"] for kind in group_by_kind([pool, conv])]
    [0.75, 0.25]
    """
    kinds = {record["kind"]: {"kind": record["kind"], "seconds": 0.0, "share": 0.0} for record in records}
    for record in records:
        for key in ("seconds", "share"):
            kinds[record["kind"]][key] += record[key]
    return sorted(kinds.values(), key=lambda kind: -kind["seconds"])


def random_images(network, n):
    """Make n images of random pixels, of the size that the network reads."""
    return np.random.default_rng(0).integers(0, 256, (n, *network.preprocessing.crop, 3), dtype=np.uint8)


def _observe(forward, images):
    """Seconds of each step in one run, by name."""
    times, last = {}, time.thread_time()

    def observe(name):
        nonlocal last
        now = time.thread_time()
        times[name], last = times.get(name, 0.0) + now - last, now

    forward.run(images, observe=observe)
    return times


def _kinds(layers):
    """Name of each layer -> what it does, in words."""
    words = {"max_pool": "pooling", "response_norm": "normalisation"}
    types = {layer.name: layer_to_dict(layer)["type"] for layer in layers}
    return {name: words.get(kind, kind.replace("_", " ")) for name, kind in types.items()}


def _record(blobs, seconds, total, costs, kinds, speed):
    layers = [blob.removesuffix("_pre") for blob in blobs]
    return {
        "name": "+".join(blobs),
        "kind": kinds.get(layers[0], "moving data"),
        "seconds": seconds,
        "share": seconds / total if total else 0.0,
        **_speed(sum(costs.get(layer, 0) for layer in layers), seconds, speed),
    }


def _speed(cost, seconds, product_speed):
    """Multiply-adds, GFLOP/s and their share of a product's; None where nothing is multiplied."""
    gflops = 2e-9 * cost / seconds if cost and seconds else None
    of_product_speed = gflops and gflops / product_speed
    return {"multiply_adds": cost or None, "gflops": gflops, "of_product_speed": of_product_speed}
