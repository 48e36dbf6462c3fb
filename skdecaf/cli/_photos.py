"""Photos on disk: found in folders, and named by their paths alone."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import warnings
from contextlib import contextmanager

from skdecaf._inputs.sources import Images, load_image
from skdecaf.datasets._listing import is_photo, photos_below, visible_entries
from skdecaf.images import ImageError, describe


class PhotoFiles(Images):
    """Photo files, which messages name by their paths: places in the listing of a folder help nobody."""

    def name(self, i):
        """What messages call photo ``i``."""
        return describe(self[i]) or "the path ''"


def find_photos(places):
    """List photo files.

    Parameters
    ----------
    places : iterable of str
        Files, which are taken as they are, and folders, which are searched with all below them for files with the
        suffix of an image. What is hidden is left out; links are followed.

    Returns
    -------
    list of str
        Each folder's files in the order of their names.

    Raises
    ------
    ValueError
        Where a folder holds no photo.
    """
    photos = []
    for place in places:
        if os.path.isdir(place):
            photos += _photos_below(place)
        else:
            photos.append(place)
    return photos


def find_class_folders(folder):
    """List the photos of a folder in which each class has a folder.

    Parameters
    ----------
    folder : str

    Returns
    -------
    photos : list of str
    labels : list of str
        For each photo the name of its class folder.

    Raises
    ------
    ValueError
        Where there are fewer than two class folders, or one of them holds no photo.

    Warns
    -----
    UserWarning
        Where photos lie beside the class folders.
    """
    if not os.path.isdir(folder):
        raise ValueError(f"{folder!r} is no folder; give one that holds a folder of photos for each class")
    entries = visible_entries(folder)
    classes = [entry for entry in entries if entry.is_dir()]
    if len(classes) < 2:
        raise ValueError(
            f"{folder!r} holds {len(classes) or 'no'} class folder{'s' * (not classes)}, but at least two are needed: "
            "a folder of photos for each class"
        )
    outside = sum(is_photo(entry) for entry in entries)
    if outside:
        warnings.warn(f"{outside} photos in {folder!r} lie in no class folder and are left out", stacklevel=2)
    found = [(photo, entry.name) for entry in classes for photo in _photos_below(entry.path)]
    photos, labels = zip(*found, strict=True)
    return list(photos), list(labels)


def printable(path):
    """Give a path as text that any file and terminal takes: bytes that are no UTF-8 become escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def why_unreadable(photo, value_range):
    """Read a photo again that came out as NaN, for its error.

    Parameters
    ----------
    photo : str
    value_range : tuple of two floats, or None

    Returns
    -------
    ImageError
    """
    try:
        load_image(PhotoFiles([photo]), 0, value_range)
    except ImageError as error:
        return error
    return ImageError(f"{photo!r} could not be read a moment ago, but can be now; run again")


@contextmanager
def bad_rows_expected():
    """Silence the one warning of rows that are NaN, where the caller reports each."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*cannot be read")
        yield


def _photos_below(folder):
    photos = list(photos_below(folder))
    if not photos:
        raise ValueError(f"the folder {folder!r} holds no photos (.jpg, .png or the like); leave it out")
    return photos
