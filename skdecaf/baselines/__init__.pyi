# SPDX-License-Identifier: BSD-3-Clause
from ._bag_of_visual_words import BagOfVisualWords
from ._gist import GIST
from ._hog import HOGDescriptor
from ._llc import LLC

__all__ = ["GIST", "LLC", "BagOfVisualWords", "HOGDescriptor"]
