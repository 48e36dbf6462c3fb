"""``skdecaf reproduce``: tables and figures of the paper, from photos that are here."""

# SPDX-License-Identifier: BSD-3-Clause
import argparse
import os

from skdecaf.cli import _options

_DESCRIPTION = """\
Compute tables and figures of the paper from photos that are here. Each is printed
with the paper's own figures beside it, and written into FOLDER as Markdown and
JSON, figures also as PNG and SVG.

WHAT is caltech101 (Figure 4), office (Table 1), cub (Table 2), sun397 (Table 3),
ilsvrc (Section 3.1, the network's own errors), or all of them. Features and
finished cells are kept in FOLDER, so the same command continues where it was
interrupted. A data set that is not here is left out, with the command that gets it.
"""
_EXAMPLES = """\
  skdecaf reproduce caltech101 --quick
  skdecaf reproduce caltech101 --weights caffenet --data ~/photos -o caffenet
  skdecaf reproduce all --data /media/usb/photos
"""
_SUBJECTS = ("caltech101", "office", "cub", "sun397", "ilsvrc")


def add_parser(commands):
    """Add the command."""
    parser = _options.add_command(commands, "reproduce", run, _DESCRIPTION, _EXAMPLES)
    parser.add_argument("subject", choices=(*_SUBJECTS, "all"), metavar="WHAT", help=", ".join((*_SUBJECTS, "all")))
    parser.add_argument(
        "--data",
        metavar="DIR",
        help="the photos: a folder that holds the data set in a layout in which it circulates (default: where "
        "skdecaf.datasets downloads to)",
    )
    _options.add_weights(parser)
    parser.add_argument("--quick", action="store_true", help="a small version: few classes, few splits, minutes")
    parser.add_argument(
        "-o",
        "--output",
        default="reproduced",
        metavar="FOLDER",
        help="for results and what is finished (default: reproduced)",
    )
    parser.add_argument(
        "--classes", type=lambda text: text.split(","), metavar="A,B,...", help="some classes only, by name"
    )
    parser.add_argument("--seed", type=_seed, default=0, metavar="N", help="of splits, masks and solvers (default: 0)")
    parser.add_argument(
        "--n-jobs",
        type=_options.parse_n_jobs,
        default=-1,
        metavar="N",
        help="processes and threads; -1 is one for each processor (default: -1)",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress bars")


def run(options):
    """Run the command."""
    from skdecaf._paper import MissingPhotos, reproduce

    if options.subject == "all" and options.classes:
        options.parser.error("--classes goes with one data set, not with all")
    if options.data is not None and not os.path.isdir(os.path.expanduser(options.data)):
        options.parser.error(f"--data {options.data!r} is no folder")
    subjects = _SUBJECTS if options.subject == "all" else (options.subject,)
    missing, broken = [], []
    for subject in subjects:
        tables = reproduce(
            subject,
            data_home=options.data,
            weights=options.weights,
            quick=options.quick,
            classes=options.classes,
            folder=options.output,
            random_state=options.seed,
            n_jobs=options.n_jobs,
            verbose=not options.quiet,
        )
        try:
            for table in tables:
                print(table.to_markdown(), end="\n\n", flush=True)
        except MissingPhotos as error:
            missing.append(subject)
            for line in str(error).splitlines():
                _options.complain(f"{subject}: {line}")
        except ValueError as error:  # one data set that is wrong does not cost the others
            if len(subjects) == 1:
                raise
            broken.append(subject)
            _options.complain(f"{subject}: {error}")
    if broken:
        raise ValueError(f"could not be computed: {', '.join(broken)}; the reasons stand above")
    if len(missing) == len(subjects):
        raise FileNotFoundError("nothing was computed, as no photos are there")


def _seed(text):
    if not text.isdecimal() or int(text) >= 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to {2**31 - 1}")
    return int(text)
