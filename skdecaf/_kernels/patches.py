"""Patches of feature maps as rows of a matrix, so that a convolution becomes a product."""

# SPDX-License-Identifier: BSD-3-Clause


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


def fill_row(row, left, width, channels, first_channel, n_channels, kernel, target, start):
    """Fill a row of a window, of which what lies outside is zero."""
    first = min(kernel, max(0, -left))
    end = max(first, min(kernel, width - left))
    fill_zeros(target, start, first * n_channels)
    fill_zeros(target, start + end * n_channels, (kernel - end) * n_channels)
    if n_channels == channels:
        copy_run(row, (left + first) * channels, (end - first) * channels, target, start + first * channels)
    else:
        for kx in range(first, end):
            copy_run(row, (left + kx) * channels + first_channel, n_channels, target, start + kx * n_channels)


# pythran export extract_patches(float32[:,:,:] order(C), int, int, int, int, int, int, int, float32[:,:,:] order(C))
def extract_patches(maps, channels, kernel, stride, pad, out_width, first_channel, n_channels, patches):
    """Fill patches (n, rows, kernel * kernel * n_channels) from maps (n, height, width * channels).

    Row oy * out_width + ox of an image holds the window of output pixel (oy, ox), ordered (ky, kx, channel),
    zero where the window lies outside. Rows beyond the last output pixel are left as they are.
    """
    n, height, row_length = maps.shape
    width = row_length // channels
    out_height = (height + 2 * pad - kernel) // stride + 1
    run = kernel * n_channels
    for i in range(n):
        for oy in range(out_height):
            for ox in range(out_width):
                target = patches[i, oy * out_width + ox]
                for ky in range(kernel):
                    y = oy * stride + ky - pad
                    if y < 0 or y >= height:
                        fill_zeros(target, ky * run, run)
                    else:
                        fill_row(
                            maps[i, y],
                            ox * stride - pad,
                            width,
                            channels,
                            first_channel,
                            n_channels,
                            kernel,
                            target,
                            ky * run,
                        )
