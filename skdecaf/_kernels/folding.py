"""Pixels to network input for a convolution with a stride: normalised, each stride x stride square as one pixel."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np


def normalise_row(pixels, mean, scale, start, out):
    """Write (pixels - mean) / scale into out, from start on."""
    first = max(0, start)  # so Pythran knows that it does not count from the end
    # omp simd
    for i in range(len(pixels)):
        out[first + i] = (pixels[i] - mean[i]) / scale[i]


def copy_run(source, start, out):
    """Fill out with the values of source from start on."""
    first = max(0, start)
    # omp simd
    for i in range(len(out)):
        out[i] = source[first + i]


# pythran export fold_pixels(uint8[:,:,:] order(C), float32[:] order(C), float32[:] order(C), int, float32[:,:,:,:,:] order(C))
# pythran export fold_pixels(float32[:,:,:] order(C), float32[:] order(C), float32[:] order(C), int, float32[:,:,:,:,:] order(C))
def fold_pixels(images, mean, scale, pad, out):
    """Fill out (n, height, width, stride, stride * channels) from images (n, rows, columns * channels).

    out[i, y, x, dy] holds stride neighbouring pixels of row y * stride + dy - pad, from column x * stride - pad on, as
    (images - mean) / scale; outside the image it is zero. mean and scale are as long as a row.
    """
    n, rows, length = images.shape
    _, height, width, stride, run = out.shape
    left = pad * (run // stride)
    line = np.zeros(max(width * run, left + length), np.float32)
    blank = np.zeros(run, np.float32)
    for i in range(n):
        for y in range(height):
            for dy in range(stride):
                row = y * stride + dy - pad
                if row < 0 or row >= rows:
                    for x in range(width):
                        copy_run(blank, 0, out[i, y, x, dy])
                else:
                    normalise_row(images[i, row], mean, scale, left, line)
                    for x in range(width):
                        copy_run(line, x * run, out[i, y, x, dy])
