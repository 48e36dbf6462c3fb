"""Part of a photo as an image of its own."""

# SPDX-License-Identifier: BSD-3-Clause
import math
from dataclasses import dataclass

from skdecaf.images._errors import ImageError


@dataclass(frozen=True, slots=True)
class Crop:
    """Part of a photo, cut out when the photo is decoded. It holds no pixels.

    Parameters
    ----------
    photo : str, PathLike, bytes-like, binary file, PIL image or ndarray
        As for `decode`.
    box : tuple of four floats
        Edges (left, top, right, bottom) in pixels of the photo, turned upright by its EXIF orientation. The crop ends
        where the photo ends.

    Raises
    ------
    ValueError
        If the box is not four finite numbers, or cannot contain a pixel of any photo.

    See Also
    --------
    skdecaf.BoxCropper : Makes crops from columns of photos and boxes.

    Notes
    -----
    Edges are rounded, a half upwards. As in the original DeCAF release, a crop never includes the last column and the
    last row of a photo.

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
            If the box begins beyond the end of the photo.
        """
        left, top, right, bottom = self._rounded_box()
        height, width = pixels.shape[:2]
        right, bottom = min(right, width - 1), min(bottom, height - 1)
        if left >= right or top >= bottom:
            raise ImageError(f"has {width} x {height} pixels, none of them in the box {self.box}; correct the box")
        return pixels[top:bottom, left:right]

    def _rounded_box(self):
        """Rounded edges, none left of the photo or above it."""
        left, top, right, bottom = (int(edge + 0.5) for edge in self.box)
        return max(left, 0), max(top, 0), right, bottom
