"""Anybody's photos, in a folder for each class."""

# SPDX-License-Identifier: BSD-3-Clause
import os
from collections import Counter

from skdecaf._utils.warnings import warn_user
from skdecaf.datasets._base import as_bunch
from skdecaf.datasets._listing import SUFFIXES, is_photo, list_class_folders, visible_entries


def load_image_folder(path, *, extensions=None, return_X_y=False, as_frame=False):
    """List the photos of a folder in which each class has a folder.

    Nothing is decoded: what is a photo, the ending of its name tells.

    Parameters
    ----------
    path : str or PathLike
        The folder. The photos of a class may lie in folders within its own; what is hidden is left out, and links are
        followed.
    extensions : sequence of str, default=None
        Endings of the names of photos, such as "jpg", in upper or lower case; None takes those of all formats that are
        read.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of everything.
    as_frame : bool, default=False
        Whether ``data`` is a pandas DataFrame with a column ``filename``, and ``target`` a Series.

    Returns
    -------
    Bunch, or tuple of data and target
        data, filenames : ndarray of shape (n_photos,), dtype object
            Absolute paths, sorted by class and name.
        target : ndarray of shape (n_photos,), dtype int64
            Places in ``target_names``.
        target_names : list of str
            Names of the class folders, sorted.
        frame : DataFrame or None
            ``data`` with a column ``target``, with ``as_frame=True``.
        DESCR : str
            Number of photos and classes, and where they lie.

    Raises
    ------
    FileNotFoundError
        Where there is no such folder.
    ValueError
        Where there are no class folders, or one of them holds no photo.

    Warns
    -----
    UserWarning
        Where photos lie beside the class folders.

    Examples
    --------
    >>> from skdecaf.datasets import load_image_folder
    >>> photos, y = load_image_folder("photos", return_X_y=True)  # doctest: +SKIP
    """
    path = os.path.abspath(os.path.expanduser(path))
    if not os.path.isdir(path):
        raise FileNotFoundError(f"{path!r} is no folder; give one that holds a folder of photos for each class")
    suffixes = _suffixes(extensions)
    listing = list_class_folders(path, suffixes=suffixes)
    _check_classes(path, listing, suffixes)
    n_outside = sum(is_photo(entry, suffixes) for entry in visible_entries(path))
    if n_outside:
        warn_user(f"{n_outside} photos in {path!r} lie in no class folder and are left out")
    n_photos, n_classes = len(listing["filenames"]), len(listing["target_names"])
    description = f"{n_photos:,} photos of {n_classes:,} classes below {path}"
    return as_bunch(listing, description, return_X_y=return_X_y, as_frame=as_frame)


def _suffixes(extensions):
    if extensions is None:
        return SUFFIXES
    extensions = (extensions,) if isinstance(extensions, str) else extensions
    return tuple(f".{extension.lower().lstrip('*.')}" for extension in extensions)


def _check_classes(path, listing, suffixes):
    if not listing["target_names"]:
        raise ValueError(f"{path!r} holds no class folders; give a folder that holds a folder of photos for each class")
    n_photos = Counter(listing["target"])
    for i, name in enumerate(listing["target_names"]):
        if not n_photos[i]:
            endings = "" if suffixes is SUFFIXES else f" with a name that ends in {' or '.join(suffixes)}"
            raise ValueError(
                f"the class folder {os.path.join(path, name)!r} holds no photos{endings}; remove it, or fill it"
            )
