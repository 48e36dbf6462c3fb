"""Features of any number of photos in files, computed by any number of processes through any interruption."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf._extraction.extract import Extraction, extract

__all__ = ["Extraction", "extract"]
