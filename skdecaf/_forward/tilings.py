"""Minimal filtering (Winograd): the matrices of each tiling, and which tiling suits a convolution.

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
class Tiling:
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
        g = self.filter_transform
        with np.errstate(over="ignore", invalid="ignore"):
            points = np.einsum("ky,oiyx,lx->klio", g, np.asarray(weight, np.float64), g, optimize=True)
            return points.reshape(self.t**2, *points.shape[2:]).astype(np.float32)

    def grid(self, height, width):
        """How many tiles cover an output of this size, down and across."""
        return -(-height // self.m), -(-width // self.m)

    def tiles(self, height, width):
        """The same in all."""
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


TILINGS = (Tiling(4, 3), Tiling(5, 3), Tiling(4, 5))


def choose_tiling(kernel, in_channels, out_channels, groups, height, width):
    """The tiling that makes a convolution of stride 1 cheapest, or None if that is the direct product.

    Costs are in multiply-adds. Border tiles count in full.

    Parameters
    ----------
    kernel, in_channels, out_channels, groups : int
    height, width : int
        Of the output.
    """

    def product(rows, depth):
        return rows * (depth + _ROW_COST) * out_channels

    def cost(tiling):
        if tiling is None:
            values = height * width * (kernel**2 * in_channels + out_channels)
            return product(height * width, kernel**2 * in_channels // groups) + _VALUE_COST * values
        rows = tiling.t**2 * tiling.tiles(height, width)
        return product(rows, in_channels // groups) + _VALUE_COST * rows * (in_channels + out_channels)

    return min((None, *(tiling for tiling in TILINGS if tiling.r == kernel)), key=cost)
