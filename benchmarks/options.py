"""Command-line options that the benchmarks share."""

# SPDX-License-Identifier: BSD-3-Clause
import argparse

from engines import ENGINES

from skdecaf._utils.threads import resolve_n_jobs

PEERS = tuple(name for name in ENGINES if name != "skdecaf")


def make_parser(description):
    """Make a parser with the options of every benchmark: the network, the layer, and where the figures go."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--weights",
        default="mini",
        help='a name or a file, as for DeCAFTransformer; "random" is CaffeNet with random filters (default: mini)',
    )
    parser.add_argument("--layer", type=_layer, default=6, help="5, 6, 7, 8 or the name of a blob (default: 6)")
    parser.add_argument(
        "--precision", choices=("float32", "compact"), default="float32", help="of skdecaf (default: float32)"
    )
    parser.add_argument("--json", metavar="FILE", help="write all figures to a file as well")
    return parser


def add_comparison(parser):
    """Add the options of benchmarks that time several engines in turn."""
    parser.add_argument(
        "--against", type=engine_names, default=(), metavar="ENGINES", help=f"other engines: {','.join(PEERS)}"
    )
    parser.add_argument(
        "--threads",
        type=numbers,
        default=[resolve_n_jobs(None)],
        metavar="N,…",
        help="numbers of threads to try (default: all)",
    )
    add_rounds(parser)


def add_rounds(parser):
    """Add the number of rounds."""
    parser.add_argument("--rounds", type=positive, default=5, metavar="N", help="medians of N (default: 5)")


def positive(text):
    """Read a number above 0."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def numbers(text):
    """Read numbers above 0, with commas between them."""
    return [positive(number) for number in text.split(",")]


def engine_names(text):
    """Read names of other engines, with commas between them."""
    names = text.split(",")
    for name in names:
        if name not in PEERS:
            raise argparse.ArgumentTypeError(
                f"there is no engine {name!r} to compare with; there are {', '.join(PEERS)}"
            )
    return names


def _layer(text):
    return int(text) if text in ("5", "6", "7", "8") else text
