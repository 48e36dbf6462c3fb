"""What the benchmarks print: a page of Markdown, and the same figures as JSON."""

# SPDX-License-Identifier: BSD-3-Clause
import json
import sys
from pathlib import Path
from statistics import median

from machine import describe_machine

from skdecaf.weights import resolve_network
from skdecaf.weights._blob_names import resolve_blobs


def say(line):
    """Print a line on the progress to the standard error."""
    print(line, file=sys.stderr, flush=True)


def describe(options):
    """Return the sections "machine" and "network" of a report, for parsed options."""
    network = resolve_network(options.weights, 0)
    (blob,) = resolve_blobs([options.layer], network)
    description = {
        "name": network.name,
        "weights": str(options.weights),
        "precision": options.precision,
        "blob": blob,
        "input": " × ".join(map(str, network.preprocessing.crop)),
        "parameters": network.n_parameters,
    }
    return {"machine": describe_machine(), "network": description}


def finish(report, options):
    """Print a report, and write it to a file if that was asked for."""
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=1), encoding="utf-8")
    print(to_markdown(report), end="")


def to_markdown(report):
    """Make a page of a report: "machine", "network" and any of "layers", "throughput", "files" and "memory"."""
    parts = [_machine(report["machine"]), _network(report["network"])]
    parts += [_layers(times) for times in report.get("layers", ())]
    for part, heading in (("throughput", "Images in memory"), ("files", "Photos in files")):
        parts += [_throughput(heading, report[part])] if part in report else []
    parts += [_memory(report["memory"])] if "memory" in report else []
    return "\n\n".join(parts) + "\n"


def group_by_kind(records):
    """Sum times of layers by their kind, the largest first; fused layers count as their first layer."""
    kinds = {record["kind"]: {"kind": record["kind"], "seconds": 0.0, "share": 0.0} for record in records}
    for record in records:
        for key in ("seconds", "share"):
            kinds[record["kind"]][key] += record[key]
    return sorted(kinds.values(), key=lambda kind: -kind["seconds"])


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
        f"A matrix product reaches {times['product_gflops']:.0f} GFLOP/s here."
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
        return f"{heading}\n\nThis system does not report it."
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
