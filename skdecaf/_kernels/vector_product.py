"""One vector times a matrix, added up in the order in which a product of many rows adds."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np


def add_row(value, row, sums):
    """Add value times row."""
    # omp simd
    for c in range(len(sums)):
        sums[c] += value * row[c]


def add_four_rows(vector, weights, k, sums):
    """Add four rows, one after the other, while the sums are in a register."""
    r0 = weights[k]
    r1 = weights[k + 1]
    r2 = weights[k + 2]
    r3 = weights[k + 3]
    v0, v1, v2, v3 = vector[k], vector[k + 1], vector[k + 2], vector[k + 3]
    # omp simd
    for c in range(len(sums)):
        total = sums[c]
        total += v0 * r0[c]
        total += v1 * r1[c]
        total += v2 * r2[c]
        total += v3 * r3[c]
        sums[c] = total


# pythran export multiply_vector(float32[:] order(C), float32[:,:] order(C), int64[:] order(C), float32[:] order(C))
def multiply_vector(vector, weights, cuts, out):
    """Fill out (columns,) with vector (depth,) times weights (depth, columns), each weight read once.

    Each column is the sum of the sums from one of cuts to the next, each in the order of the rows.
    """
    width = len(out)
    sums = np.empty(width, np.float32)
    for c in range(width):
        out[c] = 0
    for block in range(len(cuts) - 1):
        first, last = cuts[block], cuts[block + 1]
        for c in range(width):
            sums[c] = 0
        rest = first + (last - first) // 4 * 4
        for k in range(first, rest, 4):
            add_four_rows(vector, weights, k, sums)
        for k in range(rest, last):
            add_row(vector[k], weights[k], sums)
        for c in range(width):
            out[c] += sums[c]
