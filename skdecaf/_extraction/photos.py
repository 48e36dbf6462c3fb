"""The photos of an extraction as a stream: where they are listed, what they are called, and whether they changed."""

# SPDX-License-Identifier: BSD-3-Clause
import io
import os
import tarfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, islice

from skdecaf._inputs.kinds import find_rows
from skdecaf._inputs.sources import Images, check_images
from skdecaf._inputs.value_range import learn_value_range
from skdecaf._utils.photo_folders import SUFFIXES, count_ignored, photos_below
from skdecaf.images import ImageError, describe
from skdecaf.images._digests import source_digest
from skdecaf.images._remote import RemoteFile

# Files with these suffixes define black and white, unless they are named wrongly.
_EIGHT_BITS = (".bmp", ".gif", ".jpe", ".jpeg", ".jpg", ".png", ".webp")
_ITERATED_AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class TarMember:
    """A file in an uncompressed tar archive, read without the rest of the archive.

    Parameters
    ----------
    archive, name : str
    offset, size : int
        Where the contents lie in the archive.
    """

    archive: str
    name: str
    offset: int
    size: int

    def __str__(self):
        return f"{self.archive}/{self.name}"

    def open(self, mode="rb"):
        """Open the contents, which are read into memory."""
        with open(self.archive, mode) as file:
            file.seek(self.offset)
            return io.BytesIO(file.read(self.size))


class StreamedImages(Images):
    """Consecutive images of a stream, named by path, or by their number in the stream.

    Parameters
    ----------
    sources : list
    first : int
        Number of the first image.
    """

    def __init__(self, sources, first=0):
        super().__init__(sources)
        self._first = first

    def name(self, i):
        """The name of image ``i`` in messages."""
        return describe(self[i]) or f"image {self._first + i}"


def stream_photos(images, ignored=None):
    """Yield the sources of images that `extract` accepts, one by one; `photos_at` describes `ignored`."""
    if isinstance(images, str | os.PathLike):
        return iter(photos_at(os.fspath(images), ignored))
    if isinstance(images, Iterable) and not is_in_memory(images):
        stream = iter(images)
        lists = iter(lambda: list(islice(stream, _ITERATED_AT_ONCE)), [])
        return chain.from_iterable(map(_sources_of, lists))
    return iter(_sources_of(images))


def is_in_memory(images):
    """Whether the images, or their paths, are listed in memory; others are taken a few at a time."""
    return isinstance(images, list | tuple) or hasattr(images, "__array__")


def photos_at(place, ignored=None):
    """List the photos in a folder or tar archive.

    Parameters
    ----------
    place : str
    ignored : Counter, optional
        Counts the extensions of files that are not named as photos, as they are met.

    Returns
    -------
    iterable
        Of paths, sorted, or of members of the archive, in its order.
    """
    if os.path.isdir(place):
        return photos_below(place, ignored=ignored)
    if is_tar(place):
        return _members(place, Counter() if ignored is None else ignored)
    raise ValueError(f"{place!r} is neither a folder nor a .tar file; put a single photo in a list: [path]")


def is_tar(place):
    """Whether a path names an uncompressed tar archive."""
    return place.lower().endswith(".tar") and os.path.isfile(place)


def photo_identity(source):
    """A text that changes when the photo does."""
    if isinstance(source, RemoteFile):
        return source.url
    if isinstance(source, TarMember):
        return f"{_file_identity(source.archive)}\0{source.name}\0{source.offset}\0{source.size}"
    if isinstance(source, str | os.PathLike):
        return _file_identity(os.fsdecode(source))
    try:
        return source_digest(source).hex()
    except ImageError as error:
        return str(error)


def value_range_of(images, value_range):
    """The value range of images that are in memory, or in files that may need one.

    Parameters
    ----------
    images : as in `extract`
    value_range : tuple (low, high) or None
        The user's.

    Returns
    -------
    tuple or None
        None if no image needs a range, or if the images can be taken only once.
    """
    if value_range is not None or not (is_in_memory(images) or isinstance(images, str | os.PathLike)):
        return value_range
    candidates = Images([source for source in stream_photos(images) if _may_need_range(source)])
    return learn_value_range(check_images(candidates, "nan"), None)


def _sources_of(images):
    layout, sources = find_rows(images)
    if layout == "table":
        raise ValueError("extract needs images, not a table of flattened ones; reshape it to (n, height, width, 3)")
    return sources


def _members(path, ignored):
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                archive.members = []  # the list would grow with the archive
                if not member.isfile():
                    continue
                if member.name.lower().endswith(SUFFIXES):
                    yield TarMember(path, member.name, member.offset_data, member.size)
                else:
                    count_ignored(member.name, ignored)
    except (tarfile.TarError, EOFError, IndexError, OverflowError, RecursionError, ValueError) as error:
        raise ValueError(f"{path!r} is not a tar archive, or it is damaged ({error}); make it again") from None


def _file_identity(path):
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return f"{path}\0"
    return f"{path}\0{status.st_size}\0{status.st_mtime_ns}"


def _may_need_range(source):
    if isinstance(source, str | os.PathLike):
        return not os.fsdecode(source).lower().endswith(_EIGHT_BITS)
    return not isinstance(source, RemoteFile | TarMember)
