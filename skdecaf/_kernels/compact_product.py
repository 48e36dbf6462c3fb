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


# pythran export multiply_compact(float32[:,:] order(C), int16[:,:] order(C), uint8[:,:] order(C), int, int, int, float32[:] order(C))
def multiply_compact(rows, panels, factors, span, n_rows, n_columns, out):
    """Multiply rows by panels of 16-bit columns.

    Parameters
    ----------
    rows : (blocks, height * 272)
        As of `product.multiply`.
    panels : (columns / 16, depth * 16)
    factors : (columns / 16, spans * 16)
        Panels (depth, 16) have a row of factors for each span rows. Weight times factor is exact.
    span, n_rows, n_columns : int
    out : (n_rows * n_columns + 192,)
        The end is room to work in.
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
                multiply_panel(rows[b], widened, 0, n, n_rows, columns, b > 0, out, (j * 16, n_columns))
