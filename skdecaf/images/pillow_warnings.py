"""Silence for the warnings of Pillow, in one thread.

Pillow warns about tags, frames and sizes that do not concern the pixels, and an error filter would make readable photos
unreadable. The filters of the module `warnings` belong to the user and to all threads. So Pillow's modules get another
object in its place, which passes warnings on unless the thread is reading a photo for this package.
"""

# SPDX-License-Identifier: BSD-3-Clause
import threading
import warnings
from contextlib import contextmanager

from PIL import GifImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

_thread = threading.local()


class _Warnings:
    def __getattr__(self, name):
        return getattr(warnings, name)

    def warn(self, message, category=None, stacklevel=1, *args, **options):
        if not getattr(_thread, "is_silent", False):
            warnings.warn(message, category, stacklevel + 1, *args, **options)


for _module in (GifImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin):
    if getattr(_module, "warnings", None) is warnings:
        _module.warnings = _Warnings()


@contextmanager
def silent_pillow():
    """Drop the warnings that Pillow gives in this thread."""
    before, _thread.is_silent = getattr(_thread, "is_silent", False), True
    try:
        yield
    finally:
        _thread.is_silent = before
