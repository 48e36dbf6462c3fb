"""Photos for the examples: your class folders, or the small photos in the folder ``photos`` beside this file."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import sys
from pathlib import Path

import numpy as np

from skdecaf.datasets import load_image_folder


def photo_folder():
    """Return the folder given on the command line or by ``SKDECAF_PHOTOS``, or the folder ``photos``."""
    named = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("SKDECAF_PHOTOS")
    return named or str(Path(__file__).parent / "photos")


def load_photos():
    """Return the paths of the photos and the class of each (str)."""
    found = load_image_folder(photo_folder())
    return np.array(found.filenames), np.array(found.target_names)[found.target]
