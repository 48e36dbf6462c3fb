"""Max pooling over windows that are clipped at the border."""

# SPDX-License-Identifier: BSD-3-Clause


def copy_pixel(source, out):
    """Copy the channels of one pixel."""
    # omp simd
    for c in range(len(out)):
        out[c] = source[c]


def maximum_pixel(source, out):
    """Take the larger of each channel."""
    # omp simd
    for c in range(len(out)):
        out[c] = source[c] if source[c] > out[c] else out[c]


def maximum_three(row, x, out):
    """The same for three neighbouring pixels of a row, in one go."""
    a = row[x]
    b = row[x + 1]
    d = row[x + 2]
    # omp simd
    for c in range(len(out)):
        # One after the other, so that NaN is treated as in windows of other sizes.
        first = a[c] if a[c] > out[c] else out[c]
        second = b[c] if b[c] > first else first
        out[c] = d[c] if d[c] > second else second


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
                copy_pixel(maps[i, top, left], target)
                for y in range(top, bottom):
                    if right - left == 3:
                        maximum_three(maps[i, y], left, target)
                    else:
                        for x in range(left, right):
                            maximum_pixel(maps[i, y, x], target)
