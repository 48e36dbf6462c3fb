"""Photo files on the command line: how they are found, named and reported."""

# SPDX-License-Identifier: BSD-3-Clause
import os
from collections import Counter

from skdecaf._inputs.sources import Images
from skdecaf._utils.photo_folders import instead_of_photos, photos_below, warn_of_ignored
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
        photos += list_photos_of("folder", place, photos_below) if os.path.isdir(place) else [place]
    return photos


def list_photos_of(kind, place, find):
    """List the photos of a folder or archive; warn of other files, and raise a ValueError if there are no photos.

    Parameters
    ----------
    kind : str
        What the place is, for the message.
    place : str
    find : callable
        Yields the photos; counts the extensions of other files in the argument ``ignored``.

    Returns
    -------
    list
    """
    ignored = Counter()
    found = list(find(place, ignored=ignored))
    if not found:
        only = instead_of_photos(ignored)
        raise ValueError(f"the {kind} {place!r} has no photos (.jpg, .png or the like){only}; leave it out")
    warn_of_ignored(place, ignored)
    return found


def printable(path):
    """Turn a path into valid text: bytes that are not UTF-8 become escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
