"""Progress bars on terminals, and lines elsewhere."""

# SPDX-License-Identifier: BSD-3-Clause
import io
import re
import sys

import pytest

from skdecaf._utils import progress
from skdecaf._utils.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def as_terminal(monkeypatch):
    """Replace standard error by a terminal. A fixture could not, because pytest captures anew for the test."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    return sys.stderr


@pytest.fixture
def clock(monkeypatch):
    """A clock of lines that a test advances."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(progress.time, "monotonic", lambda: Clock.now)
    return Clock


def test_without_a_terminal_the_bar_is_whole_lines(clock, capsys):
    with progress_bar(30) as bar:
        for _ in range(30):
            clock.now += 1
            bar.update()
    out, err = capsys.readouterr()
    assert out == "" and "\r" not in err and err.endswith("\n")
    counts = [re.search(r"(\d+)/30 .*photos/s", line)[1] for line in err.splitlines()]
    assert counts == ["10", "20", "30", "30"], "a line every ten seconds, and one at the end"


def test_a_short_run_writes_one_line(clock, capsys):
    with progress_bar(3, unit="fits", name="choosing") as bar:
        for _ in range(3):
            bar.update()
    err = capsys.readouterr().err
    assert err.startswith("choosing: 100%") and "3/3" in err and "fits/s" in err and err.count("\n") == 1


def test_lines_wait_for_the_delay(clock, capsys):
    with progress_bar(2, delay=20) as bar:
        clock.now += 15
        bar.update()
    assert capsys.readouterr().err == ""


def test_lines_count_skipped_units_but_not_in_the_rate(clock, capsys):
    with progress_bar(1000) as bar:
        bar.skip(900)
        clock.now += 10
        bar.update(20)
        clock.now += 1
    first = capsys.readouterr().err.splitlines()[0]
    assert "920/1000" in first and "2.00 photos/s" in first and "00:40" in first


def test_lines_show_values_of_the_last_step(clock, capsys):
    with progress_bar(2) as bar:
        bar.set_postfix(epoch=1, loss="0.5")
        bar.update(2)
    assert "epoch=1, loss=0.5" in capsys.readouterr().err


def test_a_bar_on_a_terminal_starts_at_what_was_skipped(monkeypatch):
    terminal = as_terminal(monkeypatch)
    with progress_bar(1000) as bar:
        bar.skip(900)
        assert bar.initial == bar.n == 900
        bar.start_t -= 10
        bar.update(20)
    last = terminal.getvalue().split("\r")[-1]
    assert "920/1000" in last
    rate = float(re.search(r"([\d.]+) photos/s", last)[1])
    assert 1.5 < rate <= 2


def test_no_bar_shows_nothing(monkeypatch):
    terminal = as_terminal(monkeypatch)
    with progress_bar(3, verbose=False) as bar:
        bar.skip(1)
        bar.update(2)
    assert terminal.getvalue() == ""
