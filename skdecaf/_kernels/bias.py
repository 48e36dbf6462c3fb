"""The end of a product: add the bias, rectify, and put the rows where the next layer reads them."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

from .fused_pooling import pool_written_rows


def finish_pixel(product, bias, rectify, first, out):
    """Write a pixel's values plus bias into out, from first on, with rectify != 0 no less than zero; NaN stays NaN."""
    zero = np.float32(0)
    start = max(0, first)  # so Pythran knows that it does not count from the end
    if rectify:
        # omp simd
        for c in range(len(bias)):
            value = product[c] + bias[c]
            out[start + c] = zero if value < zero else value
    else:
        # omp simd
        for c in range(len(bias)):
            out[start + c] = product[c] + bias[c]


# pythran export add_bias(float32[:,:,:] order(C), float32[:] order(C), int, int, float32[:,:,:] order(C))
def add_bias(products, bias, rectify, first_channel, out):
    """Add the bias to products, and rectify them.

    Parameters
    ----------
    products : (n, pixels, channels)
    bias : (channels,)
    rectify : int
        With 1 negative sums become zero (ReLU); NaN stays NaN.
    first_channel : int
        Of out, where these channels begin.
    out : (n, pixels, all channels)
    """
    n, rows, _ = out.shape
    for i in range(n):
        for r in range(rows):
            finish_pixel(products[i, r], bias, rectify, first_channel, out[i, r])


# pythran export add_bias_and_pool(float32[:,:,:] order(C), float32[:] order(C), int, int, int, float32[:,:,:,:] order(C), (int, int, int), float32[:,:,:,:] order(C))
def add_bias_and_pool(products, bias, rectify, first_channel, height, ring, window, out):
    """Add the bias and rectify as `add_bias` does, and max-pool from a ring buffer of a few rows.

    Parameters
    ----------
    products, bias, rectify, first_channel
        As for `add_bias`.
    height : int
        Rows of the maps.
    ring : (1, kernel, width, channels)
        Room for the rows.
    window : tuple (kernel, stride, pad)
        Of the pooling.
    out : (n, pooled height, pooled width, all channels)
    """
    rows, width = ring.shape[1:3]
    for i in range(len(out)):
        done = 0
        for y in range(height):
            row = ring[0, y % rows]
            for x in range(width):
                finish_pixel(products[i, y * width + x], bias, rectify, 0, row[x])
            done = pool_written_rows(ring[0], y + 1, height, done, window, first_channel, out[i])


# pythran export rectify(float32[:] order(C), float32[:] order(C))
def rectify(values, out):
    """Write max(values, 0) into out; NaN stays NaN."""
    zero = np.float32(0)
    # omp simd
    for i in range(len(out)):
        out[i] = zero if values[i] < zero else values[i]
