"""Windows of feature maps as rows of a matrix (im2col), so that a convolution becomes a matrix product."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np


def copy_run(source, first, count, target, start):
    """Copy count values of source, from first on, to target, from start on."""
    # So Pythran knows that they do not count from the end.
    begin = max(0, first)
    to = max(0, start)
    # omp simd
    for i in range(count):
        target[to + i] = source[begin + i]


def fill_zeros(target, start, count):
    """Set count values of target to zero, from start on."""
    to = max(0, start)
    # omp simd
    for i in range(count):
        target[to + i] = 0


def fill_line(row, left, width, channels, first_channel, n_channels, kernel, target, start):
    """Copy a line of a window, of which what lies outside is zero."""
    first = min(kernel, max(0, -left))
    end = max(first, min(kernel, width - left))
    fill_zeros(target, start, first * n_channels)
    fill_zeros(target, start + end * n_channels, (kernel - end) * n_channels)
    if n_channels == channels:
        copy_run(row, (left + first) * channels, (end - first) * channels, target, start + first * channels)
    else:
        for kx in range(first, end):
            copy_run(row, (left + kx) * channels + first_channel, n_channels, target, start + kx * n_channels)


# pythran export im2col(float32[:,:,:] order(C), (int, int, int), (int, int, int), (int, int), float32[:,:,:] order(C))
def im2col(maps, channels, window, out_shape, rows):
    """Write the window of each output pixel as a row of a matrix.

    Parameters
    ----------
    maps : (n, height, width * all channels)
        Zero beyond the border.
    channels : tuple (first, number of channels, all channels)
    window : tuple (kernel, stride, pad)
        Of the convolution.
    out_shape : tuple (height, width)
    rows : (blocks, n * output pixels or more, 272)
        Value k of a window, counted in the order (ky, kx, channel), is in block k // 256 at k % 256.
    """
    n, height, row_length = maps.shape
    first_channel, n_channels, all_channels = channels
    kernel, stride, pad = window
    out_height, out_width = out_shape
    run = kernel * n_channels
    line = np.empty(kernel * run, np.float32)
    for i in range(n):
        for oy in range(out_height):
            for ox in range(out_width):
                for ky in range(kernel):
                    y = oy * stride + ky - pad
                    if y < 0 or y >= height:
                        fill_zeros(line, ky * run, run)
                    else:
                        left = ox * stride - pad
                        fill_line(
                            maps[i, y],
                            left,
                            row_length // all_channels,
                            all_channels,
                            first_channel,
                            n_channels,
                            kernel,
                            line,
                            ky * run,
                        )
                pixel = (i * out_height + oy) * out_width + ox
                for b in range(len(rows)):
                    copy_run(line, b * 256, min(256, len(line) - b * 256), rows[b, pixel], 0)
