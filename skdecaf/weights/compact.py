"""Weights of fully connected layers in 16 bits: half their memory, and half the time to read them."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

# Rows of a panel: enough that a row of it fills a page, and that several threads find a panel each.
PANEL = 2048
_LARGEST = 32767


class CompactMatrix:
    """A matrix whose rows are 16-bit whole numbers times a scale each, held as the forward pass reads it.

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
    scale : ndarray of shape (rows,), float32
    shape : tuple (rows, columns)
    """

    def __init__(self, matrix, group=1):
        self.shape = matrix.shape
        # Not the maximum of absolute values, which would be a copy of the matrix.
        self.scale = np.maximum(matrix.max(axis=1), -matrix.min(axis=1)) / np.float32(_LARGEST)
        # A row of zeros, or of numbers too small to be divided.
        self.scale[self.scale < np.finfo(np.float32).tiny] = 1
        parts = [slice(start, start + PANEL) for start in range(0, len(matrix), PANEL)]
        units = (matrix[part] / self.scale[part, np.newaxis] for part in parts)
        self.panels = tuple(np.ascontiguousarray(_round_groups(each, group).T) for each in units)
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
        return self.scale, *self.panels

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError("a CompactMatrix holds no array of floats; it can only be copied to one")
        rows = np.concatenate([panel.T for panel in self.panels]) * self.scale[:, np.newaxis]
        return rows.astype(dtype or np.float32, copy=False)


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
