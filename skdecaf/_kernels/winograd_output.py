"""Output transform of minimal filtering (Winograd): products back to pixels, with bias and ReLU.

The t x t values of a tile in each channel become step x step pixels: A^T m A for the points of `winograd_input`.
"""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np


def combine_six(rows, first, place, out):
    """Combine six rows of values, rows[first] to rows[first + 5] at place, into out (4, channels)."""
    m0 = rows[first, place]
    m1 = rows[first + 1, place]
    m2 = rows[first + 2, place]
    m3 = rows[first + 3, place]
    m4 = rows[first + 4, place]
    m5 = rows[first + 5, place]
    y0 = out[0]
    y1 = out[1]
    y2 = out[2]
    y3 = out[3]
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


def combine_seven(rows, first, place, out):
    """The same for seven rows and out (5, channels)."""
    m0 = rows[first, place]
    m1 = rows[first + 1, place]
    m2 = rows[first + 2, place]
    m3 = rows[first + 3, place]
    m4 = rows[first + 4, place]
    m5 = rows[first + 5, place]
    m6 = rows[first + 6, place]
    y0 = out[0]
    y1 = out[1]
    y2 = out[2]
    y3 = out[3]
    y4 = out[4]
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


def combine_eight(rows, first, place, out):
    """The same for eight rows and out (4, channels)."""
    m0 = rows[first, place]
    m1 = rows[first + 1, place]
    m2 = rows[first + 2, place]
    m3 = rows[first + 3, place]
    m4 = rows[first + 4, place]
    m5 = rows[first + 5, place]
    m6 = rows[first + 6, place]
    m7 = rows[first + 7, place]
    y0 = out[0]
    y1 = out[1]
    y2 = out[2]
    y3 = out[3]
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


def combine_rows(t, rows, first, place, out):
    """Combine t rows into as many as out has."""
    if t == 6:
        combine_six(rows, first, place, out)
    elif t == 7:
        combine_seven(rows, first, place, out)
    else:
        combine_eight(rows, first, place, out)


def finish_pixel(values, bias, rectify, out):
    """Write values plus bias into out, with rectify != 0 no less than zero; NaN stays NaN."""
    zero = np.float32(0)
    if rectify:
        # omp simd
        for c in range(len(out)):
            value = values[c] + bias[c]
            out[c] = zero if value < zero else value
    else:
        # omp simd
        for c in range(len(out)):
            out[c] = values[c] + bias[c]


# pythran export transform_output(float32[:,:,:] order(C), int64[:,:] order(C), int, float32[:] order(C), int, int, int, float32[:,:,:,:] order(C))
def transform_output(products, places, step, bias, rectify, start, stop, out):
    """Fill out (n, height, width, channels) from products (rows * t, t, channels).

    places (n, tiles) says which t x t products each tile of each image has: those from row place * t on. Only the
    tiles from start to before stop are done, counted through all images.
    """
    _, height, width, channels = out.shape
    t = products.shape[1]
    tiles = places.shape[1]
    across = (width + step - 1) // step
    columns = np.empty((t, step, channels), np.float32)
    pixels = np.empty((step, channels), np.float32)
    for each in range(start, stop):
        i = each // tiles
        # Not with %: Pythran counts such a remainder from 0, wherever the loop begins.
        tile = each - i * tiles
        top = tile // across * step
        left = tile % across * step
        for k in range(t):
            combine_rows(t, products, places[i, tile] * t, k, columns[k])
        for y in range(min(step, height - top)):
            combine_rows(t, columns, 0, y, pixels)
            for x in range(min(step, width - left)):
                finish_pixel(pixels[x], bias, rectify, out[i, top + y, left + x])
