"""Small photos on disk, for the tests of the command line."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import subprocess
import sys

import numpy as np
from PIL import Image


def write_photo(path, seed):
    """A photo of smooth random colours; returns its path as text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colours = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    Image.fromarray(colours).resize((40, 32), Image.Resampling.BICUBIC).save(path)
    return str(path)


def write_class_folders(folder, **counts):
    """Folders of photos, one for each class, whose colours are alike within a class."""
    for label, n in counts.items():
        base = np.random.default_rng(len(label)).integers(60, 196, (4, 5, 3))
        (folder / label).mkdir(parents=True)
        for i in range(n):
            noise = np.random.default_rng(i).integers(-30, 31, base.shape)
            image = Image.fromarray((base + noise).astype(np.uint8)).resize((40, 32), Image.Resampling.BICUBIC)
            image.save(folder / label / f"{i:03d}.png")
    return folder


def broken_photo(path):
    """A file that begins like a PNG; returns its path as text."""
    path.write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    return str(path)


def photos_of(folder):
    """The PNG files below a folder."""
    return sorted(str(path) for path in folder.rglob("*.png"))


def skdecaf_process(*arguments, **options):
    """Start ``python -m skdecaf`` in a process of its own, with text pipes."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": dict(os.environ)}
    return subprocess.Popen([sys.executable, "-m", "skdecaf", *map(str, arguments)], **(pipes | options))


def run_skdecaf(*arguments, code=0, **options):
    """Run it to its end, which must have this exit code; what it printed, and what it complained of."""
    process = skdecaf_process(*arguments, **options)
    output, errors = process.communicate()
    assert process.returncode == code, errors
    return output, errors
