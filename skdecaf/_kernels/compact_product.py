"""Matrices of 16-bit weights: times one vector, in the order in which a product of many rows adds, or widened."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np


def widen(source, out):
    """Copy small whole numbers."""
    # omp simd
    for c in range(len(out)):
        out[c] = source[c]


def add_row(value, row, factor, sums):
    """Add value times row times factor."""
    # omp simd
    for c in range(len(sums)):
        sums[c] += value * (np.float32(row[c]) * factor[c])


def add_four_rows(vector, weights, k, factor, sums):
    """Add four rows, one after the other, while the sums are in a register.

    They are widened on the way: to widen them first, and add them as `vector_product` does, takes 1.6 times as long.
    """
    r0 = weights[k]
    r1 = weights[k + 1]
    r2 = weights[k + 2]
    r3 = weights[k + 3]
    v0, v1, v2, v3 = vector[k], vector[k + 1], vector[k + 2], vector[k + 3]
    # omp simd
    for c in range(len(sums)):
        total = sums[c]
        total += v0 * (np.float32(r0[c]) * factor[c])
        total += v1 * (np.float32(r1[c]) * factor[c])
        total += v2 * (np.float32(r2[c]) * factor[c])
        total += v3 * (np.float32(r3[c]) * factor[c])
        sums[c] = total


# pythran export multiply_compact_vector(float32[:] order(C), int16[:,:] order(C), uint8[:,:] order(C), int, int64[:] order(C), float32[:] order(C))
def multiply_compact_vector(vector, weights, factors, span, cuts, out):
    """Fill out (columns,) with vector (depth,) times weights (depth, columns) times their factors.

    factors (spans, columns) has a row for each span rows of the weights. Weight times factor is exact. Each column is
    the sum of the sums from one of cuts to the next, each in the order of the rows.
    """
    width = len(out)
    sums = np.empty(width, np.float32)
    factor = np.empty(width, np.float32)
    for c in range(width):
        out[c] = 0
    for block in range(len(cuts) - 1):
        first, last = cuts[block], cuts[block + 1]
        for c in range(width):
            sums[c] = 0
        for each in range(first // span, (last + span - 1) // span):
            begin = max(first, each * span)
            end = min(last, (each + 1) * span)
            rest = begin + (end - begin) // 4 * 4
            widen(factors[each], factor)
            for k in range(begin, rest, 4):
                add_four_rows(vector, weights, k, factor, sums)
            for k in range(rest, end):
                add_row(vector[k], weights[k], factor, sums)
        for c in range(width):
            out[c] += sums[c]


def widen_run(source, factors, first, count, to, out):
    """Write count values of source times their factors, from first on, to out, from to on."""
    # So Pythran knows that they do not count from the end.
    begin = max(0, first)
    start = max(0, to)
    # omp simd
    for c in range(count):
        out[start + c] = np.float32(source[begin + c]) * np.float32(factors[begin + c])


# pythran export widen_columns(int16[:,:] order(C), uint8[:,:] order(C), int, int, int, int, float32[:,:] order(C))
def widen_columns(weights, factors, span, first, count, to, out):
    """Write count columns of weights (depth, columns) times their factors, from first on, to out, from column to on."""
    for k in range(len(out)):
        widen_run(weights[k], factors[k // span], first, count, to, out[k])
