"""Train networks and fine-tune them on photos, with torch (``pip install "skdecaf[train]"``)."""

# SPDX-License-Identifier: BSD-3-Clause
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
