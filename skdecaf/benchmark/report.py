"""Everything that is measured, as data and as a page of text."""

# SPDX-License-Identifier: BSD-3-Clause
from statistics import median

from skdecaf._utils.threads import resolve_n_jobs
from skdecaf.benchmark.layers import group_by_kind
from skdecaf.benchmark.machine import describe_machine
from skdecaf.benchmark.memory import peak_memory
from skdecaf.benchmark.photos import check_photos
from skdecaf.benchmark.throughput import check_peers, measure_throughput
from skdecaf.benchmark.worker import start_worker
from skdecaf.weights import resolve_network
from skdecaf.weights.blob_names import resolve_blobs

PARTS = ("layers", "throughput", "files", "memory")


def run_benchmark(
    weights="mini",
    layer=6,
    *,
    precision="float32",
    parts=PARTS,
    against=(),
    threads=None,
    batch_sizes=(1, 8, 64),
    files=None,
    rounds=5,
    n_files=1000,
    each_instruction_set=False,
    notify=None,
):
    """Measure how fast the network is here.

    Parameters
    ----------
    weights : str or PathLike, default="mini"
        As for `skdecaf.DeCAFTransformer`; ``"random"`` is CaffeNet with random filters.
    layer : int or str, default=6
        What is computed.
    precision : {"float32", "compact"}, default="float32"
        As for `skdecaf.DeCAFTransformer`.
    parts : sequence of {"layers", "throughput", "files", "memory"}, by default all
        What is measured: times of layers, images a second from memory and from files, and memory.
    against : sequence of {"onnxruntime", "openvino", "torch", "opencv"}, default=()
        Other engines for "throughput" and "files".
    threads : sequence of int, optional
        Numbers of threads to try; by default as many as may be used. Memory is measured with the largest.
    batch_sizes : sequence of int, default=(1, 8, 64)
        Numbers of images in memory that are computed at a time. Layers and memory are measured with the largest.
    files : sequence of str, optional
        Photos for "files", in place of those that are made.
    rounds : int, default=5
        Medians over them count.
    n_files : int, default=1000
        For "memory", how many photos are transformed.
    each_instruction_set : bool, default=False
        Whether layers are timed with the kernels of every instruction set that the processor has.
    notify : callable, optional
        Called with a line of text when a measurement begins or something is left out; printed by default.

    Returns
    -------
    dict
        Of plain values, as JSON has them: "machine", "network", and what was asked for of "layers", "throughput",
        "files" and "memory". `to_markdown` makes a page of it.

    Raises
    ------
    ValueError
        Where a part, an engine or a layer has no such name, or a file is no photo; before anything is measured.

    Examples
    --------
    >>> from skdecaf.benchmark import run_benchmark, to_markdown
    >>> print(to_markdown(run_benchmark("random", against=["openvino"])))  # doctest: +SKIP
    """
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        raise ValueError(f"there is no part {unknown[0]!r} to measure; there are {', '.join(PARTS)}")
    check_peers(against)
    check_photos(files)
    network, largest = resolve_network(weights, 0), max(batch_sizes)
    threads = list(threads or [resolve_n_jobs(None)])
    notify = notify or print
    engines = {"precision": precision, "against": against, "threads": threads, "rounds": rounds, "notify": notify}
    found = {"machine": describe_machine(), "network": _describe(network, weights, layer, precision)}
    if "layers" in parts:
        kernels = found["machine"]["kernels"]
        sets = kernels["supported"] if each_instruction_set else [kernels["in_use"]]
        notify(f"timing layers, kernels: {', '.join(sets)}")
        found["layers"] = [_layers_with(each, weights, layer, precision, largest, rounds) for each in sets]
    if "throughput" in parts:
        found["throughput"] = measure_throughput(network, layer, batch_sizes=batch_sizes, sizes=(), **engines)
    if "files" in parts:
        found["files"] = measure_throughput(network, layer, batch_sizes=(), files=files, **engines)
    if "memory" in parts:
        options = {"precision": precision, "n_files": n_files, "threads": max(threads), "batch_size": largest}
        notify(f"measuring the memory that transforming {n_files} photos takes")
        found["memory"] = {**peak_memory(weights, layer, **options), **options}
    return found


def to_markdown(report):
    """Make a page of what `run_benchmark` returned.

    Parameters
    ----------
    report : dict

    Returns
    -------
    str
        Markdown.
    """
    parts = [_machine(report["machine"]), _network(report["network"])]
    parts += [_layers(times) for times in report.get("layers", ())]
    for part, heading in (("throughput", "Images in memory"), ("files", "Photos in files")):
        parts += [_throughput(heading, report[part])] if part in report else []
    parts += [_memory(report["memory"])] if "memory" in report else []
    return "\n\n".join(parts) + "\n"


def _describe(network, weights, layer, precision):
    (blob,) = resolve_blobs([layer], network)
    size = " × ".join(map(str, network.preprocessing.crop))
    return {
        "name": network.name,
        "weights": str(weights),
        "precision": precision,
        "blob": blob,
        "input": size,
        "parameters": network.n_parameters,
    }


def _layers_with(instruction_set, weights, layer, precision, batch_size, rounds):
    with start_worker({"SKDECAF_CPU": instruction_set}) as worker:
        options = {"layer": layer, "precision": precision, "batch_size": batch_size, "rounds": rounds}
        return {"instruction_set": instruction_set, **worker.call("time_layers", weights=str(weights), **options)}


def _machine(machine):
    processor, kernels = machine["processor"], machine["kernels"]["in_use"]
    blas = ", ".join(f"{one['internal_api']} {one['version']} ({one['architecture']})" for one in machine["blas"])
    lines = [
        f"# skdecaf {machine['versions']['skdecaf']} on {processor['name']}",
        f"{processor['usable']} of {processor['processors']} processors usable; kernels: {kernels}; BLAS: {blas}; "
        f"NumPy {machine['versions']['numpy']}, Python {machine['versions']['python']}, {processor['system']}.",
        *(f"**{warning}**" for warning in machine["warnings"]),
    ]
    return "\n\n".join(lines)


def _network(network):
    return (
        f"Network {network['name']} ({network['weights']}), {network['parameters'] / 1e6:.1f} million parameters, "
        f"{network['input']} pixels, to {network['blob']}, precision {network['precision']}."
    )


def _layers(times):
    heading = (
        f"## Layers, one thread, {times['batch_size']} images together, kernels: {times['instruction_set']}\n\n"
        f"A product of matrices reaches {times['product_gflops']:.0f} GFLOP/s here."
    )
    whole = {**times, "name": "all", "share": 1}
    rows = [
        [
            record["name"],
            f"{record['seconds'] * 1e6:.0f}",
            f"{record['share']:.1%}",
            *_speed(record),
        ]
        for record in (*times["records"], whole)
    ]
    kinds = [
        [kind["kind"], f"{kind['seconds'] * 1e6:.0f}", f"{kind['share']:.1%}"]
        for kind in group_by_kind(times["records"])
    ]
    columns = ["step", "µs an image", "share", "million multiply-adds", "GFLOP/s", "of a product's speed"]
    return "\n\n".join([heading, _table(columns, rows), _table(["kind", "µs an image", "share"], kinds)])


def _speed(record):
    if record["gflops"] is None:
        return ["", "", ""]
    return [f"{record['multiply_adds'] / 1e6:.1f}", f"{record['gflops']:.0f}", f"{record['of_product_speed']:.0%}"]


def _throughput(heading, records):
    columns = [
        "source",
        "threads",
        "batch",
        "engine",
        "images/s",
        "slowest to fastest",
        "ms an image",
        "CPU ms an image",
    ]
    columns += ["skdecaf is … times as fast", "largest error"]
    rows = [
        [
            record["source"],
            str(record["threads"]),
            str(record["batch_size"]),
            f"{record['engine']} {record['version']}",
            f"{record['images_per_second']:.1f}",
            f"{record['slowest']:.1f} to {record['fastest']:.1f}",
            f"{1e3 / record['images_per_second']:.2f}",
            f"{1e3 * median(record['cpu_seconds']):.2f}",
            "" if record["engine"] == "skdecaf" else f"{record['times_as_fast']:.2f}",
            "" if record["engine"] == "skdecaf" else f"{record['largest_error']:.0e}",
        ]
        for record in records
    ]
    settings = dict.fromkeys(f"{record['engine']}: {record['settings']}" for record in records)
    return "\n\n".join([f"## {heading}", _table(columns, rows), "\n".join(f"- {line}" for line in settings)])


def _memory(memory):
    heading = f"## Memory, {memory['n_files']} photos, {memory['threads']} threads, batches of {memory['batch_size']}"
    if memory["above"] is None:
        return f"{heading}\n\nThis system does not tell."
    rows = [
        [label, f"{memory[key] / 1e6:.0f}"]
        for key, label in (
            ("loaded", "with the network loaded"),
            ("result", "the returned array"),
            ("peak", "at the peak"),
            ("above", "the peak above both"),
        )
    ]
    return f"{heading}\n\n{_table(['memory', 'MB'], rows)}"


def _table(columns, rows):
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
