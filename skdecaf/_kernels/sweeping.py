"""Max pooling and response normalisation of rows that were just written and are still in the cache.

A part of other kernels, and never imported by itself. They write an image's maps row by row into a ring of rows: by the
time that a row is written over, no window needs it any more. The maps are never whole. A ring has a first axis of 1, so
that its rows are of the type that the rows of whole maps (n, height, width, channels) have, and are compiled once.
"""

# SPDX-License-Identifier: BSD-3-Clause
from .pooling import pool_row
from .response_norm import normalise_pixel


def pool_written_rows(ring, bottom, height, done, kernel, stride, pad, first, size, share, beta, k, squares, sums, out):
    """Pool all windows that end above row bottom and were not done; return how many rows of windows are done now.

    Row y of the maps, which have height rows, is ring[y % len(ring)], len(ring) no less than the rows that are written
    in between and kernel - 1 more. Channels are those of out (out_height, out_width, all channels) from first on.
    Unless size is 0, out is normalised too; for squares and sums see `normalise_pixel`.
    """
    while done < len(out) and min(height, done * stride - pad + kernel) <= bottom:
        top = done * stride - pad
        pool_row(ring, max(0, top), min(height, top + kernel), kernel, stride, pad, first, out[done])
        if size:
            for x in range(out.shape[1]):
                pixel = out[done, x]
                normalise_pixel(pixel, size, share, beta, k, squares, sums, pixel)
        done += 1
    return done
