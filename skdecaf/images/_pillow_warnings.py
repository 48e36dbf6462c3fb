"""Silence for the warnings and the log of Pillow, in one thread.

Pillow warns about tags, frames and sizes that do not concern the pixels, and an error filter would make readable photos
unreadable. The filters of the module `warnings` belong to the user and to all threads. So Pillow's modules get another
object in its place, which passes warnings on unless the thread is reading a photo for this package.
"""

# SPDX-License-Identifier: BSD-3-Clause
import logging
import threading
import warnings
from contextlib import contextmanager

from PIL import GifImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

_thread = threading.local()


def _is_silent():
    return getattr(_thread, "is_silent", False)


class _Warnings:
    def __getattr__(self, name):
        return getattr(warnings, name)

    def warn(self, message, category=None, stacklevel=1, *args, **options):
        if not _is_silent():
            warnings.warn(message, category, stacklevel + 1, *args, **options)


for _module in (GifImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin):
    if getattr(_module, "warnings", None) is warnings:
        _module.warnings = _Warnings()
# Without a configuration of logging, its errors are printed.
logging.getLogger(TiffImagePlugin.__name__).addFilter(lambda record: not _is_silent())


@contextmanager
def silent_pillow():
    """Drop the warnings and messages that Pillow gives in this thread."""
    before, _thread.is_silent = _is_silent(), True
    try:
        yield
    finally:
        _thread.is_silent = before
