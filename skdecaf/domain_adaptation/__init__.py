"""Classifiers and features that carry over from one domain of photos, the source, to another, the target."""

# SPDX-License-Identifier: BSD-3-Clause
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
