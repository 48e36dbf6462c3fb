"""Print the labels of photos as they come."""

# SPDX-License-Identifier: BSD-3-Clause
import sys

from skdecaf.cli import _options


def print_labels(labelled, n_photos, fields, options):
    """Print labels, and at the end how many photos were left out; ValueError where all are.

    Parameters
    ----------
    labelled : iterable of (photo, labels, error)
        Each label is a tuple of a text, a probability and perhaps more.
    n_photos : int
    fields : tuple of str
        What the values of a label are called in JSON.
    options : argparse.Namespace
        "json" and "quiet" are read.
    """
    from skdecaf.cli._photos import printable

    n_left_out = 0
    for photo, labels, error in _with_progress(labelled, n_photos, options.quiet):
        if error:
            _options.complain(f"left out: {error}")
            n_left_out += 1
        elif options.json:
            named = [dict(zip(fields, label, strict=True)) for label in labels]
            _options.print_json({"file": printable(photo), "labels": named})
        else:
            for text, probability, *rest in labels:
                print(_cell(printable(photo)), _cell(printable(text)), f"{probability:.4f}", *rest, sep="\t")
    if n_left_out and n_left_out == n_photos:
        raise ValueError(f"none of the {n_photos} photos can be read")
    if n_left_out:
        _options.complain(f"{n_left_out} of {n_photos} photos left out")


def _cell(text):
    """Text for a line of tab-separated values: tabs and line breaks become escapes."""
    return text.translate({ord("\t"): "\\t", ord("\n"): "\\n", ord("\r"): "\\r"})


def _with_progress(labelled, n_photos, quiet):
    """Show a bar where the results go elsewhere than to the terminal of the bar."""
    from skdecaf._utils.progress import progress_bar

    with progress_bar(n_photos, not (quiet or sys.stdout.isatty() or not sys.stderr.isatty())) as bar:
        for row in labelled:
            yield row
            bar.update()
