"""Photos in folders, listed by their names; no file is opened."""

# SPDX-License-Identifier: BSD-3-Clause
import os
from collections import Counter

from skdecaf._utils.warnings import warn_user

SUFFIXES = (
    ".bmp", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".pbm", ".pgm", ".png", ".pnm",
    ".ppm", ".tif", ".tiff", ".webp",
)  # fmt: skip


def visible_entries(folder):
    """List the entries of a folder that are not hidden, sorted by name.

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
    """Yield the paths of all photos below a folder, sorted by name; skip hidden names, follow links."""
    status = os.stat(folder)
    identity = (status.st_dev, status.st_ino)
    if identity in _above:  # a link to one of the folders above
        return
    for entry in visible_entries(folder):
        if entry.is_dir():
            yield from photos_below(entry.path, suffixes, (*_above, identity))
        elif is_photo(entry, suffixes):
            yield entry.path


def list_class_folders(folder, names=None, *, suffixes=SUFFIXES):
    """List the photos of a folder that has one subfolder per class.

    Parameters
    ----------
    folder : str or PathLike
    names : collection of str, optional
        Class folders to list if they exist; None lists all.
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


def list_labelled_photos(folder, suffixes=SUFFIXES):
    """List a folder like `list_class_folders`, and check that it is one.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If it has no class folders, or one of them has no photo.

    Warns
    -----
    UserWarning
        If photos lie beside the class folders.
    """
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{folder!r} is not a folder; give one that has a folder of photos for each class")
    listing = list_class_folders(folder, suffixes=suffixes)
    if not listing["target_names"]:
        raise ValueError(f"{folder!r} has no class folders; give a folder that has a folder of photos for each class")
    n_photos = Counter(listing["target"])
    for i, name in enumerate(listing["target_names"]):
        if not n_photos[i]:
            endings = "" if suffixes is SUFFIXES else f" with a name that ends in {' or '.join(suffixes)}"
            raise ValueError(
                f"the class folder {os.path.join(folder, name)!r} has no photos{endings}; remove it, or fill it"
            )
    n_outside = sum(is_photo(entry, suffixes) for entry in visible_entries(folder))
    if n_outside:
        warn_user(f"{n_outside} photos in {folder!r} are in no class folder and are left out")
    return listing
