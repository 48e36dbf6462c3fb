"""Small archives and folders with the layouts of real data sets, and data sets that consist of them."""

# SPDX-License-Identifier: BSD-3-Clause
import hashlib
import io
import tarfile
import zipfile
from functools import cache

import numpy as np
from PIL import Image
from scipy.io import savemat

from skdecaf._utils.download import PublishedFile


@cache
def photo_bytes(seed=0):
    """A JPEG file of a few random pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def photo_files(counts, form="{name}/image_{i:04d}.jpg"):
    """Path -> bytes of so many photos for each class; ``i`` counts from 1."""
    return {form.format(name=name, i=i + 1): photo_bytes(i) for name, number in counts.items() for i in range(number)}


def tar_bytes(files, compression="gz"):
    """A tar of files given as a dict from path to bytes; a `tarfile.TarInfo` may stand for the bytes."""
    archive_file = io.BytesIO()
    with tarfile.open(fileobj=archive_file, mode=f"w:{compression}") as archive:
        for name, content in files.items():
            header = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            if header is content:
                archive.addfile(header)
            else:
                header.size = len(content)
                archive.addfile(header, io.BytesIO(content))
    return archive_file.getvalue()


def zip_bytes(files):
    """A zip of files given as a dict from path, or `zipfile.ZipInfo`, to bytes."""
    archive_file = io.BytesIO()
    with zipfile.ZipFile(archive_file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return archive_file.getvalue()


def write_files(folder, files):
    """Write files given as a dict from path to bytes; returns the folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def published(server, contents, how="good", *, with_digest=True):
    """One of `Dataset.sources`: archives (name -> bytes) that a `LocalServer` serves in some way."""
    server.files.update(contents)
    return tuple(
        PublishedFile(
            name,
            (server.url(how, name),),
            f"sha256:{hashlib.sha256(content).hexdigest()}" if with_digest else None,
            len(content) if with_digest else None,
        )
        for name, content in contents.items()
    )


def mat_bytes(variables, *, compressed=True):
    """A MATLAB file of variables, as scipy writes it."""
    file = io.BytesIO()
    savemat(file, variables, do_compression=compressed, oned_as="column")
    return file.getvalue()
