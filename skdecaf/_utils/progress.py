"""The progress bar of everything that takes long."""

# SPDX-License-Identifier: BSD-3-Clause
import sys


class _NoProgressBar:
    """A bar that shows nothing. tqdm's own would create a lock that a killed worker process never releases."""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def update(self, n=1):
        pass

    def write(self, text, file=None):
        print(text, file=file)


def progress_bar(total, verbose=True, *, done=0, unit="photos", name="skdecaf", delay=0):
    """Make a progress bar on standard error: a context manager with the methods ``update(n)`` and ``write(text)``.

    On a terminal the bar moves; elsewhere it adds a line every ten seconds.

    Parameters
    ----------
    total : int or None
        How many units there are, if known.
    verbose : bool
        False shows nothing.
    done : int
        How many units an earlier run did.
    unit : str
        "B" stands for bytes, which are abbreviated (kB, MB).
    name : str
        Text before the bar.
    delay : float
        Seconds before it appears.
    """
    if not verbose:
        return _NoProgressBar()
    from tqdm.auto import tqdm

    is_bytes = unit == "B"
    return tqdm(
        total=total,
        initial=done,
        unit=unit if is_bytes else f" {unit}",
        unit_scale=is_bytes,
        desc=name,
        delay=delay,
        mininterval=0.1 if sys.stderr.isatty() else 10,
    )
