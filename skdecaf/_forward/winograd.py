"""Winograd convolution: the matrices of each tile size, and the choice of a tile size.

A tile of m x m output pixels under an r x r filter reads t x t input pixels, t = m + r - 1. The filter and the input
are evaluated at t points, multiplied there, and interpolated: t^2 instead of m^2 r^2 multiplications.
"""

# SPDX-License-Identifier: BSD-3-Clause
import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

# The rest of the points is infinity. Small numbers and their inverses keep the rounding errors small.
_POINTS = tuple(map(Fraction, ("0", "1", "-1", "2", "-2", "1/2", "-1/2")))

# What a value that goes through the memory costs, in multiply-adds: transformed or gathered, written, and read.
_VALUE_COST = 24
# A product spends about as much on each row as if it were this much deeper.
_ROW_COST = 32


@dataclass(frozen=True)
class TileSize:
    """F(m x m, r x r), by Cook and Toom: pixels = A^T ((G filter G^T) * (B^T tile B)) A, in exact numbers."""

    m: int
    r: int

    @property
    def t(self):
        """Pixels along a side of the tile that is read."""
        return self.m + self.r - 1

    @cached_property
    def input_transform(self):
        """B^T, float64 (t, t)."""
        points = _POINTS[: self.t - 1]
        rows = [_polynomial(points[:i] + points[i + 1 :]) for i in range(len(points))]
        return _float64([[*row, 0] for row in rows] + [_polynomial(points)])

    @cached_property
    def filter_transform(self):
        """G, float64 (t, r)."""
        rows = []
        for i, point in enumerate(_POINTS[: self.t - 1]):
            others = _POINTS[:i] + _POINTS[i + 1 : self.t - 1]
            product = np.prod([point - other for other in others])
            rows.append([point**power / product for power in range(self.r)])
        return _float64([*rows, _at_infinity(self.r)])

    @cached_property
    def output_transform(self):
        """A^T, float64 (m, t)."""
        rows = [[point**power for power in range(self.m)] for point in _POINTS[: self.t - 1]]
        return _float64([*rows, _at_infinity(self.m)]).T

    def transform_filters(self, weight):
        """Filters (out, in, r, r) at all points, float32 (t * t, in, out); computed in float64, rounded once."""
        with np.errstate(over="ignore", invalid="ignore"):
            points = self._evaluate_filters(self._evaluate_filters(np.asarray(weight, np.float64)))
            return points.reshape(self.t**2, *points.shape[2:]).transpose(0, 2, 1).astype(np.float32)

    def _evaluate_filters(self, filters):
        """Evaluate polynomials (..., r) at all points, (t, ...); value by value, so that all machines agree."""
        return sum(np.multiply.outer(self.filter_transform[:, power], filters[..., power]) for power in range(self.r))

    def grid(self, height, width):
        """How many tiles cover an output of this size, down and across."""
        return -(-height // self.m), -(-width // self.m)

    def tiles(self, height, width):
        """How many tiles that are."""
        return math.prod(self.grid(height, width))


def _polynomial(roots):
    """Coefficients of the product of (x - root), the constant first."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted, scaled = [0, *coefficients], [root * c for c in coefficients]
        coefficients = [a - b for a, b in zip(shifted, [*scaled, 0], strict=True)]
    return coefficients


def _at_infinity(n):
    return [0] * (n - 1) + [1]


def _float64(rows):
    return np.array([[float(value) for value in row] for row in rows])


TILE_SIZES = (TileSize(4, 3), TileSize(5, 3), TileSize(4, 5))


def choose_tile_size(kernel, in_channels, out_channels, groups, height, width):
    """The tile size that makes a convolution of stride 1 cheapest, or None if that is im2col.

    Costs are in multiply-adds. Border tiles count in full.

    Parameters
    ----------
    kernel, in_channels, out_channels, groups : int
    height, width : int
        Of the output.
    """

    def product(rows, depth):
        return rows * (depth + _ROW_COST) * out_channels

    def cost(size):
        if size is None:
            values = height * width * (kernel**2 * in_channels + out_channels)
            return product(height * width, kernel**2 * in_channels // groups) + _VALUE_COST * values
        rows = size.t**2 * size.tiles(height, width)
        return product(rows, in_channels // groups) + _VALUE_COST * rows * (in_channels + out_channels)

    return min((None, *(size for size in TILE_SIZES if size.r == kernel)), key=cost)
