"""Image data sets: found on this computer or downloaded, and listed."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf.datasets._caltech101 import fetch_caltech101
from skdecaf.datasets._cub200 import fetch_cub200
from skdecaf.datasets._domain_splits import read_domain_splits
from skdecaf.datasets._ilsvrc import load_ilsvrc_val
from skdecaf.datasets._image_folder import load_image_folder
from skdecaf.datasets._office31 import fetch_office31
from skdecaf.datasets._office_caltech10 import fetch_office_caltech10
from skdecaf.datasets._sun397 import fetch_sun397

__all__ = [
    "fetch_caltech101",
    "fetch_cub200",
    "fetch_office31",
    "fetch_office_caltech10",
    "fetch_sun397",
    "load_ilsvrc_val",
    "load_image_folder",
    "read_domain_splits",
]
