"""``skdecaf reproduce``: tables and figures of the paper, from photos on this computer."""

# SPDX-License-Identifier: BSD-3-Clause
import argparse
import os

from skdecaf.cli import _options, _output

_DESCRIPTION = """\
Compute tables and figures of the paper from photos on this computer. Each is printed
with the paper's numbers beside it, and written to FOLDER as Markdown and JSON,
figures also as PNG and SVG.

WHAT is caltech101 (Figure 4), office (Table 1), cub (Table 2), sun397 (Table 3),
ilsvrc (Section 3.1, the network's own errors), figure1, figure2 or figure5 (maps
of photos), figures (these three), or all of them. Also fine-tuning, which is not in
the paper: a fine-tuned network against its features on Caltech-101; it needs
pip install "skdecaf[train]". Features and finished cells are kept in FOLDER, so the
same command continues after an interruption. For a missing data set you are told the
command that gets it.
"""
_EXAMPLES = """\
  skdecaf reproduce caltech101 --quick
  skdecaf reproduce caltech101 --weights caffenet --data ~/photos -o caffenet
  skdecaf reproduce all --data /media/usb/photos
"""


def add_parser(commands):
    """Add the command."""
    parser = _options.add_command(commands, "reproduce", run, _DESCRIPTION, _EXAMPLES)
    parser.add_argument("subject", type=_subject, metavar="WHAT", help="a data set (see above), or all")
    parser.add_argument(
        "--data",
        metavar="DIR",
        help="folder of the data set, in any layout in which it is published (default: where skdecaf.datasets "
        "downloads to)",
    )
    _options.add_weights(parser)
    parser.add_argument("--quick", action="store_true", help="a small version: few classes, few splits, minutes")
    parser.add_argument(
        "-o",
        "--output",
        default="reproduced",
        metavar="FOLDER",
        help="for results and finished cells (default: reproduced)",
    )
    parser.add_argument(
        "--classes", type=lambda text: text.split(","), metavar="A,B,...", help="some classes only, by name"
    )
    parser.add_argument(
        "--seed",
        type=_options.whole_number(0, 2**31 - 1),
        default=0,
        metavar="N",
        help="of splits, masks and solvers (default: 0)",
    )
    parser.add_argument(
        "--n-jobs",
        type=_options.parse_n_jobs,
        default=-1,
        metavar="N",
        help="processes and threads; -1 is one for each processor (default: -1)",
    )
    _options.add_quiet(parser)


def run(options):
    """Run the command."""
    from skdecaf._paper import MissingPhotos, WrongClasses

    chosen = chosen_subjects(options.subject)
    if len(chosen) > 1 and options.classes:
        options.parser.error(f"--classes goes with one data set, not with {options.subject}")
    if options.data is not None and not os.path.isdir(os.path.expanduser(options.data)):
        options.parser.error(f"--data {options.data!r} is not a folder")
    missing, broken = [], []
    for subject in chosen:
        try:
            _print_tables(subject, options)
        except MissingPhotos as error:
            missing.append(subject)
            for line in str(error).splitlines():
                _output.print_error(f"{subject}: {line}")
        except WrongClasses as error:
            options.parser.error(f"argument --classes: {error}")
        except ValueError as error:  # a damaged data set does not stop the others
            if len(chosen) == 1:
                raise
            broken.append(subject)
            _output.print_error(f"{subject}: {error}")
    if broken:
        raise ValueError(f"could not be computed: {', '.join(broken)}; see the reasons above")
    if len(missing) == len(chosen):
        raise FileNotFoundError("nothing was computed, since no photos are here")


def _print_tables(subject, options):
    from skdecaf._paper import reproduce

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
    for table in tables:
        print(table.to_markdown(), end="\n\n", flush=True)


def subjects():
    """The data sets that there are results for."""
    from skdecaf._paper import SUBJECTS  # not at import, since the help does not wait for scikit-learn

    return tuple(SUBJECTS)


def chosen_subjects(name):
    """The subjects that a name stands for."""
    from skdecaf._paper import BEYOND_THE_PAPER

    of_the_paper = tuple(one for one in subjects() if one not in BEYOND_THE_PAPER)
    groups = {"all": of_the_paper, "figures": tuple(one for one in subjects() if one.startswith("figure"))}
    return groups.get(name, (name,))


def _subject(text):
    if not set(chosen_subjects(text)) <= set(subjects()):
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(subjects())}, figures, all")
    return text
