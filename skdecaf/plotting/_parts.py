"""A photo with the boxes of a thing and of its parts, and what they hold."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

from skdecaf.images import decode
from skdecaf.plotting._drawing import axes_for, distinct_colors, visible_pixels

_GAP = 0.03  # between photo and crops, relative to the photo's height


class PartsDisplay:
    """A photo with the boxes of a thing and of its parts, and beside it the crops, as in Figure 6 of the paper.

    Parameters
    ----------
    row : PhotoParts
        As from `skdecaf.parts.photo_parts` or `skdecaf.parts.PartDetector`.
    part_names : sequence of str, default=None
        Names of the parts; None numbers them.
    expected : PhotoParts, default=None
        The annotated parts of the photo, drawn with dashed lines.

    Attributes
    ----------
    row, part_names, expected
        The parameters.
    ax_ : matplotlib Axes
        The axes of the drawing.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    Examples
    --------
    >>> from sklearn.datasets import load_sample_image
    >>> from skdecaf.parts import PhotoParts
    >>> from skdecaf.plotting import PartsDisplay
    >>> row = PhotoParts(load_sample_image("flower.jpg"), (170, 80, 240, 260), [(250, 150, 90, 80)])
    >>> PartsDisplay(row, part_names=["centre"]).plot().ax_.get_title()
    ''
    """

    def __init__(self, row, *, part_names=None, expected=None):
        self.row = row
        self.part_names = part_names
        self.expected = expected

    def plot(self, ax=None):
        """Draw the photo, the boxes and the crops.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a figure.

        Returns
        -------
        PartsDisplay

        Raises
        ------
        ValueError
            If the number of names, or of annotated parts, differs from that of parts.
        ImportError
            If matplotlib is not installed.
        """
        n_parts = len(self.row.parts)
        names = [f"part {i}" for i in range(n_parts)] if self.part_names is None else list(self.part_names)
        for what, found in (("names", names), ("annotated parts", self.expected and self.expected.parts)):
            if found is not None and len(found) != n_parts:
                raise ValueError(f"there are {n_parts} parts, but {len(found)} {what}")
        ax = axes_for(self, ax, figsize=(7, 5))
        pixels = visible_pixels(decode(self.row.photo))
        height, width = pixels.shape[:2]
        ax.imshow(pixels, extent=(0, width, height, 0))
        boxes, colors = np.vstack([self.row.box, self.row.parts]), distinct_colors(1 + n_parts)
        side, left = height / len(boxes), width + _GAP * height
        for i, (name, box, color) in enumerate(zip(["box", *names], boxes, colors, strict=True)):
            _draw_box(ax, box, color, label=name)
            _draw_crop(ax, pixels, box, (left, left + side, (i + 1) * side, i * side), color)
        if self.expected is not None:
            for box, color in zip(self.expected.parts, colors[1:], strict=True):
                _draw_box(ax, box, color, linestyle="--")
        ax.set(xlim=(0, left + side), ylim=(height, 0), aspect="equal")
        ax.set_axis_off()
        ax.legend(loc="upper left", fontsize="small")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _draw_box(ax, box, color, linestyle="-", label=None):
    from matplotlib.patches import Rectangle

    if not np.isnan(box).any():
        x, y, width, height = box
        style = {"edgecolor": color, "linestyle": linestyle, "label": label}
        ax.add_patch(Rectangle((x, y), width, height, fill=False, linewidth=2, **style))


def _draw_crop(ax, pixels, box, extent, color):
    """The content of a box, warped to a square with a frame; nothing where the box holds no pixel."""
    from matplotlib.patches import Rectangle

    if np.isnan(box).any():
        return
    left, top, right, bottom = np.round([box[0], box[1], box[0] + box[2], box[1] + box[3]]).astype(int)
    crop = pixels[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    if crop.size:
        ax.imshow(crop, extent=extent)
        x, end, base, y = extent
        ax.add_patch(Rectangle((x, y), end - x, base - y, fill=False, linewidth=3, edgecolor=color))
