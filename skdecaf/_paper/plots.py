"""Drawings of the paper's figures, with the published numbers in them."""

# SPDX-License-Identifier: BSD-3-Clause
import textwrap
from pathlib import Path

import numpy as np

from skdecaf._utils.extras import require
from skdecaf.plotting import LearningCurveByClassDisplay

_OFFSET = 0.08  # between marks of neighbouring rows; columns are 1 apart
_WIDTH = 110  # of text, in letters
_STYLES = ({}, {"marker": "s", "linestyle": "--", "markerfacecolor": "none"})  # of curves that may coincide


def save_picture(table, folder):
    """Draw Figure 4 or the curves of fine-tuning, with its title and notes, to ``<name>.png`` and ``<name>.svg``.

    Parameters
    ----------
    table : PaperTable
        From `figure_4_left`, `figure_4_right` or `fine_tuning`.
    folder : str or PathLike

    Returns
    -------
    list of Path
        The files; empty for other tables.
    """
    if table.name not in _DRAWINGS:
        return []
    require("plot", f"the picture of {table.name}")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    ax = figure.subplots()
    _DRAWINGS[table.name](table, ax)
    _write(table, figure, ax)
    paths = [Path(folder) / f"{table.name}.{suffix}" for suffix in ("png", "svg")]
    for path in paths:
        figure.savefig(path, dpi=150)
    return paths


def _write(table, figure, ax):
    """The title and the first note, which names the network, above; the other notes below."""
    ax.set_title(_wrapped((table.title, *table.notes[:1])), loc="left", fontsize="medium")
    figure.supxlabel(_wrapped(table.notes[1:]), x=0.01, ha="left", fontsize="small", color="0.35")


def _wrapped(sentences):
    return "\n".join(textwrap.fill(sentence, _WIDTH) for sentence in sentences)


def _draw_left(table, ax):
    """A mark with its spread for each row and column; crosses are the paper's."""
    places = np.arange(len(table.columns))
    for i, row in enumerate(table.rows):
        x = places + _OFFSET * (i - (len(table.rows) - 1) / 2)
        bars = ax.errorbar(x, table.mean[i], table.std[i], fmt="o", capsize=3, label=row)
        paper = [table.published.get((row, column), (np.nan, None))[0] for column in table.columns]
        ax.plot(x, paper, "x", color=bars[0].get_color())
    ax.plot([], [], "x", color="grey", label="the paper's")
    ax.set_xticks(places, table.columns)
    ax.set_ylabel("mean per-class accuracy (%)")
    ax.grid(axis="y", alpha=0.3)
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))


def _draw_right(table, ax):
    """A curve for each classifier; crosses are the paper's."""
    numbers = [int(row) for row in table.rows]
    for j, column in enumerate(table.columns):
        display = LearningCurveByClassDisplay(numbers, table.scores[:, j] / 100, name=column)
        display.plot(ax, **_STYLES[j % len(_STYLES)])
        paper = [table.published.get((row, column), (np.nan, None))[0] for row in table.rows]
        ax.plot(numbers, paper, "x", color=display.line_.get_color())
    if table.published:
        ax.plot([], [], "x", color="grey", label="the paper's")
    ax.legend(frameon=False, loc="lower right")


_DRAWINGS = {"figure_4_left": _draw_left, "figure_4_right": _draw_right, "fine_tuning": _draw_right}
