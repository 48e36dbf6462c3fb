"""Dtypes of features."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

FLOAT_DTYPES = [np.float64, np.float32]  # kept as they are; others are converted to the first
