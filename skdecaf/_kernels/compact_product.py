"""Products of rows and 16-bit weights, which are widened a block at a time; else as `product`."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

from .product import multiply_panel


def widen(source, factors, first, count, span, out):
    """Write count rows of 16 weights, from row first on, times their factors to out (256 * 16,)."""
    factor = np.empty(16, np.float32)
    k = max(0, first)
    while k < first + count:
        each = max(0, k // span)
        end = min(first + count, (each + 1) * span)
        for c in range(16):
            factor[c] = factors[each * 16 + c]
        for row in range(k, end):
            start, to = max(0, row * 16), max(0, (row - first) * 16)
            # omp simd
            for c in range(16):
                out[to + c] = np.float32(source[start + c]) * factor[c]
        k = end


def add_term(row, index, k, panel, factor, first_factor, sums):
    """Add a term to the sums of 16 columns, which are where their factors are."""
    start, f, p = max(0, k * 16), max(0, first_factor), max(0, index)
    value = row[p]
    # omp simd
    for c in range(16):
        sums[f + c] += value * (np.float32(panel[start + c]) * factor[f + c])


def add_four_terms(row, index, k, panel, factor, first_factor, sums):
    """Add four terms, one after the other, while the sums are in a register."""
    start, f, p = max(0, k * 16), max(0, first_factor), max(0, index)
    v0 = row[p]
    v1 = row[p + 1]
    v2 = row[p + 2]
    v3 = row[p + 3]
    # omp simd
    for c in range(16):
        total = sums[f + c]
        total += v0 * (np.float32(panel[start + c]) * factor[f + c])
        total += v1 * (np.float32(panel[start + c + 16]) * factor[f + c])
        total += v2 * (np.float32(panel[start + c + 32]) * factor[f + c])
        total += v3 * (np.float32(panel[start + c + 48]) * factor[f + c])
        sums[f + c] = total


# pythran export multiply_row(float32[:,:] order(C), int16[:,:] order(C), uint8[:,:] order(C), int, int, float32[:] order(C))
def multiply_row(rows, panels, factors, span, n_columns, out):
    """Multiply a single row; the weights are widened where they are added, which is faster for one row.

    Four panels are multiplied at a time, so that the processor need not wait for one sum after the other.

    Parameters
    ----------
    rows, panels, factors, span, n_columns
        As for `multiply_compact`.
    out : (n_columns or more,)
    """
    n_panels, size = panels.shape
    depth = size // 16
    sums, factor = np.empty(64, np.float32), np.empty(64, np.float32)
    for first in range(0, n_panels, 4):
        last = min(n_panels, first + 4)
        for b in range((depth + 255) // 256):
            row, start = rows[b], b * 256
            for c in range(64):
                sums[c] = 0
            k, end = start, min(depth, start + 256)
            while k < end:
                each = k // span
                stop = min(end, (each + 1) * span)
                for j in range(first, last):
                    for c in range(16):
                        factor[(j - first) * 16 + c] = factors[j, each * 16 + c]
                whole = stop - (stop - k) % 4
                for q in range(k, whole, 4):
                    for j in range(first, last):
                        add_four_terms(row, q - start, q, panels[j], factor, (j - first) * 16, sums)
                for q in range(whole, stop):
                    for j in range(first, last):
                        add_term(row, q - start, q, panels[j], factor, (j - first) * 16, sums)
                k = stop
            for c in range(first * 16, min(n_columns, last * 16)):
                out[c] = sums[c - first * 16] if b == 0 else out[c] + sums[c - first * 16]


# pythran export multiply_compact(float32[:,:] order(C), int16[:,:] order(C), uint8[:,:] order(C), int, int, int, int, float32[:] order(C))
def multiply_compact(rows, panels, factors, span, n_rows, n_columns, rows_at_once, out):
    """Multiply rows by panels of 16-bit columns.

    Parameters
    ----------
    rows : (blocks, height * 272)
        As for `product.multiply`.
    panels : (columns / 16, depth * 16)
    factors : (columns / 16, spans * 16)
        Panels (depth, 16) have a row of factors for each span rows. Weight times factor is exact.
    span, n_rows, n_columns : int
    rows_at_once : int
        As for `product.multiply`.
    out : (n_rows * n_columns + 192,)
        The last 192 values are scratch space.
    """
    n_panels, size = panels.shape
    depth = size // 16
    widened = np.empty(4096, np.float32)
    for start in range(0, n_panels, 8):
        for b in range((depth + 255) // 256):
            n = min(256, depth - b * 256)
            for j in range(start, min(start + 8, n_panels)):
                widen(panels[j], factors[j], b * 256, n, span, widened)
                columns = min(16, n_columns - j * 16)
                layout = j * 16, n_columns
                multiply_panel(rows[b], widened, 0, n, n_rows, columns, b > 0, rows_at_once, out, layout)
