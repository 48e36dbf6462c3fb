"""Pixels to network input: subtract the mean, divide by the scale."""

# SPDX-License-Identifier: BSD-3-Clause


# pythran export normalise_pixels(uint8[:,:,:,:] order(C), float32[:] order(C), float32[:] order(C), float32[:,:,:,:] order(C))
# pythran export normalise_pixels(float32[:,:,:,:] order(C), float32[:] order(C), float32[:] order(C), float32[:,:,:,:] order(C))
def normalise_pixels(images, mean, scale, out):
    """Write (images - mean) / scale into out; images are (n, height, width, channels)."""
    n, height, width, channels = images.shape
    for i in range(n):
        for y in range(height):
            row = images[i, y]
            out_row = out[i, y]
            for x in range(width):
                pixel = row[x]
                out_pixel = out_row[x]
                for c in range(channels):
                    out_pixel[c] = (pixel[c] - mean[c]) / scale[c]
