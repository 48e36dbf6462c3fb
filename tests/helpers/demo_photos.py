"""Files that browsers send to ``skdecaf demo``: photos, and what is none."""

# SPDX-License-Identifier: BSD-3-Clause
import io
import struct
import zlib

import numpy as np
from PIL import Image


def photo_file(seed, i=0):
    """The contents of a PNG file: photos of one seed look alike."""
    base = np.random.default_rng(seed).integers(60, 196, (4, 5, 3))
    noise = np.random.default_rng(i).integers(-30, 31, base.shape)
    image = Image.fromarray((base + noise).astype(np.uint8)).resize((60, 48), Image.Resampling.BICUBIC)
    return _contents(image, "PNG")


def _contents(image, kind):
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def _png(width, height, data=b""):
    """A PNG file of one bit per pixel, which need not have so many."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


HOSTILE_FILES = {
    "nothing": lambda: b"",
    "text": lambda: b"<script>alert(1)</script>",
    "svg": lambda: b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "half a photo": lambda: photo_file(1)[:200],
    "too many pixels": lambda: _png(8_000, 8_000),
    "more pixels than Pillow allows": lambda: _png(20_000, 20_000),
    "a lie about its size": lambda: _png(5_000, 5_000, zlib.compress(b"short")),
    "far too many pixels": lambda: _png(2**31 - 1, 2**31 - 1),
    "a line": lambda: _contents(Image.new("RGB", (5000, 1)), "PNG"),
    "a pickle": lambda: b"\x80\x04cos\nsystem\n(S'true'\ntR.",
    "zeros": lambda: bytes(100_000),
}
