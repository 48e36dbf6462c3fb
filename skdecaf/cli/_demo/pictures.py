"""Pictures for the page, as data URLs, made without matplotlib."""

# SPDX-License-Identifier: BSD-3-Clause
from base64 import b64encode
from io import BytesIO

import numpy as np
from PIL import Image

from skdecaf.plotting._drawing import mosaic

# A few points of matplotlib's viridis, and of its coolwarm.
_SEQUENTIAL = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
_DIVERGING = ((59, 76, 192), (221, 221, 221), (180, 4, 38))
_BRIGHT_PERCENTILE = 99
_MAX_OPAQUE = 0.75
_GAP = 255


def jpeg(pixels, side):
    """The contents of a JPEG file no larger than side x side pixels."""
    image = Image.fromarray(pixels)
    image.thumbnail((side, side))
    return _contents(image, "JPEG", quality=85)


def data_url(contents, kind):
    """The address of a picture that a page contains."""
    return f"data:image/{kind};base64,{b64encode(contents).decode()}"


def picture_of_maps(maps):
    """Maps (n, height, width) side by side in one scale of colours, where the largest 1 % are brightest."""
    tiles, _ = mosaic(maps, gap=1)
    top = np.nanpercentile(tiles, _BRIGHT_PERCENTILE) or 1
    indices = np.nan_to_num(np.clip(tiles / top, 0, 1) * (_GAP - 1), nan=_GAP).astype(np.uint8)
    image = Image.fromarray(indices, "L").convert("P")
    image.putpalette([*_colors(_SEQUENTIAL, np.linspace(0, 1, _GAP)).ravel(), 128, 128, 128])
    return data_url(_contents(image, "PNG"), "png")


def picture_of_drops(pixels, drops):
    """A grey photo, with red where covering a pixel lowers the score, and blue where it raises it."""
    relative = drops / (np.abs(drops).max() or 1)
    color = _colors(_DIVERGING, (relative + 1) / 2)
    opacity = _MAX_OPAQUE * np.abs(relative)[:, :, np.newaxis]
    grey = pixels.mean(axis=2, keepdims=True)
    mixed = (opacity * color + (1 - opacity) * grey).astype(np.uint8)
    return data_url(_contents(Image.fromarray(mixed), "JPEG", quality=85), "jpeg")


def _colors(points, values):
    """Colours of values from 0 to 1, between points."""
    places = np.linspace(0, 1, len(points))
    channels = [np.interp(values, places, channel) for channel in zip(*points, strict=True)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def _contents(image, kind, **options):
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
