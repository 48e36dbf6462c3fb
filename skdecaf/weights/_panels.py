"""Matrices in the order in which matrix products read them."""

# SPDX-License-Identifier: BSD-3-Clause
from collections.abc import Mapping

import numpy as np

# Rows of a matrix that stand beside each other; see `skdecaf._kernels.product`.
PANEL = 16


def pack_rows(matrix):
    """Order a matrix (rows, columns) as panels (rows / 16, columns * 16), the last one filled up with zeros.

    Value (r, c) stands in panel r // 16 at c * 16 + r % 16.
    """
    n_rows, n_columns = matrix.shape
    panels = np.zeros((-(-n_rows // PANEL), n_columns, PANEL), matrix.dtype)
    for panel, start in zip(panels, range(0, n_rows, PANEL), strict=True):
        rows = matrix[start : start + PANEL]
        panel[:, : len(rows)] = rows.T
    return panels.reshape(len(panels), -1)


def unpack_rows(panels, n_rows):
    """Undo `pack_rows`."""
    n_panels, n_columns = len(panels), panels.shape[1] // PANEL
    rows = panels.reshape(n_panels, n_columns, PANEL).transpose(0, 2, 1)
    return rows.reshape(n_panels * PANEL, n_columns)[:n_rows]


class PackedMatrix:
    """A float32 matrix, the weights of a fully connected layer, as panels.

    Parameters
    ----------
    matrix : array-like of shape (rows, columns)
    """

    def __init__(self, matrix):
        self.shape = matrix.shape
        with np.errstate(over="ignore", invalid="ignore"):
            self.panels = pack_rows(np.asarray(matrix, np.float32))
        self.panels.flags.writeable = False

    @property
    def size(self):
        """How many numbers it holds."""
        return self.shape[0] * self.shape[1]

    @property
    def nbytes(self):
        """Bytes of memory."""
        return self.panels.nbytes

    def __getitem__(self, rows):
        """Return a slice of neighbouring rows as an array, which is a copy."""
        start, stop, _ = rows.indices(self.shape[0])
        first = start // PANEL
        return unpack_rows(self.panels[first : -(-stop // PANEL)], stop - first * PANEL)[start - first * PANEL :].copy()

    def unpack(self):
        """Return the matrix as a read-only array, which is a copy."""
        matrix = self[:]
        matrix.flags.writeable = False
        return matrix


class NetworkArrays(Mapping):
    """The arrays of a network by name; those that are stored as panels are unpacked when they are asked for.

    Parameters
    ----------
    stored : dict of str to ndarray, PackedMatrix or CompactMatrix
    """

    def __init__(self, stored):
        self._stored = dict(stored)

    def __getitem__(self, name):
        array = self._stored[name]
        return array.unpack() if isinstance(array, PackedMatrix) else array

    def __iter__(self):
        return iter(self._stored)

    def __len__(self):
        return len(self._stored)

    def stored(self, name):
        """Return an array as it is stored: a PackedMatrix for the weights of a fully connected layer."""
        return self._stored[name]
