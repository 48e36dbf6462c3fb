"""Output transform of minimal filtering (Winograd): products back to pixels, with bias and ReLU.

The t x t values of a tile in each channel become step x step pixels: A^T m A for the points of `winograd_input`.
"""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np


def combine_six(rows, first, apart, out, place):
    """Combine six rows of values, every apart-th from the first, into four of out, from place on."""
    m0 = rows[first]
    m1 = rows[first + apart]
    m2 = rows[first + 2 * apart]
    m3 = rows[first + 3 * apart]
    m4 = rows[first + 4 * apart]
    m5 = rows[first + 5 * apart]
    y0 = out[place]
    y1 = out[place + 1]
    y2 = out[place + 2]
    y3 = out[place + 3]
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


def combine_seven(rows, first, apart, out, place):
    """The same for seven rows into five."""
    m0 = rows[first]
    m1 = rows[first + apart]
    m2 = rows[first + 2 * apart]
    m3 = rows[first + 3 * apart]
    m4 = rows[first + 4 * apart]
    m5 = rows[first + 5 * apart]
    m6 = rows[first + 6 * apart]
    y0 = out[place]
    y1 = out[place + 1]
    y2 = out[place + 2]
    y3 = out[place + 3]
    y4 = out[place + 4]
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


def combine_eight(rows, first, apart, out, place):
    """The same for eight rows into four."""
    m0 = rows[first]
    m1 = rows[first + apart]
    m2 = rows[first + 2 * apart]
    m3 = rows[first + 3 * apart]
    m4 = rows[first + 4 * apart]
    m5 = rows[first + 5 * apart]
    m6 = rows[first + 6 * apart]
    m7 = rows[first + 7 * apart]
    y0 = out[place]
    y1 = out[place + 1]
    y2 = out[place + 2]
    y3 = out[place + 3]
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


def combine_rows(t, rows, first, apart, out, place):
    """Combine t rows into the pixels along a side of a tile."""
    if t == 6:
        combine_six(rows, first, apart, out, place)
    elif t == 7:
        combine_seven(rows, first, apart, out, place)
    else:
        combine_eight(rows, first, apart, out, place)


def finish_pixel(values, bias, rectify, first, out):
    """Write values plus bias into out, from first on, with rectify != 0 no less than zero; NaN stays NaN."""
    zero = np.float32(0)
    start = max(0, first)  # so Pythran knows that it does not count from the end
    if rectify:
        # omp simd
        for c in range(len(values)):
            value = values[c] + bias[c]
            out[start + c] = zero if value < zero else value
    else:
        # omp simd
        for c in range(len(values)):
            out[start + c] = values[c] + bias[c]


# pythran export transform_output(float32[:,:,:] order(C), int64[:,:] order(C), int, int, float32[:] order(C), int, int, float32[:,:,:,:] order(C))
def transform_output(products, places, t, step, bias, rectify, first_channel, out):
    """Fill out (n, height, width, all channels) from products (rows, t * t or more, channels).

    Channels are those of out from first_channel on. places (n, tiles) says which row of products each tile of each
    image has.
    """
    n, height, width, _ = out.shape
    channels = products.shape[2]
    across = (width + step - 1) // step
    columns = np.empty((t * step, channels), np.float32)
    pixels = np.empty((step, channels), np.float32)
    for i in range(n):
        for tile in range(places.shape[1]):
            top = tile // across * step
            left = tile % across * step
            product = products[places[i, tile]]
            for k in range(t):
                combine_rows(t, product, k, t, columns, k * step)
            for y in range(min(step, height - top)):
                combine_rows(t, columns, y, step, pixels, 0)
                for x in range(min(step, width - left)):
                    finish_pixel(pixels[x], bias, rectify, first_channel, out[i, top + y, left + x])
