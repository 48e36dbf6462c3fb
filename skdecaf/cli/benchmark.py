"""``skdecaf benchmark``: how fast the network is here."""

# SPDX-License-Identifier: BSD-3-Clause
import argparse
import os

from skdecaf.cli import _options

_DESCRIPTION = """\
Measure how fast the network is here. Printed, as Markdown, are the times of layers on
one thread, images a second from memory and from files, and the memory that a long run
takes. Close what else runs, and compare figures of one run only.

--against takes other engines in, with the same network, images and number of threads:
onnxruntime, openvino, torch, opencv (pip install "skdecaf[bench]"). Each has a process
of its own, and they take turns.
"""
_EXAMPLES = """\
  skdecaf benchmark
  skdecaf benchmark --weights random --against openvino,onnxruntime --json speed.json
  skdecaf benchmark --parts layers --plot layers.png --each-instruction-set
"""
_PARTS = ("layers", "throughput", "files", "memory")
_ENGINES = ("onnxruntime", "openvino", "torch", "opencv")

# Option -> the parts that it counts for, where it does not count for all.
_PARTS_OF = {
    "against": ("throughput", "files"),
    "threads": ("throughput", "files", "memory"),
    "batch_sizes": ("layers", "throughput", "memory"),
    "files": ("files",),
    "rounds": ("layers", "throughput", "files"),
    "n_files": ("memory",),
    "each_instruction_set": ("layers",),
    "plot": ("layers",),
}


def add_parser(commands):
    """Add the command."""
    parser = _options.add_command(commands, "benchmark", run, _DESCRIPTION, _EXAMPLES)
    _options.add_weights(parser)
    _options.add_precision(parser)
    parser.add_argument(
        "--layer", type=_options.layer, default=6, help="what is computed, such as 5, 7 or prob (default: 6)"
    )
    parser.add_argument(
        "--parts",
        type=_names_among(_PARTS),
        default=_PARTS,
        help="what is measured (default: " + ",".join(_PARTS) + ")",
    )
    parser.add_argument("--against", type=_names_among(_ENGINES), metavar="ENGINES", help="other engines")
    parser.add_argument("--threads", type=_numbers, metavar="N,…", help="numbers of threads to try (default: all)")
    parser.add_argument(
        "--batch-sizes", type=_numbers, metavar="N,…", help="images in memory at a time (default: 1,8,64)"
    )
    parser.add_argument("--files", metavar="FOLDER", help="your photos, in place of those that are made")
    parser.add_argument("--rounds", type=_options.positive, metavar="N", help="medians of N (default: 5)")
    parser.add_argument(
        "--n-files", type=_options.positive, metavar="N", help="photos to measure memory (default: 1000)"
    )
    parser.add_argument(
        "--each-instruction-set", action="store_true", help="time layers with all kernels that the processor has"
    )
    parser.add_argument(
        "--plot", type=_options.output_file((".png",)), metavar="FILE.png", help="draw the times of layers"
    )
    parser.add_argument("--json", type=_options.output_file((".json",)), metavar="FILE.json", help="write all figures")
    parser.add_argument(
        "-o", "--output", type=_options.output_file((".md",)), metavar="FILE.md", help="write instead of printing"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")


def run(options):
    """Run the command."""
    import json
    from pathlib import Path

    from skdecaf.benchmark import run_benchmark, to_markdown
    from skdecaf.cli._photos import find_photos

    _check_parts(options)
    _check_outputs(options)
    names = ("precision", "against", "threads", "batch_sizes", "rounds", "n_files", "each_instruction_set")
    given = {name: getattr(options, name) for name in names if getattr(options, name)}
    if options.files:
        given["files"] = find_photos([options.files])
    report = run_benchmark(options.weights, options.layer, parts=options.parts, notify=_options.complain, **given)
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=1), encoding="utf-8")
    if options.plot:
        _plot(report, options.plot)
    if options.output:
        Path(options.output).write_text(to_markdown(report), encoding="utf-8")
    else:
        print(to_markdown(report), end="")


def _check_parts(options):
    """Refuse options that would count for nothing, and a folder that is none."""
    for name, parts in _PARTS_OF.items():
        if getattr(options, name) and not set(parts) & set(options.parts):
            option = "--" + name.replace("_", "-")
            options.parser.error(f"--parts leaves out what {option} is for: {', '.join(parts)}")
    if options.files and not os.path.isdir(options.files):
        options.parser.error(f"--files {options.files!r} is no folder")


def _check_outputs(options):
    """Refuse what could not be written in the end, before it takes minutes to get there."""
    from skdecaf._utils.extras import require
    from skdecaf._utils.files import check_output

    if options.plot:
        require("plot", "--plot")
    for path in (options.json, options.plot, options.output):
        if path:
            check_output(path, options.overwrite)


def _plot(report, path):
    from skdecaf.plotting import LayerTimingDisplay

    times = report["layers"][0]
    title = f"{report['network']['name']}, one of {times['batch_size']} images, {times['instruction_set']}"
    LayerTimingDisplay.from_timings(times["records"], title=title).figure_.savefig(path, bbox_inches="tight")


def _names_among(known):
    """Make the type of an argument that lists names with commas."""

    def check(text):
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return names

    return check


def _numbers(text):
    return [_options.positive(number) for number in text.split(",")]
