"""Winograd input transform: overlapping tiles of the maps become rows of matrix products.

A tile of t x t pixels becomes t x t values in each channel: B d B^T for the points 0, 1, -1, 2, -2 (t = 6), then 1/2
(t = 7) and -1/2 (t = 8), and infinity. What all of B is, see `skdecaf._forward.winograd`; here each pair of points
p and -p shares the even and the odd part of its polynomial.
"""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np


def transform_six(rows, first, out, offset, stride):
    """Transform six rows of values, from the first on, to the rows offset, offset + stride and so on of out."""
    d0 = rows[first]
    d1 = rows[first + 1]
    d2 = rows[first + 2]
    d3 = rows[first + 3]
    d4 = rows[first + 4]
    d5 = rows[first + 5]
    v0 = out[offset]
    v1 = out[offset + stride]
    v2 = out[offset + 2 * stride]
    v3 = out[offset + 3 * stride]
    v4 = out[offset + 4 * stride]
    v5 = out[offset + 5 * stride]
    two, four, five = np.float32(2), np.float32(4), np.float32(5)
    # omp simd
    for c in range(len(d0)):
        v0[c] = four * d0[c] - five * d2[c] + d4[c]
        v1[c] = (d4[c] - four * d2[c]) + (d3[c] - four * d1[c])
        v2[c] = (d4[c] - four * d2[c]) - (d3[c] - four * d1[c])
        v3[c] = (d4[c] - d2[c]) + two * (d3[c] - d1[c])
        v4[c] = (d4[c] - d2[c]) - two * (d3[c] - d1[c])
        v5[c] = four * d1[c] - five * d3[c] + d5[c]


def transform_seven(rows, first, out, offset, stride):
    """Transform seven: at each point but 1/2 the six of the differences s_j = d_(j+1) - d_j / 2."""
    d0 = rows[first]
    d1 = rows[first + 1]
    d2 = rows[first + 2]
    d3 = rows[first + 3]
    d4 = rows[first + 4]
    d5 = rows[first + 5]
    d6 = rows[first + 6]
    v0 = out[offset]
    v1 = out[offset + stride]
    v2 = out[offset + 2 * stride]
    v3 = out[offset + 3 * stride]
    v4 = out[offset + 4 * stride]
    v5 = out[offset + 5 * stride]
    v6 = out[offset + 6 * stride]
    half, two, four, five = np.float32(0.5), np.float32(2), np.float32(4), np.float32(5)
    # omp simd
    for c in range(len(d0)):
        s0 = d1[c] - half * d0[c]
        s1 = d2[c] - half * d1[c]
        s2 = d3[c] - half * d2[c]
        s3 = d4[c] - half * d3[c]
        s4 = d5[c] - half * d4[c]
        s5 = d6[c] - half * d5[c]
        v0[c] = four * s0 - five * s2 + s4
        v1[c] = (s4 - four * s2) + (s3 - four * s1)
        v2[c] = (s4 - four * s2) - (s3 - four * s1)
        v3[c] = (s4 - s2) + two * (s3 - s1)
        v4[c] = (s4 - s2) - two * (s3 - s1)
        v5[c] = four * d1[c] - five * d3[c] + d5[c]
        v6[c] = four * s1 - five * s3 + s5


def transform_eight(rows, first, out, offset, stride):
    """Transform eight."""
    d0 = rows[first]
    d1 = rows[first + 1]
    d2 = rows[first + 2]
    d3 = rows[first + 3]
    d4 = rows[first + 4]
    d5 = rows[first + 5]
    d6 = rows[first + 6]
    d7 = rows[first + 7]
    v0 = out[offset]
    v1 = out[offset + stride]
    v2 = out[offset + 2 * stride]
    v3 = out[offset + 3 * stride]
    v4 = out[offset + 4 * stride]
    v5 = out[offset + 5 * stride]
    v6 = out[offset + 6 * stride]
    v7 = out[offset + 7 * stride]
    quarter, half, two, four, five = np.float32(0.25), np.float32(0.5), np.float32(2), np.float32(4), np.float32(5)
    a, b, e = np.float32(5.25), np.float32(4.25), np.float32(1.25)
    # omp simd
    for c in range(len(d0)):
        v0[c] = d6[c] - d0[c] + a * (d2[c] - d4[c])
        v1[c] = (d6[c] - b * d4[c] + d2[c]) + (d5[c] - b * d3[c] + d1[c])
        v2[c] = (d6[c] - b * d4[c] + d2[c]) - (d5[c] - b * d3[c] + d1[c])
        v3[c] = (d6[c] - e * d4[c] + quarter * d2[c]) + two * (d5[c] - e * d3[c] + quarter * d1[c])
        v4[c] = (d6[c] - e * d4[c] + quarter * d2[c]) - two * (d5[c] - e * d3[c] + quarter * d1[c])
        v5[c] = (d6[c] - five * d4[c] + four * d2[c]) + half * (d5[c] - five * d3[c] + four * d1[c])
        v6[c] = (d6[c] - five * d4[c] + four * d2[c]) - half * (d5[c] - five * d3[c] + four * d1[c])
        v7[c] = d7[c] - d1[c] + a * (d3[c] - d5[c])


def transform_rows(t, rows, first, out, offset, stride):
    """Transform t rows of values, from the first on, to the rows offset, offset + stride and so on of out."""
    if t == 6:
        transform_six(rows, first, out, offset, stride)
    elif t == 7:
        transform_seven(rows, first, out, offset, stride)
    else:
        transform_eight(rows, first, out, offset, stride)


def fill_pixel(pixel, first, target):
    """Copy the channels of one pixel, from first on."""
    # Never negative, as Pythran now knows: an index that may count from the end keeps a loop scalar.
    start = max(0, first)
    # omp simd
    for c in range(len(target)):
        target[c] = pixel[start + c]


def clear_pixel(target):
    """Set the channels of one pixel to zero."""
    # omp simd
    for c in range(len(target)):
        target[c] = 0


# pythran export transform_input(float32[:,:,:,:] order(C), (int, int), int, (int, int), (int, int), float32[:,:] order(C))
def transform_input(maps, channels, pad, tile_size, grid, out):
    """Transform tiles of the maps to rows of matrix products, one product for each point of a tile.

    Parameters
    ----------
    maps : (n, height, width, all channels)
        Zero beyond the border.
    channels : tuple (first, number of channels)
    pad : int
        How many pixels outside the first tile begins.
    tile_size : tuple (t, m)
        Tiles of t x t pixels begin m pixels apart.
    grid : tuple (down, across)
        How many tiles an image has.
    out : (t * t * tiles or more, number of channels or more)
        For each point the rows of all tiles, image by image, row by row.
    """
    n, height, width, _ = maps.shape
    first_channel, n_channels = channels
    t, step = tile_size
    down, across = grid
    stride = len(out) // (t * t)
    wide = (across - 1) * step + t
    window = np.zeros((wide * t, n_channels), np.float32)
    columns = np.empty((t * wide, n_channels), np.float32)
    for i in range(n):
        for ty in range(down):
            for j in range(t):
                y = ty * step + j - pad
                for x in range(min(width, wide - pad)):
                    if y < 0 or y >= height:
                        clear_pixel(window[(x + pad) * t + j])
                    else:
                        fill_pixel(maps[i, y, x], first_channel, window[(x + pad) * t + j])
            for x in range(wide):
                transform_rows(t, window, x * t, columns, x, wide)
            for tx in range(across):
                tile = (i * down + ty) * across + tx
                for k in range(t):
                    transform_rows(t, columns, k * wide + tx * step, out, k * t * stride + tile, stride)
