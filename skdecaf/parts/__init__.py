"""Parts of the things in photos: boxes, a detector, and features pooled over them (the deformable part descriptor)."""

# SPDX-License-Identifier: BSD-3-Clause
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
