"""Photo files on the command line: how they are found, named and reported."""

# SPDX-License-Identifier: BSD-3-Clause
import os
from collections import Counter

from skdecaf._inputs.sources import Images
from skdecaf._utils.photo_folders import describe_ignored, photos_below, warn_of_ignored
from skdecaf.images import describe


class PhotoFiles(Images):
    """Photo files that messages name by path alone, since an index into a folder's listing helps nobody."""

    def name(self, i):
        """The name of photo ``i`` in messages."""
        return describe(self[i]) or "the path ''"


def find_photos(places):
    """List photo files: files are taken as they are, folders are searched with all their subfolders.

    Parameters
    ----------
    places : iterable of str

    Returns
    -------
    list of str
        Photos from a folder are sorted by name.

    Raises
    ------
    ValueError
        If a folder has no photo.

    Warns
    -----
    UserWarning
        If a folder has files that are not named as photos.
    """
    photos = []
    for place in places:
        ignored = Counter()
        found = list(photos_below(place, ignored=ignored)) if os.path.isdir(place) else [place]
        if not found:
            only = f", only other files ({describe_ignored(ignored)})" if ignored else ""
            raise ValueError(f"the folder {place!r} has no photos (.jpg, .png or the like){only}; leave it out")
        warn_of_ignored(place, ignored)
        photos += found
    return photos


def printable(path):
    """Turn a path into valid text: bytes that are not UTF-8 become escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
