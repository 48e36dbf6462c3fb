"""Histograms of oriented gradients of a photo at many scales, and templates that slide over them."""

# SPDX-License-Identifier: BSD-3-Clause
import math

import numpy as np

from skdecaf.images import resize_image

CELL = 8  # side of a cell in pixels
PER_OCTAVE = 4  # levels of a pyramid
_ORIENTATIONS, _BLOCK = 9, 2
DEPTH = _ORIENTATIONS * _BLOCK**2  # numbers per block of cells


def describe_box(pixels, box, shape):
    """Blocks of a box that is warped to a template's size, ndarray of shape (*shape, DEPTH).

    The gradients at its edges see one cell more on each side.
    """
    x, y, width, height = box
    n_rows, n_columns = shape
    x_cell, y_cell = width / (n_columns + 1), height / (n_rows + 1)
    edges = x - x_cell, y - y_cell, x + width + x_cell, y + height + y_cell
    return _hog_blocks(_resample(pixels, edges, ((n_rows + 3) * CELL, (n_columns + 3) * CELL)))[1:-1, 1:-1]


class Pyramid:
    """Blocks of part of a photo at any scale, computed when first asked for.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, 3)
    edges : tuple of four floats
        Left, top, right and bottom of the part; beyond the photo, its edge is repeated.
    """

    def __init__(self, pixels, edges):
        self._pixels = pixels
        self._edges = edges
        self._levels = {}

    def correlate(self, k, templates):
        """Slide templates over a level, which has ``2 ** (k / PER_OCTAVE)`` times the photo's size.

        Parameters
        ----------
        k : int
        templates : ndarray of shape (n_templates, n_rows, n_columns, DEPTH)

        Returns
        -------
        boxes : ndarray of shape (n_windows, 4)
            x, y, width and height in the photo.
        values : ndarray of shape (n_templates, n_windows)
        """
        left, top, right, bottom = self._edges
        sides = np.array([bottom - top, right - left])
        size = np.maximum(2 * CELL, np.round(sides * 2 ** (k / PER_OCTAVE)).astype(int))
        if k not in self._levels:
            self._levels[k] = _hog_blocks(_resample(self._pixels, self._edges, tuple(size.tolist())))
        values = _correlate(self._levels[k], templates)
        y_cell, x_cell = CELL * sides / size
        rows, columns = np.indices(values.shape[1:]).reshape(2, -1)
        height, width = np.multiply(np.add(templates.shape[1:3], 1), (y_cell, x_cell))
        boxes = np.stack([left + columns * x_cell, top + rows * y_cell, *np.broadcast_arrays(width, height, rows)[:2]])
        return boxes.T, values.reshape(len(values), -1)


def _correlate(blocks, templates):
    n_rows, n_columns = np.maximum(0, np.subtract(blocks.shape[:2], templates.shape[1:3]) + 1)
    products = np.tensordot(templates, blocks, axes=(3, 2))
    values = np.zeros((len(templates), n_rows, n_columns), np.float32)
    for i in range(templates.shape[1] if values.size else 0):
        for j in range(templates.shape[2]):
            values += products[:, i, j, i : i + n_rows, j : j + n_columns]
    return values


def _hog_blocks(pixels):
    """Normalised blocks of 2 x 2 cells, of shape (n_rows, n_columns, DEPTH)."""
    import cv2

    n_rows, n_columns = np.array(pixels.shape[:2]) // CELL
    window, block, cell = (int(n_columns) * CELL, int(n_rows) * CELL), (_BLOCK * CELL,) * 2, (CELL,) * 2
    whole_cells = np.ascontiguousarray(pixels[: window[1], : window[0]].clip(0, 255).astype(np.uint8))
    blocks = cv2.HOGDescriptor(window, block, cell, cell, _ORIENTATIONS).compute(whole_cells)
    return blocks.reshape(n_columns - 1, n_rows - 1, DEPTH).transpose(1, 0, 2)


def _resample(pixels, edges, size):
    """Part of a photo at another size; beyond the photo, its edge is repeated."""
    left, top, right, bottom = edges
    x, y = math.floor(left), math.floor(top)
    columns = np.arange(x, max(x + 1, math.ceil(right))).clip(0, pixels.shape[1] - 1)
    rows = np.arange(y, max(y + 1, math.ceil(bottom))).clip(0, pixels.shape[0] - 1)
    part = pixels[rows[:, np.newaxis], columns]
    return resize_image(part, size, "bilinear", (left - x, top - y, right - x, bottom - y))
