"""Max pooling of rows that were just written and are still in the cache.

A part of other kernels, and never imported by itself. They write an image's maps row by row into a ring buffer: a row
is overwritten once no window needs it any more, so the maps are never held as a whole. A ring has a first axis of 1,
so that its rows are of the type that the rows of whole maps (n, height, width, channels) have, and are compiled once.
"""

# SPDX-License-Identifier: BSD-3-Clause
from .pooling import pool_row


def pool_written_rows(ring, bottom, height, done, window, first, out):
    """Pool all windows that end above row bottom and were not done; return how many rows of windows are done now.

    Row y of the maps, which have height rows, is ring[y % len(ring)], len(ring) no less than the rows that are written
    in between and kernel - 1 more. Channels are those of out (out_height, out_width, all channels) from first on.
    """
    kernel, stride, pad = window
    while done < len(out) and min(height, done * stride - pad + kernel) <= bottom:
        top = done * stride - pad
        pool_row(ring, max(0, top), min(height, top + kernel), kernel, stride, pad, first, out[done])
        done += 1
    return done
