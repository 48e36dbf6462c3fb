"""Local response normalisation across channels."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np


def square_pixel(pixel, half, squares):
    """Write the squares of pixel into the middle of squares, which has half zeros on either side."""
    first = max(0, half)  # so Pythran knows that it does not count from the end
    # omp simd
    for c in range(len(pixel)):
        squares[first + c] = pixel[c] * pixel[c]


def window_sums(squares, size, sums):
    """Sum each window of size neighbouring squares."""
    for c in range(len(sums)):
        sums[c] = squares[c]
    for j in range(1, size):
        # omp simd
        for c in range(len(sums)):
            sums[c] = sums[c] + squares[c + j]


def divide_three_quarters(pixel, sums, k, share, out):
    """The usual beta = 0.75 without a power: s^0.75 = sqrt(s * sqrt(s))."""
    # omp simd
    for c in range(len(out)):
        s = k + share * sums[c]
        out[c] = pixel[c] / np.sqrt(s * np.sqrt(s))


def divide_power(pixel, sums, k, share, beta, out):
    """Any other beta."""
    for c in range(len(out)):
        out[c] = pixel[c] / np.power(k + share * sums[c], beta)


def normalise_pixel(pixel, size, share, beta, k, squares, sums, out):
    """Normalise one pixel; out may be the pixel itself. squares and sums are scratch space.

    Squares has size // 2 zeros on either side.
    """
    square_pixel(pixel, size // 2, squares)
    window_sums(squares, size, sums)
    if beta == np.float32(0.75):
        divide_three_quarters(pixel, sums, k, share, out)
    else:
        divide_power(pixel, sums, k, share, beta, out)


# pythran export response_norm(float32[:,:] order(C), int, float32, float32, float32, float32[:,:] order(C))
def response_norm(pixels, size, share, beta, k, out):
    """Fill out with x_c / (k + share * sum of x_j^2)^beta, j from c - size // 2 on over size channels.

    pixels and out are (pixels, channels); share is alpha / size; size is odd; channels outside count as zero.
    """
    n, channels = pixels.shape
    squares = np.zeros(channels + size - 1, np.float32)
    sums = np.zeros(channels, np.float32)
    for i in range(n):
        normalise_pixel(pixels[i], size, share, beta, k, squares, sums, out[i])
