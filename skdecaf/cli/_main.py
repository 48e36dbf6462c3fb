"""Parse, run the command, and turn errors into one line and an exit code."""

# SPDX-License-Identifier: BSD-3-Clause
import argparse
import os
import select
import sys
import warnings

from skdecaf.cli import (
    classify,
    completion,
    demo,
    duplicates,
    extract,
    info,
    predict,
    reproduce,
    search,
    train,
    weights,
)
from skdecaf.cli._output import print_error

_COMMANDS = (extract, classify, train, predict, search, duplicates, demo, weights, reproduce, info, completion)
_DESCRIPTION = "Features and labels of photos from a deep convolutional network, on any CPU, offline."
_EPILOG = """\
examples:
  skdecaf extract holiday/ -o features.csv
  skdecaf classify cat.jpg
  skdecaf train animals/ -o animals.skops
  skdecaf predict animals.skops new/*.jpg

"skdecaf COMMAND --help" tells more. Results go to standard output, progress and messages to standard error.

exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted
"""


def main(arguments=None):
    """Run a command.

    Parameters
    ----------
    arguments : list of str, optional
        Without the program's name; by default those of the process.

    Returns
    -------
    int
        The exit code.
    """
    parser = _make_parser()
    if hasattr(sys.stdout, "reconfigure"):  # print names that are not UTF-8 as they are
        sys.stdout.reconfigure(errors="surrogateescape")
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *rest, **more: print_error(f"warning: {message}")
        return _run(parser, arguments)


def _run(parser, arguments):
    options = None
    try:
        options, rest = parser.parse_known_args(arguments)
        _take_photos(options, rest)
        options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt as hint:
        print_error("; ".join(["interrupted", *hint.args]))
        return 130
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads(sys.__stdout__.fileno()):
            # The reader, such as head, has enough. Discard the buffered rest, so that exiting prints no message.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print_error(f"{error.filename!r}: {error.strerror}" if error.strerror and error.filename else str(error))
        return 1
    except MemoryError as error:
        print_error(_lack_of_memory(error, options))
        return 1
    except (ValueError, ImportError) as error:
        print_error(" ".join(str(error).split()) + _hint(error, options))
        return 1
    return 0


def _hint(error, options):
    """Advice about an option that avoids the error."""
    if "value_range" in str(error) and hasattr(options, "value_range"):
        return " (--value-range LOW HIGH on the command line)"
    if getattr(options, "on_error", None) != "raise" or isinstance(error, ImportError):
        return ""
    from skdecaf.images import ImageError

    return " (--on-error skip leaves such photos out)" if isinstance(error, ImageError) else ""


def _lack_of_memory(error, options):
    """What takes too much memory, as far as it is known: NumPy says how much it asked for, a note names the photo."""
    known = "; ".join([*getattr(error, "__notes__", ()), *filter(None, [str(error)])])
    advice = "try --n-jobs 1 and a smaller --batch-size" if hasattr(options, "batch_size") else "close other programs"
    return f"there is not enough memory{f' ({known})' if known else ''}; {advice}"


def _take_photos(options, rest):
    """Take photos that follow an option, which argparse leaves over."""
    if rest and (not hasattr(options, "photos") or any(word.startswith("-") for word in rest)):
        getattr(options, "parser", options.root).error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        options.photos += rest


def _nobody_reads(descriptor):
    """Whether this is a pipe whose other end is closed."""
    poll = select.poll()
    poll.register(descriptor, 0)  # errors are reported in any case
    return bool(poll.poll(0))


def _make_parser():
    parser = argparse.ArgumentParser(
        "skdecaf", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    parser.set_defaults(root=parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_parser(commands)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        from skdecaf import __version__

        print(f"skdecaf {__version__}")
        parser.exit()
