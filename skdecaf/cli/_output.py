"""How commands print."""

# SPDX-License-Identifier: BSD-3-Clause
import sys

from skdecaf._utils.json_text import to_json


def print_error(message):
    """Print one line to standard error."""
    print(f"skdecaf: {message}", file=sys.stderr, flush=True)


def print_skipped(skipped):
    """Print a line for each photo that was skipped (path: reason)."""
    for reason in skipped.values():
        print_error(f"left out: {reason}")


def skipped_as_json(skipped):
    """The photos that were skipped, for JSON."""
    return [{"file": photo, "reason": reason} for photo, reason in skipped.items()]


def skipped_suffix(skipped):
    """The end of a summary: how many photos were skipped, if any."""
    return f"; {len(skipped)} left out" if skipped else ""


def print_json(value):
    """Print one line of JSON."""
    print(to_json(value), flush=True)


def escape_tabs(text):
    """Text for a line of tab-separated values: tabs and line breaks become escapes."""
    return text.translate({ord("\t"): "\\t", ord("\n"): "\\n", ord("\r"): "\\r"})
