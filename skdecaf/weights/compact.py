"""Weights of fully connected layers in 16 bits, which take little more than half the memory and memory traffic."""

# SPDX-License-Identifier: BSD-3-Clause
import math

import numpy as np

# Rows of a panel: a row of the transposed panel fills a page of memory, and several threads have a panel each.
PANEL = 2048
_LARGEST = 32767
_LARGEST_FACTOR = 255
# Rows that are rounded at a time, which limits the memory; a divisor of `PANEL`.
_AT_A_TIME = 256


class CompactMatrix:
    """A matrix of 16-bit integers, with a scale for each row and a factor for each span of columns in it.

    Parameters
    ----------
    matrix : ndarray of shape (rows, columns), float32
    group : int, default=1
        Number of neighbouring columns whose sum is kept to half a unit by the rounding; divides the number of columns.
        If their inputs are similar, as in one channel of a map, rounding errors cancel.

    Attributes
    ----------
    panels : tuple of ndarray of shape (columns, rows of the panel), int16
        Neighbouring rows, up to `PANEL` each, transposed.
    factors : tuple of ndarray of shape (spans, rows of the panel), uint8
        Multiplies each span of columns, so that spans of small values are rounded more finely. The product of a
        factor and an integer is exact in float32.
    span : int
        Number of columns that share a factor: the smallest multiple of `group` that is divisible by four, the number
        of columns that are multiplied at a time.
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
        """Number of entries."""
        return self.shape[0] * self.shape[1]

    @property
    def nbytes(self):
        """Bytes of memory."""
        return sum(array.nbytes for array in self.buffers())

    def buffers(self):
        """All arrays."""
        return self.scale, *self.panels, *self.factors

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError("a CompactMatrix holds no array of floats and can only be copied to one")
        rows = np.concatenate([panel.T for panel in self.panels]).astype(np.float32)
        rows *= np.repeat(np.concatenate([each.T for each in self.factors]), self.span, axis=1)[:, : self.shape[1]]
        rows *= self.scale[:, np.newaxis]
        return rows.astype(dtype or np.float32, copy=False)


def _round(rows, span, group):
    """Integers of the shape of the rows, factors (rows, spans), and the scale of each row."""
    largest = np.maximum.reduceat(np.abs(rows), range(0, rows.shape[1], span), axis=1)
    of_row = largest.max(axis=1, keepdims=True)
    scale = of_row / np.float32(_LARGEST * _LARGEST_FACTOR)
    # Rows of zeros, or of numbers that are too small for a scale.
    scale[scale < np.finfo(np.float32).tiny] = 1
    factors = np.ceil(largest / np.where(of_row == 0, 1, of_row) * _LARGEST_FACTOR).clip(1)
    units = rows / (scale * np.repeat(factors, span, axis=1)[:, : rows.shape[1]])
    return _round_groups(units, group), factors, scale[:, 0]


def _round_groups(values, group):
    """Round to int16; values near a half are rounded up or down so that the sum of their group is kept."""
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
