"""Warnings that point at the user's line."""

# SPDX-License-Identifier: BSD-3-Clause
import sys
import warnings
from contextlib import contextmanager

_OURS = ("skdecaf", "sklearn", "joblib")


class UnreadableImageWarning(UserWarning):
    """A warning that images cannot be read, with ``on_error="nan"``.

    Parameters
    ----------
    message : str
    errors : dict of int to ImageError
        Why the images in these rows cannot be read.

    Attributes
    ----------
    errors : dict of int to ImageError
    """

    def __init__(self, message, errors):
        super().__init__(message)
        self.errors = errors


@contextmanager
def collect_unreadable():
    """Collect the errors of unreadable images by row, as the caller reports them; no warning is shown."""
    errors, show = {}, warnings.showwarning

    def collect(message, *arguments, **options):
        if isinstance(message, UnreadableImageWarning):
            errors.update(message.errors)
        else:
            show(message, *arguments, **options)

    with warnings.catch_warnings():
        warnings.simplefilter("always", UnreadableImageWarning)
        warnings.showwarning = collect
        yield errors


def warn_user(message):
    """Warn from the first caller outside this package, scikit-learn and joblib, which wrap and run our methods.

    Python shows a warning once per line: pointing into this package would show it for the first estimator only.
    """
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in _OURS:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)
