"""Matrix products of our own: each value is one sum along the depth, in an order that nothing else changes.

The depth is cut into blocks of 256. Within a block the terms are added one after the other, each by a fused
multiply-add; the sums of the blocks are added in their order. So a value has the same bits whichever rows and columns
are computed beside it.

The right matrix is packed into panels of 16 columns, and rows of the left one lie 272 values apart: both numbers have
to be literals, and the loop over a panel's columns the outer one, for GCC to vectorise it, with registers for the sums
of a few rows. Rows need no packing; the 16 values between a block and the next keep rows apart in the cache.

A processor needs eight sums or more that do not wait for each other, and few loads for each multiplication. With
registers of 16 values 12 rows are multiplied at a time. With smaller ones, of which there are 16, it is 6 rows and the
left and the right half of a panel: each value of a row is loaded once for both.
"""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np


def multiply_twelve_rows(rows, panels, first_row, first_panel, depth, out, first_out, width):
    """Write the product of 12 rows and 16 columns to out, where rows are width values apart; for long registers."""
    # Pythran sees that no index counts from the end, and GCC that the inner loop is not empty.
    r, p, n, o, w = max(0, first_row), max(0, first_panel), max(1, depth), max(0, first_out), max(0, width)
    zero = np.float32(0)
    # omp simd
    for c in range(16):
        s0 = zero
        s1 = zero
        s2 = zero
        s3 = zero
        s4 = zero
        s5 = zero
        s6 = zero
        s7 = zero
        s8 = zero
        s9 = zero
        s10 = zero
        s11 = zero
        for k in range(n):
            value = panels[p + k * 16 + c]
            s0 += rows[r + k] * value
            s1 += rows[r + k + 272] * value
            s2 += rows[r + k + 544] * value
            s3 += rows[r + k + 816] * value
            s4 += rows[r + k + 1088] * value
            s5 += rows[r + k + 1360] * value
            s6 += rows[r + k + 1632] * value
            s7 += rows[r + k + 1904] * value
            s8 += rows[r + k + 2176] * value
            s9 += rows[r + k + 2448] * value
            s10 += rows[r + k + 2720] * value
            s11 += rows[r + k + 2992] * value
        out[o + c] = s0
        out[o + w + c] = s1
        out[o + 2 * w + c] = s2
        out[o + 3 * w + c] = s3
        out[o + 4 * w + c] = s4
        out[o + 5 * w + c] = s5
        out[o + 6 * w + c] = s6
        out[o + 7 * w + c] = s7
        out[o + 8 * w + c] = s8
        out[o + 9 * w + c] = s9
        out[o + 10 * w + c] = s10
        out[o + 11 * w + c] = s11


def multiply_four_rows(rows, panels, first_row, first_panel, depth, out, first_out, width):
    """Write the product of 4 rows and 16 columns to out; for long registers."""
    r, p, n, o, w = max(0, first_row), max(0, first_panel), max(1, depth), max(0, first_out), max(0, width)
    zero = np.float32(0)
    # omp simd
    for c in range(16):
        s0 = zero
        s1 = zero
        s2 = zero
        s3 = zero
        for k in range(n):
            value = panels[p + k * 16 + c]
            s0 += rows[r + k] * value
            s1 += rows[r + k + 272] * value
            s2 += rows[r + k + 544] * value
            s3 += rows[r + k + 816] * value
        out[o + c] = s0
        out[o + w + c] = s1
        out[o + 2 * w + c] = s2
        out[o + 3 * w + c] = s3


def multiply_six_rows_in_halves(rows, panels, first_row, first_panel, depth, out, first_out, width):
    """Write the product of 6 rows and both halves of 16 columns to out."""
    r, p, n, o, w = max(0, first_row), max(0, first_panel), max(1, depth), max(0, first_out), max(0, width)
    zero = np.float32(0)
    # omp simd
    for c in range(8):
        s0 = zero
        s1 = zero
        s2 = zero
        s3 = zero
        s4 = zero
        s5 = zero
        t0 = zero
        t1 = zero
        t2 = zero
        t3 = zero
        t4 = zero
        t5 = zero
        for k in range(n):
            left = panels[p + k * 16 + c]
            right = panels[p + k * 16 + 8 + c]
            s0 += rows[r + k] * left
            t0 += rows[r + k] * right
            s1 += rows[r + k + 272] * left
            t1 += rows[r + k + 272] * right
            s2 += rows[r + k + 544] * left
            t2 += rows[r + k + 544] * right
            s3 += rows[r + k + 816] * left
            t3 += rows[r + k + 816] * right
            s4 += rows[r + k + 1088] * left
            t4 += rows[r + k + 1088] * right
            s5 += rows[r + k + 1360] * left
            t5 += rows[r + k + 1360] * right
        out[o + c] = s0
        out[o + 8 + c] = t0
        out[o + w + c] = s1
        out[o + w + 8 + c] = t1
        out[o + 2 * w + c] = s2
        out[o + 2 * w + 8 + c] = t2
        out[o + 3 * w + c] = s3
        out[o + 3 * w + 8 + c] = t3
        out[o + 4 * w + c] = s4
        out[o + 4 * w + 8 + c] = t4
        out[o + 5 * w + c] = s5
        out[o + 5 * w + 8 + c] = t5


def multiply_four_rows_in_halves(rows, panels, first_row, first_panel, depth, out, first_out, width):
    """Write the product of 4 rows and both halves of 16 columns to out."""
    r, p, n, o, w = max(0, first_row), max(0, first_panel), max(1, depth), max(0, first_out), max(0, width)
    zero = np.float32(0)
    # omp simd
    for c in range(8):
        s0 = zero
        s1 = zero
        s2 = zero
        s3 = zero
        t0 = zero
        t1 = zero
        t2 = zero
        t3 = zero
        for k in range(n):
            left = panels[p + k * 16 + c]
            right = panels[p + k * 16 + 8 + c]
            s0 += rows[r + k] * left
            t0 += rows[r + k] * right
            s1 += rows[r + k + 272] * left
            t1 += rows[r + k + 272] * right
            s2 += rows[r + k + 544] * left
            t2 += rows[r + k + 544] * right
            s3 += rows[r + k + 816] * left
            t3 += rows[r + k + 816] * right
        out[o + c] = s0
        out[o + 8 + c] = t0
        out[o + w + c] = s1
        out[o + w + 8 + c] = t1
        out[o + 2 * w + c] = s2
        out[o + 2 * w + 8 + c] = t2
        out[o + 3 * w + c] = s3
        out[o + 3 * w + 8 + c] = t3


def multiply_row(rows, panels, first_row, first_panel, depth, out, first_out):
    """Write the product of one row and 16 columns to out."""
    r, p, n, o = max(0, first_row), max(0, first_panel), max(1, depth), max(0, first_out)
    zero = np.float32(0)
    # omp simd
    for c in range(8):
        s0 = zero
        t0 = zero
        for k in range(n):
            s0 += rows[r + k] * panels[p + k * 16 + c]
            t0 += rows[r + k] * panels[p + k * 16 + 8 + c]
        out[o + c] = s0
        out[o + 8 + c] = t0


def multiply_row_by_four_panels(row, p0, p1, p2, p3, first_value, depth, out, first_out):
    """Write the product of one row and four panels to out: more is read from the memory at the same time."""
    p, n, o = max(0, first_value), max(1, depth), max(0, first_out)
    zero = np.float32(0)
    # omp simd
    for c in range(8):
        s0 = zero
        s1 = zero
        s2 = zero
        s3 = zero
        t0 = zero
        t1 = zero
        t2 = zero
        t3 = zero
        for k in range(n):
            value = row[k]
            s0 += value * p0[p + k * 16 + c]
            t0 += value * p0[p + k * 16 + 8 + c]
            s1 += value * p1[p + k * 16 + c]
            t1 += value * p1[p + k * 16 + 8 + c]
            s2 += value * p2[p + k * 16 + c]
            t2 += value * p2[p + k * 16 + 8 + c]
            s3 += value * p3[p + k * 16 + c]
            t3 += value * p3[p + k * 16 + 8 + c]
        out[o + c] = s0
        out[o + 8 + c] = t0
        out[o + 16 + c] = s1
        out[o + 24 + c] = t1
        out[o + 32 + c] = s2
        out[o + 40 + c] = t2
        out[o + 48 + c] = s3
        out[o + 56 + c] = t3


def move_tile(n_rows, n_columns, add, out, tile, first_out, row_length):
    """Write n_rows x n_columns values of the tile (12, 16) to their place in out, or add them."""
    for i in range(n_rows):
        o, t = max(0, first_out + i * row_length), max(0, tile + i * 16)
        if add:
            # omp simd
            for c in range(n_columns):
                out[o + c] += out[t + c]
        else:
            # omp simd
            for c in range(n_columns):
                out[o + c] = out[t + c]


# pythran export multiply(float32[:,:] order(C), float32[:,:,:] order(C), int, int, int, int, float32[:] order(C))
def multiply(rows, panels, first_panel, n_rows, n_columns, rows_at_once, out):
    """Multiply rows by panels of columns, as many pairs of matrices as there are.

    Parameters
    ----------
    rows : (blocks * pairs, height * 272)
        Left matrices, n_rows of their height rows, of which there are a multiple of 12 or more: value k of row r of
        pair i is in rows[k // 256 * pairs + i] at r * 272 + k % 256.
    panels : (pairs, all columns / 16, depth * 16)
        Right matrices: value (k, c) is in panel c // 16 at k * 16 + c % 16. The last panel is filled up with zeros.
    first_panel : int
        Where the columns begin.
    n_rows, n_columns : int
        Shape of the products.
    rows_at_once : int
        12 or 6; the products are the same.
    out : (n_rows * row length + 192,)
        Value (r, c) of pair i is at r * row length + i * n_columns + c. The last 192 values are scratch space.
    """
    pairs, _, size = panels.shape
    depth, n_panels = size // 16, (n_columns + 15) // 16
    blocks = (depth + 255) // 256
    row_length = (len(out) - 192) // n_rows
    for i in range(pairs):
        start = 0
        while n_rows == 1 and start + 4 <= n_columns // 16:
            for b in range(blocks):
                multiply_row_by_four_panels(
                    rows[b * pairs + i],
                    panels[i, first_panel + start],
                    panels[i, first_panel + start + 1],
                    panels[i, first_panel + start + 2],
                    panels[i, first_panel + start + 3],
                    b * 4096,
                    min(256, depth - b * 256),
                    out,
                    row_length,
                )
                move_tile(1, 64, b > 0, out, row_length, i * n_columns + start * 16, 0)
            start += 4
        # A few panels of a block at a time: rows are read from the cache again for each few.
        for first in range(start, n_panels, 8):
            for b in range(blocks):
                n = min(256, depth - b * 256)
                for j in range(first, min(first + 8, n_panels)):
                    layout = i * n_columns + j * 16, row_length
                    columns = min(16, n_columns - j * 16)
                    multiply_panel(
                        rows[b * pairs + i],
                        panels[i, first_panel + j],
                        b * 4096,
                        n,
                        n_rows,
                        columns,
                        b > 0,
                        rows_at_once,
                        out,
                        layout,
                    )


def next_rows(n_rows, rows_at_once):
    """Return how many of n_rows rows to multiply next, so that few sums are computed for nothing."""
    if rows_at_once == 12:
        # Few rows come first: while they are multiplied, the panel is read from the memory, which is faster the fewer
        # multiplications wait for it.
        rest = n_rows % 12
        if rest == 0:
            return 12
        return rest if rest == 5 or rest == 6 or rest > 9 else min(4, rest)
    # Few rows come last: the loop over 6 rows is the one that prefetches. A lone row takes as long as four, and so
    # 4 + 3 are better than 6 + 1.
    if n_rows == 6 or n_rows > 8:
        return 6
    return n_rows if n_rows == 5 else min(4, n_rows)


def multiply_panel(rows, panel, first_value, depth, n_rows, n_columns, add, rows_at_once, out, layout):
    """Multiply all rows by a block of a panel, which begins at first_value.

    It goes to out, whose layout is (first value, values from a row to the next). With add it is added to the values
    that are there.
    """
    first_out, row_length = layout
    tile = len(out) - 192
    r = 0
    while r < n_rows:
        count = next_rows(n_rows - r, rows_at_once)
        first, to = r * 272, first_out + r * row_length
        whole = (count == 1 or count == 4 or count == 6 or count == 12) and n_columns == 16 and not add
        target, stride = (to, row_length) if whole else (tile, 16)
        # Each of these is called once, so that the compiler puts it in this place, where it can vectorise it.
        if count > 6:
            multiply_twelve_rows(rows, panel, first, first_value, depth, out, target, stride)
        elif count > 4:
            multiply_six_rows_in_halves(rows, panel, first, first_value, depth, out, target, stride)
        elif count == 1:
            multiply_row(rows, panel, first, first_value, depth, out, target)
        elif rows_at_once == 12:
            multiply_four_rows(rows, panel, first, first_value, depth, out, target, stride)
        else:
            multiply_four_rows_in_halves(rows, panel, first, first_value, depth, out, target, stride)
        if not whole:
            move_tile(count, n_columns, add, out, tile, to, row_length)
        r += count
