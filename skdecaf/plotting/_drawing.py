"""Helpers of all displays: axes, colours, and mosaics of tiles."""

# SPDX-License-Identifier: BSD-3-Clause
import math

import numpy as np

from skdecaf._utils.extras import require
from skdecaf.images import needs_value_range, to_rgb

# Petroff's ten colours, which people with colour vision deficiencies can tell apart.
_TEN_COLORS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
MARKERS = "o^sDvP*X<>pd"


def require_matplotlib(display):
    """Import matplotlib's pyplot, or raise an error that says how to install it. Call it before any other work.

    Parameters
    ----------
    display : type
        The display to name in the error.

    Returns
    -------
    module
    """
    return require("plot", display.__name__)


def axes_for(display, ax=None, *, figsize):
    """Return the axes that a display was given, or those of a new figure.

    Parameters
    ----------
    display : object
        Its class is named in the error.
    ax : matplotlib Axes or None
    figsize : tuple (width, height)
        Of a new figure, in inches.

    Returns
    -------
    matplotlib Axes
    """
    pyplot = require_matplotlib(type(display))
    return pyplot.subplots(figsize=figsize, layout="constrained")[1] if ax is None else ax


def with_defaults(defaults, given, artist):
    """Merge the user's keywords for an artist with defaults.

    Matplotlib has several names for one property, such as "ms" for "markersize", and rejects two of them together.

    Parameters
    ----------
    defaults : dict
        With the names of the artist's setters, as "markersize" in ``set_markersize``.
    given : dict
        With any names.
    artist : type
        Matplotlib's class of the artist.

    Returns
    -------
    dict
    """
    from matplotlib.cbook import normalize_kwargs

    return {**defaults, **normalize_kwargs(given, artist)}


def distinct_points(n):
    """Return n colours and n markers, of which no two pairs are equal; None if n is more than 120.

    Parameters
    ----------
    n : int

    Returns
    -------
    colors : list of str
        Hex codes of ten colours.
    markers : list of str
    """
    if n > len(_TEN_COLORS) * len(MARKERS):
        return None
    return [_TEN_COLORS[i % len(_TEN_COLORS)] for i in range(n)], [MARKERS[i // len(_TEN_COLORS)] for i in range(n)]


def distinct_colors(n):
    """Return n hex codes of colours that are easy to tell apart; up to 10 also with colour vision deficiencies."""
    if n <= len(_TEN_COLORS):
        return list(_TEN_COLORS[:n])
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    colors = colormaps["tab20"].colors[:n] if n <= 20 else colormaps["viridis"](np.linspace(0, 1, n))
    return [to_hex(color) for color in colors]


def mosaic(tiles, gap):
    """Put tiles side by side, in about as many rows as columns.

    Parameters
    ----------
    tiles : ndarray of shape (n, height, width) or (n, height, width, 3)
    gap : int
        Pixels between them, filled with NaN.

    Returns
    -------
    picture : ndarray of two or three dimensions, float
    corners : ndarray of shape (n, 2)
        Row and column of the upper left pixel of each tile.
    """
    n, height, width = tiles.shape[:3]
    n_columns = math.ceil(math.sqrt(n))
    n_rows = math.ceil(n / n_columns)
    rows, columns = np.divmod(np.arange(n), n_columns)
    corners = np.column_stack([rows * (height + gap), columns * (width + gap)])
    size = (n_rows * (height + gap) - gap, n_columns * (width + gap) - gap)
    picture = np.full((*size, *tiles.shape[3:]), np.nan)
    for tile, (top, left) in zip(tiles, corners, strict=True):
        picture[top : top + height, left : left + width] = tile
    return picture, corners


def visible_pixels(pixels):
    """Convert the pixels of a decoded photo for drawing.

    Parameters
    ----------
    pixels : ndarray
        If their dtype does not define black and white, the lowest value is black and the highest is white.

    Returns
    -------
    ndarray of shape (height, width, 3), uint8
    """
    value_range = None
    if needs_value_range(pixels.dtype):
        low, high = float(pixels.min()), float(pixels.max())
        value_range = (low, max(high, low + 1))
    return to_rgb(pixels, value_range).clip(0, 255).astype(np.uint8)
