"""The progress bar of everything that takes long."""

# SPDX-License-Identifier: BSD-3-Clause
import sys
import time

_SECONDS_BETWEEN_LINES = 10


class _NoProgressBar:
    """A bar that shows nothing. tqdm's own would create a lock that a killed worker process never releases."""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def update(self, n=1):
        pass

    def skip(self, n):
        pass

    def write(self, text, file=None):
        print(text, file=file)


class _ProgressLines(_NoProgressBar):
    """A bar for logs: whole lines, one every ten seconds and one at the end."""

    def __init__(self, total, initial, delay, **style):
        self._total, self._n, self._initial, self._style = total, initial, initial, style
        self._start = time.monotonic()
        self._next_line = self._start + max(delay, _SECONDS_BETWEEN_LINES)
        self._earliest_last_line = self._start + delay

    def __exit__(self, *exception):
        if time.monotonic() >= self._earliest_last_line:
            self._print_line()

    def update(self, n=1):
        self._n += n
        if time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + _SECONDS_BETWEEN_LINES
            self._print_line()

    def skip(self, n):
        self._n, self._initial = self._n + n, self._initial + n

    def set_postfix(self, **values):
        self._style["postfix"] = ", ".join(f"{name}={value}" for name, value in values.items())

    def _print_line(self):
        from tqdm.std import tqdm

        elapsed = time.monotonic() - self._start
        line = tqdm.format_meter(self._n, self._total, elapsed, initial=self._initial, ascii=True, **self._style)
        print(line, file=sys.stderr, flush=True)


def progress_bar(total, verbose=True, *, done=0, unit="photos", name="skdecaf", delay=0):
    """Make a progress bar on standard error, a context manager.

    Its methods are ``update(n)``, ``skip(n)`` for units that an earlier run did, which do not count in the rate, and
    ``write(text)``. On a terminal and in a notebook the bar moves; elsewhere it writes a line every ten seconds.

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
    is_bytes = unit == "B"
    style = {"unit": unit if is_bytes else f" {unit}", "unit_scale": is_bytes}
    from tqdm.auto import tqdm

    is_notebook = any(base.__module__ == "tqdm.notebook" for base in tqdm.__mro__)
    if not (is_notebook or sys.stderr.isatty()):
        return _ProgressLines(total, done, delay, prefix=name, **style)

    class MovingBar(tqdm):
        def skip(self, n):
            if not n:
                return
            self.n, self.initial, self.last_print_n = self.n + n, self.initial + n, self.last_print_n + n
            self.refresh()

    return MovingBar(total=total, initial=done, desc=name, delay=delay, **style)
