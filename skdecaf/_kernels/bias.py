"""The end of a product: add the bias, rectify, and put the rows where the next layer reads them."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np


# pythran export add_bias(float32[:,:,:] order(C), float32[:] order(C), int, int, float32[:,:,:] order(C))
def add_bias(products, bias, rectify, first_channel, out):
    """Write products (n, rows or more, channels) plus bias into out (n, rows, all channels) from first_channel on.

    With rectify != 0 negative sums become zero (ReLU); NaN stays NaN.
    """
    n, rows, _ = out.shape
    channels = bias.shape[0]
    zero = np.float32(0)
    start = max(0, first_channel)  # so Pythran knows that it does not count from the end
    for i in range(n):
        for r in range(rows):
            product = products[i, r]
            target = out[i, r]
            if rectify:
                # omp simd
                for c in range(channels):
                    value = product[c] + bias[c]
                    target[start + c] = zero if value < zero else value
            else:
                # omp simd
                for c in range(channels):
                    target[start + c] = product[c] + bias[c]


# pythran export rectify(float32[:] order(C), float32[:] order(C))
def rectify(values, out):
    """Write max(values, 0) into out; NaN stays NaN."""
    zero = np.float32(0)
    # omp simd
    for i in range(len(out)):
        out[i] = zero if values[i] < zero else values[i]
