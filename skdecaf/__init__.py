"""DeCAF: activations of a deep convolutional network as image features for scikit-learn."""

# SPDX-License-Identifier: BSD-3-Clause
__version__ = "0.1.0"
