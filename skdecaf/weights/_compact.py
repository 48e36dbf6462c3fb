"""Weights of fully connected layers in 16 bits, which take little more than half the memory and memory traffic."""

# SPDX-License-Identifier: BSD-3-Clause
import math

import numpy as np

from skdecaf.weights._panels import PANEL, unpack_rows

_LARGEST = 32767
_LARGEST_FACTOR = 255
# Rows that are rounded at a time, which limits the memory; a multiple of `PANEL`.
_CHUNK_ROWS = 256


class CompactMatrix:
    """A matrix of 16-bit integers, with a scale for each row and a factor for each span of columns in it.

    Parameters
    ----------
    matrix : ndarray of shape (rows, columns), float32, or PackedMatrix
    group : int, default=1
        Number of neighbouring columns whose sum is kept to half a unit by the rounding; divides the number of columns.
        If their inputs are similar, as in one channel of a map, rounding errors cancel.

    Attributes
    ----------
    panels : ndarray of shape (panels, columns * 16), int16
        Each has 16 neighbouring rows, transposed; the last is filled up with zeros.
    factors : ndarray of shape (panels, spans * 16), uint8
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
        n_panels, n_spans = -(-n_rows // PANEL), -(-n_columns // self.span)
        panels = np.zeros((n_panels, n_columns, PANEL), np.int16)
        factors = np.ones((n_panels, n_spans, PANEL), np.uint8)
        self.scale = np.empty(n_rows, np.float32)
        for start in range(0, n_rows, _CHUNK_ROWS):
            whole, factor, self.scale[start : start + _CHUNK_ROWS] = _round(
                matrix[start : start + _CHUNK_ROWS], self.span, group
            )
            for first in range(0, len(whole), PANEL):
                panel, width = (start + first) // PANEL, min(PANEL, len(whole) - first)
                panels[panel, :, :width] = whole[first : first + PANEL].T
                factors[panel, :, :width] = factor[first : first + PANEL].T
        self.panels, self.factors = panels.reshape(n_panels, -1), factors.reshape(n_panels, -1)
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
        return self.scale, self.panels, self.factors

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError("a CompactMatrix holds no array of floats and can only be copied to one")
        rows = unpack_rows(self.panels, self.shape[0]).astype(np.float32)
        rows *= np.repeat(unpack_rows(self.factors, self.shape[0]), self.span, axis=1)[:, : self.shape[1]]
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
