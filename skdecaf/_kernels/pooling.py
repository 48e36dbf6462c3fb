"""Max pooling over windows that are clipped at the border."""

# SPDX-License-Identifier: BSD-3-Clause


def copy_row(source, out):
    """Copy the channels of one pixel."""
    for c in range(len(out)):
        out[c] = source[c]


def maximum_row(source, out):
    """Take the larger of each channel."""
    for c in range(len(out)):
        out[c] = source[c] if source[c] > out[c] else out[c]


# pythran export max_pool(float32[:,:,:,:] order(C), int, int, int, float32[:,:,:,:] order(C))
def max_pool(maps, kernel, stride, pad, out):
    """Fill out (n, out_height, out_width, channels) with the maxima over kernel x kernel windows of maps.

    The size of out says how many windows there are; each is clipped to real pixels, so padding never wins.
    """
    n, height, width, _ = maps.shape
    _, out_height, out_width, _ = out.shape
    for i in range(n):
        for oy in range(out_height):
            top = max(0, oy * stride - pad)
            bottom = min(height, oy * stride - pad + kernel)
            for ox in range(out_width):
                left = max(0, ox * stride - pad)
                right = min(width, ox * stride - pad + kernel)
                target = out[i, oy, ox]
                copy_row(maps[i, top, left], target)
                for y in range(top, bottom):
                    for x in range(left, right):
                        maximum_row(maps[i, y, x], target)
