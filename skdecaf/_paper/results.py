"""A table of measured results with the paper's numbers beside them."""

# SPDX-License-Identifier: BSD-3-Clause
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from skdecaf._utils.files import atomic_write

_MISSING = "–"


@dataclass(frozen=True)
class PaperTable:
    """A table or figure of the paper as plain data: measured and published numbers.

    Parameters
    ----------
    name : str
        Name of its files, such as ``"table_1"``.
    title : str
        Title.
    rows, columns : tuple of str
        Names, usually of methods and features.
    scores : ndarray of shape (n_rows, n_columns, n_splits), float64
        Measured in each split, percentages; NaN for what was not measured.
    published : dict, default={}
        (row, column): (mean, standard deviation or None) as published, usually in the paper, as a percentage.
    notes : tuple of str, default=()
        Sentences below the table.
    details : dict, default={}
        What is needed to repeat it: protocol, weights, versions, seed, machine, time; JSON values.
    header : str, default="paper"
        Header of the columns of published numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from skdecaf._paper import PaperTable
    >>> table = PaperTable(
    ...     "birds", "Birds", ("SVM",), ("DeCAF6",), np.array([[[50.0, 52.0]]]), {("SVM", "DeCAF6"): (58.75, None)}
    ... )
    >>> print(table.to_markdown())
    ### Birds
    <BLANKLINE>
    |  | DeCAF6 | paper |
    | --- | --- | --- |
    | SVM | 51.0 ± 1.0 | 58.75 |
    """

    name: str
    title: str
    rows: tuple
    columns: tuple
    scores: np.ndarray
    published: dict = field(default_factory=dict)
    notes: tuple = ()
    details: dict = field(default_factory=dict)
    header: str = "paper"

    @property
    def mean(self):
        """Mean over the splits, float64 ndarray of shape (n_rows, n_columns)."""
        return self.scores.mean(axis=2)

    @property
    def std(self):
        """Standard deviation over the splits (of the population), float64 ndarray of shape (n_rows, n_columns)."""
        return self.scores.std(axis=2)

    def to_markdown(self):
        """Format as Markdown, with the paper's column to the right of each measured one.

        Returns
        -------
        str
        """
        header = [""]
        for column in self.columns:
            header += [column, self.header] if self._has_paper(column) else [column]
        lines = [header, ["---"] * len(header), *(self._cells(i) for i in range(len(self.rows)))]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return "\n\n".join([f"### {self.title}", table, *self.notes])

    def to_json(self):
        """Format everything as JSON, with null for what was not measured.

        Returns
        -------
        str
        """
        cells = [self._values(i, j) for i in range(len(self.rows)) for j in range(len(self.columns))]
        content = {"name": self.name, "title": self.title, "rows": self.rows, "columns": self.columns, "cells": cells}
        return json.dumps({**content, "notes": self.notes, "details": self.details}, indent=1, ensure_ascii=False)

    def save(self, folder):
        """Write ``<name>.md`` and ``<name>.json`` to a folder, atomically.

        Parameters
        ----------
        folder : str or PathLike
            Created if missing.

        Returns
        -------
        list of Path
            The files.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        contents = {folder / f"{self.name}.md": self.to_markdown(), folder / f"{self.name}.json": self.to_json()}
        for path, text in contents.items():
            with atomic_write(path) as temporary:
                temporary.write_text(f"{text}\n", encoding="utf-8")
        return list(contents)

    def _has_paper(self, column):
        """Whether the paper's numbers for a column are shown: it has some, or none for the whole table."""
        return not self.published or any(published == column for _, published in self.published)

    def _cells(self, i):
        cells = [self.rows[i]]
        for j, column in enumerate(self.columns):
            spread = self.std[i, j] if self.scores.shape[2] > 1 else None
            measured = None if np.isnan(self.mean[i, j]) else self.mean[i, j]
            published, published_spread = self.published.get((self.rows[i], column), (None, None))
            cells.append(_text(measured, spread, ".1f"))
            if self._has_paper(column):
                cells.append(_text(published, published_spread, ""))
        return cells

    def _values(self, i, j):
        row, column = self.rows[i], self.columns[j]
        published, spread = self.published.get((row, column), (None, None))
        measured = not np.isnan(self.mean[i, j])
        return {
            "row": row,
            "column": column,
            "mean": self.mean[i, j] if measured else None,
            "std": self.std[i, j] if measured else None,
            "splits": self.scores[i, j].tolist() if measured else None,
            "paper_mean": published,
            "paper_std": spread,
        }


def _text(mean, spread, form):
    if mean is None:
        return _MISSING
    return f"{mean:{form}}" if spread is None else f"{mean:{form}} ± {spread:{form}}"
