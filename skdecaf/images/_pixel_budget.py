"""The memory that threads may take for photos at a time."""

# SPDX-License-Identifier: BSD-3-Clause
from contextlib import ExitStack, contextmanager

from skdecaf._utils.locks import ForkSafeCondition

BYTES_PER_PIXEL = 10  # of decoded photos, at most; so large ones take up to a gigabyte at a time
_MAX_PIXELS = 100_000_000
_SMALL = 4_000_000


class PixelBudget:
    """Limits the number of pixels of large photos that all threads hold at a time.

    A photo that exceeds the limit is admitted when no other large photo is held.
    """

    def __init__(self, max_pixels):
        self._max_pixels = max_pixels
        self._changed = ForkSafeCondition(self._free_all)
        self._free_all()

    def _free_all(self):
        self._n_pixels = 0

    @contextmanager
    def hold(self, n_pixels):
        """Wait until so many pixels are free, and hold them."""
        if n_pixels < _SMALL:
            yield
            return
        with self._changed:
            self._changed.wait_for(lambda: not self._n_pixels or self._n_pixels + n_pixels <= self._max_pixels)
            self._n_pixels += n_pixels
        try:
            yield
        finally:
            with self._changed:
                self._n_pixels -= n_pixels
                self._changed.notify_all()

    @contextmanager
    def reservation(self):
        """Yield a function that holds so many pixels until the block ends; a second call replaces the first."""
        with ExitStack() as stack:

            def reserve(n_pixels):
                stack.close()  # threads that waited for more while they held some would wait for each other
                stack.enter_context(self.hold(n_pixels))

            yield reserve


pixel_budget = PixelBudget(_MAX_PIXELS)
