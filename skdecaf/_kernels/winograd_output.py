"""Winograd output transform: products become pixels, with bias and ReLU.

The t x t values of a tile in each channel become step x step pixels: A^T m A for the points of `winograd_input`.
"""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

from .bias import finish_pixel
from .fused_pooling import pool_written_rows


def combine_six(rows, first, stride, out, offset):
    """Combine six rows of values, first, first + stride and so on, into four of out, from offset on."""
    m0 = rows[first]
    m1 = rows[first + stride]
    m2 = rows[first + 2 * stride]
    m3 = rows[first + 3 * stride]
    m4 = rows[first + 4 * stride]
    m5 = rows[first + 5 * stride]
    y0 = out[offset]
    y1 = out[offset + 1]
    y2 = out[offset + 2]
    y3 = out[offset + 3]
    two, four, eight = np.float32(2), np.float32(4), np.float32(8)
    # omp simd
    for c in range(len(y0)):
        s1 = m1[c] + m2[c]
        d1 = m1[c] - m2[c]
        s2 = m3[c] + m4[c]
        d2 = m3[c] - m4[c]
        y0[c] = m0[c] + s1 + s2
        y1[c] = d1 + two * d2
        y2[c] = s1 + four * s2
        y3[c] = d1 + eight * d2 + m5[c]


def combine_seven(rows, first, stride, out, offset):
    """Combine seven rows into five."""
    m0 = rows[first]
    m1 = rows[first + stride]
    m2 = rows[first + 2 * stride]
    m3 = rows[first + 3 * stride]
    m4 = rows[first + 4 * stride]
    m5 = rows[first + 5 * stride]
    m6 = rows[first + 6 * stride]
    y0 = out[offset]
    y1 = out[offset + 1]
    y2 = out[offset + 2]
    y3 = out[offset + 3]
    y4 = out[offset + 4]
    two, four, eight, sixteen = np.float32(2), np.float32(4), np.float32(8), np.float32(16)
    half, quarter, eighth, sixteenth = np.float32(0.5), np.float32(0.25), np.float32(0.125), np.float32(0.0625)
    # omp simd
    for c in range(len(y0)):
        s1 = m1[c] + m2[c]
        d1 = m1[c] - m2[c]
        s2 = m3[c] + m4[c]
        d2 = m3[c] - m4[c]
        y0[c] = m0[c] + s1 + s2 + m5[c]
        y1[c] = d1 + two * d2 + half * m5[c]
        y2[c] = s1 + four * s2 + quarter * m5[c]
        y3[c] = d1 + eight * d2 + eighth * m5[c]
        y4[c] = s1 + sixteen * s2 + sixteenth * m5[c] + m6[c]


def combine_eight(rows, first, stride, out, offset):
    """Combine eight rows into four."""
    m0 = rows[first]
    m1 = rows[first + stride]
    m2 = rows[first + 2 * stride]
    m3 = rows[first + 3 * stride]
    m4 = rows[first + 4 * stride]
    m5 = rows[first + 5 * stride]
    m6 = rows[first + 6 * stride]
    m7 = rows[first + 7 * stride]
    y0 = out[offset]
    y1 = out[offset + 1]
    y2 = out[offset + 2]
    y3 = out[offset + 3]
    two, four, eight = np.float32(2), np.float32(4), np.float32(8)
    half, quarter, eighth = np.float32(0.5), np.float32(0.25), np.float32(0.125)
    # omp simd
    for c in range(len(y0)):
        s1 = m1[c] + m2[c]
        d1 = m1[c] - m2[c]
        s2 = m3[c] + m4[c]
        d2 = m3[c] - m4[c]
        s3 = m5[c] + m6[c]
        d3 = m5[c] - m6[c]
        y0[c] = m0[c] + s1 + s2 + s3
        y1[c] = d1 + two * d2 + half * d3
        y2[c] = s1 + four * s2 + quarter * s3
        y3[c] = d1 + eight * d2 + eighth * d3 + m7[c]


def combine_rows(t, rows, first, stride, out, offset):
    """Combine t rows into the pixels along a side of a tile."""
    if t == 6:
        combine_six(rows, first, stride, out, offset)
    elif t == 7:
        combine_seven(rows, first, stride, out, offset)
    else:
        combine_eight(rows, first, stride, out, offset)


def transform_row(products, t, step, bias, rectify, first_channel, top, bottom, columns, pixels, rows):
    """Transform a row of tiles, which has the pixels from row top to row bottom; row y is rows[y % len(rows)]."""
    width = rows.shape[1]
    for tile in range(len(products)):
        product = products[tile]
        for k in range(t):
            combine_rows(t, product, k, t, columns, k * step)
        for y in range(bottom - top):
            combine_rows(t, columns, y, step, pixels, 0)
            row = rows[(top + y) % len(rows)]
            for x in range(min(step, width - tile * step)):
                finish_pixel(pixels[x], bias, rectify, first_channel, row[tile * step + x])


# pythran export transform_output(float32[:,:,:,:,:] order(C), (int, int), float32[:] order(C), int, int, float32[:,:,:,:] order(C))
def transform_output(products, tile_size, bias, rectify, first_channel, out):
    """Transform products back to pixels, add the bias, and rectify them.

    Parameters
    ----------
    products : (n, tiles down, tiles across, t * t or more, channels)
    tile_size : tuple (t, m)
        The t * t values of a tile become m x m pixels.
    bias : (channels,)
    rectify : int
        With 1 negative values become zero (ReLU).
    first_channel : int
        Of out, where these channels begin.
    out : (n, height, width, all channels)
    """
    t, step = tile_size
    n, height, _, _ = out.shape
    columns = np.empty((t * step, len(bias)), np.float32)
    pixels = np.empty((step, len(bias)), np.float32)
    for i in range(n):
        for ty in range(products.shape[1]):
            top, bottom = ty * step, min(height, ty * step + step)
            transform_row(products[i, ty], t, step, bias, rectify, first_channel, top, bottom, columns, pixels, out[i])


# pythran export transform_and_pool(float32[:,:,:,:,:] order(C), (int, int), float32[:] order(C), int, int, int, float32[:,:,:,:] order(C), (int, int, int), float32[:,:,:,:] order(C))
def transform_and_pool(products, tile_size, bias, rectify, first_channel, height, ring, window, out):
    """Transform products to pixels as `transform_output` does, and max-pool them from a ring buffer of a few rows.

    Parameters
    ----------
    products, tile_size, bias, rectify, first_channel
        As for `transform_output`.
    height : int
        Rows of the maps.
    ring : (1, m + kernel - 1, width, channels)
        Room for the rows.
    window : tuple (kernel, stride, pad)
        Of the pooling.
    out : (n, pooled height, pooled width, all channels)
    """
    t, step = tile_size
    columns = np.empty((t * step, len(bias)), np.float32)
    pixels = np.empty((step, len(bias)), np.float32)
    for i in range(len(out)):
        done = 0
        for ty in range(products.shape[1]):
            bottom = min(height, ty * step + step)
            transform_row(products[i, ty], t, step, bias, rectify, 0, ty * step, bottom, columns, pixels, ring[0])
            done = pool_written_rows(ring[0], bottom, height, done, window, first_channel, out[i])
