"""From anything image-like to the pixels that a network reads."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf._utils.warnings import UnreadableImageWarning
from skdecaf.images._arrays import needs_value_range, to_rgb
from skdecaf.images._crops import Crop
from skdecaf.images._decoding import check_source, decode
from skdecaf.images._errors import ImageError
from skdecaf.images._geometry import cut_crops, fit_image, resize_image
from skdecaf.images._naming import describe

__all__ = [
    "Crop",
    "ImageError",
    "UnreadableImageWarning",
    "check_source",
    "cut_crops",
    "decode",
    "describe",
    "fit_image",
    "needs_value_range",
    "resize_image",
    "to_rgb",
]
