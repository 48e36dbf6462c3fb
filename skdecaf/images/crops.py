"""Part of a photo as an image of its own, which is cut out where it is decoded."""

# SPDX-License-Identifier: BSD-3-Clause
import math
from dataclasses import dataclass

from skdecaf.images.formats import ImageError


@dataclass(frozen=True, slots=True)
class Crop:
    """Part of a photo. It holds no pixels; whatever takes images decodes the photo and cuts it out.

    Parameters
    ----------
    photo : str, PathLike, bytes-like, binary file, PIL image or ndarray
        As for `decode`.
    box : tuple of four floats
        Edges (left, top, right, bottom) in pixels of the photo as it is seen, turned upright by its EXIF orientation.
        They may lie outside the photo; what is outside is left out.

    Raises
    ------
    ValueError
        Where the box is not made of four finite numbers, or holds no pixel of any photo.

    See Also
    --------
    skdecaf.BoxCropper : Makes crops of columns of photos and boxes.

    Notes
    -----
    Edges are rounded, a half upwards. As in the release of DeCAF, a crop ends at the last column and row of a photo
    without taking them.

    Examples
    --------
    >>> import numpy as np
    >>> from skdecaf.images import Crop, decode
    >>> photo = np.arange(48, dtype=np.uint8).reshape(6, 8)
    >>> decode(Crop(photo, (1.5, 0, 5, 2)))
    array([[ 2,  3,  4],
           [10, 11, 12]], dtype=uint8)
    """

    photo: object
    box: tuple

    def __post_init__(self):
        box = tuple(map(float, self.box))
        if len(box) != 4 or not all(map(math.isfinite, box)):
            raise ValueError(f"a box has four finite edges (left, top, right, bottom), not {box}")
        object.__setattr__(self, "box", box)
        left, top, right, bottom = self._rounded_box()
        if left >= right or top >= bottom:
            raise ValueError(f"a box of edges {box} (left, top, right, bottom) holds no pixel")

    def cut(self, pixels):
        """Cut the crop out of its decoded photo.

        Parameters
        ----------
        pixels : ndarray of shape (height, width) or (height, width, n_channels)

        Returns
        -------
        ndarray
            A view of the pixels.

        Raises
        ------
        ImageError
            Where the photo ends before the box begins.
        """
        left, top, right, bottom = self._rounded_box()
        height, width = pixels.shape[:2]
        right, bottom = min(right, width - 1), min(bottom, height - 1)
        if left >= right or top >= bottom:
            raise ImageError(f"has {width} x {height} pixels, none of them in the box {self.box}; correct the box")
        return pixels[top:bottom, left:right]

    def _rounded_box(self):
        """Whole edges, not to the left of the photo nor above it."""
        left, top, right, bottom = (int(edge + 0.5) for edge in self.box)
        return max(left, 0), max(top, 0), right, bottom
