"""Drawings of the paper's figures."""

# SPDX-License-Identifier: BSD-3-Clause
import textwrap
from pathlib import Path

import numpy as np

from skdecaf._paper.maps import MOST_COLORS, PaperMaps
from skdecaf._paper.table_2 import PaperParts
from skdecaf._utils.extras import require
from skdecaf._utils.files import atomic_write
from skdecaf.plotting import EmbeddingDisplay, LearningCurveByClassDisplay, PartsDisplay

_OFFSET = 0.08  # between marks of neighbouring rows; columns are 1 apart
_WIDTH = 110  # of text, in letters
_POINT, _SMALL_POINT, _MANY_PHOTOS = 14, 6, 1000
_GREY = "0.82"
_STYLES = ({}, {"marker": "s", "linestyle": "--", "markerfacecolor": "none"})  # of curves that may coincide


def save_picture(table, folder):
    """Draw a figure, with its title and notes, to ``<name>.png`` and ``<name>.svg``.

    Parameters
    ----------
    table : PaperTable
        The figures are those of `figure_4_left`, `figure_4_right` and `fine_tuning`, and all `PaperMaps` and
        `PaperParts`.
    folder : str or PathLike

    Returns
    -------
    list of Path
        The files; empty for other tables.
    """
    drawings = {PaperMaps: _draw_maps, PaperParts: _draw_parts}
    draw = drawings.get(type(table), _draw_curves if table.name in _DRAWINGS else None)
    if draw is None:
        return []
    require("plot", f"the picture of {table.name}")
    figure = draw(table)
    paths = [Path(folder) / f"{table.name}.{suffix}" for suffix in ("png", "svg")]
    for path in paths:
        with atomic_write(path) as temporary:
            figure.savefig(temporary, dpi=150, format=path.suffix[1:])
    return paths


def _draw_curves(table):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    ax = figure.subplots()
    _DRAWINGS[table.name](table, ax)
    ax.set_title(_head(table), loc="left", fontsize="medium")
    _write_notes(table, figure)
    return figure


def _draw_maps(table):
    """A map for each row, two side by side, with one legend."""
    from matplotlib.figure import Figure

    n = len(table.maps)
    n_columns, n_rows = min(n, 2), -(-n // 2)
    figure = Figure(figsize=(5 * n_columns + 2, 4.4 * n_rows + 1), layout="constrained")
    for i, ax in enumerate(np.ravel(figure.subplots(n_rows, n_columns))[:n]):
        _draw_map(table, i, ax)
        ax.set_title(f"{table.rows[i]} ({table.columns[1]}: {table.mean[i, 1]:.1f} %)", fontsize="medium")
        legend = ax.get_legend()
        legend.remove()
    names = [text.get_text() for text in legend.get_texts()]
    figure.legend(legend.legend_handles, names, loc="outside right center", frameon=False, fontsize="small")
    figure.suptitle(_head(table), x=0.01, ha="left", fontsize="medium")
    _write_notes(table, figure)
    return figure


def _draw_map(table, i, ax):
    """Points in the colours of the largest groups, or of the highlighted one; the others are grey."""
    groups, positions = table.groups[i], table.maps[i]
    size = _SMALL_POINT if len(positions) > _MANY_PHOTOS else _POINT
    shown = np.full(len(groups), True)
    if table.highlight is None:
        names, counts = np.unique(groups, return_counts=True)
        shown = np.isin(groups, names[np.argsort(-counts, kind="stable")[:MOST_COLORS]])
    ax.scatter(*positions[~shown].T, s=size, color=_GREY, linewidth=0)
    domains = None if table.domains is None else table.domains[i][shown]
    EmbeddingDisplay(positions[shown], y=groups[shown], domains=domains).plot(ax, highlight=table.highlight, s=size)


def _draw_parts(table):
    """Photos with the boxes that were found and, dashed, the annotated ones, and with the crops; two side by side."""
    from matplotlib.figure import Figure

    n_rows = -(-len(table.found) // 2)
    figure = Figure(figsize=(11, 3.6 * n_rows + 1), layout="constrained")
    axes = np.ravel(figure.subplots(n_rows, 2))
    for ax, found, annotated in zip(axes, table.found, table.annotated, strict=False):
        PartsDisplay(found, part_names=table.part_names, expected=annotated).plot(ax)
    for ax in axes[len(table.found) :]:
        ax.set_axis_off()
    figure.suptitle(_head(table), x=0.01, ha="left", fontsize="medium")
    _write_notes(table, figure)
    return figure


def _head(table):
    """The title and the first note, which names the network."""
    return _wrapped((table.title, *table.notes[:1]))


def _write_notes(table, figure):
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
