"""The error of an image."""

# SPDX-License-Identifier: BSD-3-Clause


class ImageError(ValueError):
    """An image that cannot be read; the message is one sentence that names the file, if there is one."""
