"""Warnings that point at the user's line."""

# SPDX-License-Identifier: BSD-3-Clause
import sys
import warnings
from contextlib import contextmanager

_OURS = ("skdecaf", "sklearn", "joblib")


def warn_user(message):
    """Warn from the first caller outside this package, scikit-learn and joblib, which wrap and run our methods.

    Python shows a warning once per line: pointing into this package would show it for the first estimator only.
    """
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in _OURS:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)


@contextmanager
def bad_rows_expected():
    """Silence the warning about NaN rows, as the caller reports each of them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*cannot be read")
        yield
