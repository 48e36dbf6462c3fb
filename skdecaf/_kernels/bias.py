"""The end of a product: add the bias, rectify, and put the rows where the next layer reads them."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

from .sweeping import pool_written_rows


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
    """Write products (n, rows or more, channels) plus bias into out (n, rows, all channels) from first_channel on.

    With rectify != 0 negative sums become zero (ReLU); NaN stays NaN.
    """
    n, rows, _ = out.shape
    for i in range(n):
        for r in range(rows):
            finish_pixel(products[i, r], bias, rectify, first_channel, out[i, r])


# pythran export add_bias_and_pool(float32[:,:,:] order(C), float32[:] order(C), int, int, int, float32[:,:,:,:] order(C), int, int, int, int, float32, float32, float32, float32[:,:,:,:] order(C))
def add_bias_and_pool(
    products, bias, rectify, first_channel, height, ring, kernel, stride, pad, size, share, beta, k, out
):
    """The same and, in one sweep, `max_pool` of the maps and, unless size is 0, `response_norm` of that.

    The maps have height rows. Of them only ring (1, kernel, width, channels) is kept, for a while.
    """
    rows, width = ring.shape[1:3]
    squares = np.zeros(len(bias) + size, np.float32)
    sums = np.zeros(len(bias), np.float32)
    for i in range(len(out)):
        done = 0
        for y in range(height):
            row = ring[0, y % rows]
            for x in range(width):
                finish_pixel(products[i, y * width + x], bias, rectify, 0, row[x])
            done = pool_written_rows(
                ring[0],
                y + 1,
                height,
                done,
                kernel,
                stride,
                pad,
                first_channel,
                size,
                share,
                beta,
                k,
                squares,
                sums,
                out[i],
            )


# pythran export rectify(float32[:] order(C), float32[:] order(C))
def rectify(values, out):
    """Write max(values, 0) into out; NaN stays NaN."""
    zero = np.float32(0)
    # omp simd
    for i in range(len(out)):
        out[i] = zero if values[i] < zero else values[i]
