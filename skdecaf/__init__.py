"""DeCAF: activations of a deep convolutional network as image features for scikit-learn."""

# SPDX-License-Identifier: BSD-3-Clause
import lazy_loader

__version__ = "0.1.0"

# The public names are listed in __init__.pyi and imported on first use: importing scikit-learn takes seconds, and
# ``skdecaf --help`` does not need it.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
