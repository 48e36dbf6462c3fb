"""Space to depth: each square of stride x stride pixels becomes one pixel, so a convolution gets a stride of 1."""

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


# pythran export space_to_depth(uint8[:,:,:] order(C), float32[:] order(C), float32[:] order(C), int, (int, int), float32[:,:,:,:,:] order(C))
# pythran export space_to_depth(float32[:,:,:] order(C), float32[:] order(C), float32[:] order(C), int, (int, int), float32[:,:,:,:,:] order(C))
def space_to_depth(images, mean, scale, pad, lines, out):
    """Normalise pixels and make each square of stride x stride one pixel with stride * stride times the channels.

    Parameters
    ----------
    images : (n, rows, columns * channels)
    mean, scale : (columns * channels,)
        What is subtracted from a row of pixels, and what it is then divided by.
    pad : int
        Rows and columns of zeros around the image.
    lines : tuple (first, last)
        Rows of out to fill.
    out : (n, height, width, stride, stride * channels)
        out[i, y, x, dy] holds stride neighbouring pixels of row y * stride + dy - pad from column x * stride - pad on.
    """
    n, rows, length = images.shape
    _, _, width, stride, run = out.shape
    left = pad * (run // stride)
    line = np.zeros(max(width * run, left + length), np.float32)
    blank = np.zeros(run, np.float32)
    for i in range(n):
        for y in range(lines[0], lines[1]):
            for dy in range(stride):
                row = y * stride + dy - pad
                if row < 0 or row >= rows:
                    for x in range(width):
                        copy_run(blank, 0, out[i, y, x, dy])
                else:
                    normalise_row(images[i, row], mean, scale, left, line)
                    for x in range(width):
                        copy_run(line, x * run, out[i, y, x, dy])
