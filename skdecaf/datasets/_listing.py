"""Photos in folders, found by their names alone: no file is opened."""

# SPDX-License-Identifier: BSD-3-Clause
import os

SUFFIXES = (
    ".bmp", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".pbm", ".pgm", ".png", ".pnm",
    ".ppm", ".tif", ".tiff", ".webp",
)  # fmt: skip


def visible_entries(folder):
    """The entries of a folder in the order of their names, without what is hidden.

    Parameters
    ----------
    folder : str or PathLike

    Returns
    -------
    list of os.DirEntry
    """
    with os.scandir(folder) as entries:
        return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)


def is_photo(entry, suffixes=SUFFIXES):
    """Whether a directory entry is a file with the suffix of an image, in upper or lower case."""
    return entry.name.lower().endswith(suffixes) and not entry.is_dir()


def photos_below(folder, suffixes=SUFFIXES, _above=()):
    """Yield the paths of all photos below a folder, in the order of their names.

    Parameters
    ----------
    folder : str or PathLike
        What is hidden in it is left out; links are followed.
    suffixes : tuple of str, optional
        In lower case.

    Yields
    ------
    str
    """
    status = os.stat(folder)
    identity = (status.st_dev, status.st_ino)
    if identity in _above:  # a link to a folder that leads here
        return
    for entry in visible_entries(folder):
        if entry.is_dir():
            yield from photos_below(entry.path, suffixes, (*_above, identity))
        elif is_photo(entry, suffixes):
            yield entry.path


def list_class_folders(folder, names=None, *, suffixes=SUFFIXES):
    """List a folder that has a folder of photos for each class.

    Parameters
    ----------
    folder : str or PathLike
    names : collection of str, optional
        Class folders to list, where they are there; None lists all.
    suffixes : tuple of str, optional
        In lower case.

    Returns
    -------
    dict
        ``filenames`` (list of str, absolute if ``folder`` is), ``target`` (list of int) and ``target_names``
        (list of str), sorted by class, then by path.
    """
    classes = [entry for entry in visible_entries(folder) if entry.is_dir() and (names is None or entry.name in names)]
    filenames, target = [], []
    for i, entry in enumerate(classes):
        filenames += photos_below(entry.path, suffixes)
        target += [i] * (len(filenames) - len(target))
    return {"filenames": filenames, "target": target, "target_names": [entry.name for entry in classes]}
