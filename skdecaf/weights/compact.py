"""Weights of fully connected layers in 16 bits: little more than half their memory, and of the time to read them."""

# SPDX-License-Identifier: BSD-3-Clause
import math

import numpy as np

# Rows of a panel: enough that a row of it fills a page, and that several threads find a panel each.
PANEL = 2048
_LARGEST = 32767
_LARGEST_FACTOR = 255
# Rows that are rounded at a time, so that it takes little memory; they divide a panel.
_AT_A_TIME = 256


class CompactMatrix:
    """A matrix of 16-bit whole numbers, with a scale for each row and a factor for each few columns of it.

    Parameters
    ----------
    matrix : ndarray of shape (rows, columns), float32
    group : int, default=1
        So many neighbouring columns, a divisor of their number, keep their sum to half a unit when they are rounded.
        Where they are multiplied by much the same values, as those of one channel of a map are, errors cancel.

    Attributes
    ----------
    panels : tuple of ndarray of shape (columns, rows of the panel), int16
        Neighbouring rows, up to `PANEL` each, transposed.
    factors : tuple of ndarray of shape (spans, rows of the panel), uint8
        What each span of columns is multiplied by, so that small ones are not rounded as large ones are. The product
        of a factor and a whole number is exact in float32.
    span : int
        How many columns have a factor together: the smallest multiple of `group` that four divides, since so many are
        multiplied at a time.
    scale : ndarray of shape (rows,), float32
    shape : tuple (rows, columns)
    """

    def __init__(self, matrix, group=1):
        self.shape, self.span = matrix.shape, math.lcm(group, 4)
        n_rows, n_columns = self.shape
        widths = [min(PANEL, n_rows - start) for start in range(0, n_rows, PANEL)]
        panels = [np.empty((n_columns, width), np.int16) for width in widths]
        factors = [np.empty((-(-n_columns // self.span), width), np.uint8) for width in widths]
        self.scale = np.empty(n_rows, np.float32)
        for start in range(0, n_rows, _AT_A_TIME):
            rows, (panel, first) = slice(start, start + _AT_A_TIME), divmod(start, PANEL)
            there = slice(first, first + _AT_A_TIME)
            whole, factor, self.scale[rows] = _round(matrix[rows], self.span, group)
            panels[panel][:, there], factors[panel][:, there] = whole.T, factor.T
        self.panels, self.factors = tuple(panels), tuple(factors)
        for array in self.buffers():
            array.flags.writeable = False

    @property
    def size(self):
        """How many numbers it holds."""
        return self.shape[0] * self.shape[1]

    @property
    def nbytes(self):
        """Bytes of memory."""
        return sum(array.nbytes for array in self.buffers())

    def buffers(self):
        """Its arrays, all of them."""
        return self.scale, *self.panels, *self.factors

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError("a CompactMatrix holds no array of floats; it can only be copied to one")
        rows = np.concatenate([panel.T for panel in self.panels]).astype(np.float32)
        rows *= np.repeat(np.concatenate([each.T for each in self.factors]), self.span, axis=1)[:, : self.shape[1]]
        rows *= self.scale[:, np.newaxis]
        return rows.astype(dtype or np.float32, copy=False)


def _round(rows, span, group):
    """Whole numbers, as many as the rows have, factors (rows, spans) and the scale of each row."""
    largest = np.maximum.reduceat(np.abs(rows), range(0, rows.shape[1], span), axis=1)
    of_row = largest.max(axis=1, keepdims=True)
    scale = of_row / np.float32(_LARGEST * _LARGEST_FACTOR)
    # A row of zeros, or of numbers too small to be divided.
    scale[scale < np.finfo(np.float32).tiny] = 1
    factors = np.ceil(largest / np.where(of_row == 0, 1, of_row) * _LARGEST_FACTOR).clip(1)
    units = rows / (scale * np.repeat(factors, span, axis=1)[:, : rows.shape[1]])
    return _round_groups(units, group), factors, scale[:, 0]


def _round_groups(values, group):
    """Round to int16, the values next to a half up or down as the sum of their group needs it."""
    rounded = np.rint(values)
    errors = (values - rounded).reshape(-1, group)
    rounded, missing = rounded.reshape(-1, group), np.rint(errors.sum(axis=1))
    while (wrong := np.flatnonzero(missing)).size:
        sign = np.sign(missing[wrong])
        nearest = wrong, np.argmax(errors[wrong] * sign[:, np.newaxis], axis=1)
        rounded[nearest] += sign
        errors[nearest] -= sign
        missing[wrong] -= sign
    return np.clip(rounded, -_LARGEST, _LARGEST).astype(np.int16).reshape(values.shape)
