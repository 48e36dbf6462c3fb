"""Measure where the time goes: every step of the forward pass, on one thread.

    python benchmarks/layers.py --weights random
    python benchmarks/layers.py --each-instruction-set --plot layers.png

The paper (Donahue et al., ICML 2014, section 3.3 and figure 3) breaks the time down in the same way.
"""

# SPDX-License-Identifier: BSD-3-Clause
import time

import numpy as np
from machine import product_speed
from options import add_rounds, make_parser, positive
from photos import random_images
from report import describe, finish, say
from worker import start_worker

from skdecaf._forward import plan_forward_pass
from skdecaf.weights import resolve_network
from skdecaf.weights._blob_names import resolve_blobs
from skdecaf.weights._layers import layer_to_dict, multiply_adds


def time_layers(weights="mini", layer=6, *, precision="float32", batch_size=64, rounds=5):
    """Time each step of the forward pass, on one thread.

    Parameters
    ----------
    weights : str, PathLike or Network, default="mini"
        As for `skdecaf.DeCAFTransformer`.
    layer : int, str or list of them, default=6
        Nothing above it is computed.
    precision : {"float32", "compact"}, default="float32"
        As for `skdecaf.DeCAFTransformer`.
    batch_size : int, default=64
        How many images are computed together.
    rounds : int, default=5
        The times are medians over them.

    Returns
    -------
    dict
        "records" has a dict for each step: its "name", such as ``"conv3"``, or ``"conv1+pool1"`` for layers
        that are fused; its "kind", that of the first of them; "seconds" for one image and their "share"
        of all; "multiply_adds" for one image as the layers are defined, "gflops" (those, as two operations
        each, in 1e9 a second) and "of_product_speed" (their share of the speed of a matrix product on this machine),
        the last three None for a step without any. The dict also has "batch_size", "product_gflops" of this machine,
        and the sums "seconds", "multiply_adds", "gflops" and "of_product_speed".

    Notes
    -----
    Time is the CPU time of the thread, which does not grow when other programs run. Algorithms with fewer
    multiplications than the definition may exceed the speed of matrix products.
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
        _record(forward.fused.get(blob, (blob,)), time, total, costs, kinds, speed) for blob, time in seconds.items()
    ]
    return {
        "batch_size": batch_size,
        "seconds": total,
        **_speed(sum(record["multiply_adds"] or 0 for record in records), total, speed),
        "product_gflops": speed,
        "records": records,
    }


def _observe(forward, images):
    """Return the seconds of each step in one run, by name."""
    times, last = {}, time.thread_time()

    def observe(name):
        nonlocal last
        now = time.thread_time()
        times[name], last = times.get(name, 0.0) + now - last, now

    forward.run(images, observe=observe)
    return times


def _kinds(layers):
    """Map the name of each layer to its kind, in words."""
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
    """Return multiply-adds, GFLOP/s and their share of a product's; None for a step without multiplications."""
    gflops = 2e-9 * cost / seconds if cost and seconds else None
    of_product_speed = gflops and gflops / product_speed
    return {"multiply_adds": cost or None, "gflops": gflops, "of_product_speed": of_product_speed}


def _time_layers_with(instruction_set, weights, layer, precision, batch_size, rounds):
    """Time the kernels of one instruction set, in a process of its own."""
    with start_worker({"SKDECAF_CPU": instruction_set}) as worker:
        options = {"layer": layer, "precision": precision, "batch_size": batch_size, "rounds": rounds}
        return {"instruction_set": instruction_set, **worker.call("time_layers", weights=str(weights), **options)}


def _plot(report, path):
    from layer_timing_display import LayerTimingDisplay

    times = report["layers"][0]
    title = f"{report['network']['name']}, one of {times['batch_size']} images, {times['instruction_set']}"
    LayerTimingDisplay.from_timings(times["records"], title=title).figure_.savefig(path, bbox_inches="tight")


def main(arguments=None):
    """Parse the arguments, measure and print."""
    parser = make_parser(__doc__)
    add_rounds(parser)
    parser.add_argument("--batch-size", type=positive, default=64, metavar="N", help="images at a time (default: 64)")
    parser.add_argument(
        "--each-instruction-set", action="store_true", help="time the kernels of all instruction sets of the processor"
    )
    parser.add_argument("--plot", metavar="FILE.png", help="draw the times")
    options = parser.parse_args(arguments)
    report = describe(options)
    kernels = report["machine"]["kernels"]
    sets = kernels["supported"] if options.each_instruction_set else [kernels["in_use"]]
    say(f"timing layers, kernels: {', '.join(sets)}")
    names = ("weights", "layer", "precision", "batch_size", "rounds")
    given = {name: getattr(options, name) for name in names}
    report["layers"] = [_time_layers_with(each, **given) for each in sets]
    if options.plot:
        _plot(report, options.plot)
    finish(report, options)


if __name__ == "__main__":
    main()
