"""Max pooling over windows that are clipped at the border."""

# SPDX-License-Identifier: BSD-3-Clause


def copy_pixel(source, first, out):
    """Copy the channels of one pixel into out, from first on."""
    start = max(0, first)  # so Pythran knows that it does not count from the end
    # omp simd
    for c in range(len(source)):
        out[start + c] = source[c]


def maximum_pixel(source, first, out):
    """Take the larger of each channel."""
    start = max(0, first)
    # omp simd
    for c in range(len(source)):
        out[start + c] = source[c] if source[c] > out[start + c] else out[start + c]


def maximum_three(row, x, first, out):
    """Take the largest of the output and three neighbouring pixels of a row, for each channel."""
    a = row[x]
    b = row[x + 1]
    d = row[x + 2]
    start = max(0, first)
    # omp simd
    for c in range(len(a)):
        # One after the other, so that NaN is treated as in windows of other sizes.
        first_two = a[c] if a[c] > out[start + c] else out[start + c]
        second = b[c] if b[c] > first_two else first_two
        out[start + c] = d[c] if d[c] > second else second


def pool_row(rows, top, bottom, kernel, stride, pad, first, out):
    """Fill a row of pixels, from channel first on, with the maxima over windows from row top to row bottom.

    Row y of the maps is rows[y % len(rows)].
    """
    width = rows.shape[1]
    for ox in range(len(out)):
        left = max(0, ox * stride - pad)
        right = min(width, ox * stride - pad + kernel)
        target = out[ox]
        copy_pixel(rows[top % len(rows), left], first, target)
        for y in range(top, bottom):
            row = rows[y % len(rows)]
            if right - left == 3:
                maximum_three(row, left, first, target)
            else:
                for x in range(left, right):
                    maximum_pixel(row[x], first, target)


# pythran export max_pool(float32[:,:,:,:] order(C), int, int, int, float32[:,:,:,:] order(C))
def max_pool(maps, kernel, stride, pad, out):
    """Fill out (n, out_height, out_width, channels) with the maxima over kernel x kernel windows of maps.

    The size of out says how many windows there are; each is clipped to real pixels, so padding never wins.
    """
    for i in range(len(maps)):
        for oy in range(out.shape[1]):
            top = oy * stride - pad
            pool_row(maps[i], max(0, top), min(maps.shape[1], top + kernel), kernel, stride, pad, 0, out[i, oy])
