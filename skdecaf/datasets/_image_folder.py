"""Your own photos, in one folder per class."""

# SPDX-License-Identifier: BSD-3-Clause
import os

from skdecaf._utils.photo_folders import SUFFIXES, list_labelled_photos
from skdecaf.datasets._bunch import as_bunch


def load_image_folder(path, *, extensions=None, return_X_y=False, as_frame=False):
    """List the photos of a folder that has one subfolder per class.

    No file is opened: photos are recognised by the ending of their names.

    Parameters
    ----------
    path : str or PathLike
        The folder. Photos in deeper folders count, too. Hidden names are skipped, and links are followed.
    extensions : sequence of str, default=None
        Endings of the names of photos, such as "jpg", in upper or lower case. None means those of all formats that
        skdecaf reads.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether ``data`` is a pandas DataFrame with a column ``filename``, and ``target`` a Series.

    Returns
    -------
    Bunch, or tuple of data and target
        data, filenames : ndarray of shape (n_photos,), dtype object
            Absolute paths, sorted by class and name.
        target : ndarray of shape (n_photos,), dtype int64
            Indices into ``target_names``.
        target_names : list of str
            Names of the class folders, sorted.
        frame : DataFrame or None
            ``data`` with a column ``target``, with ``as_frame=True``.
        DESCR : str
            The numbers of photos and classes, and the folder.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If it has no class folders, or one of them has no photo.

    Warns
    -----
    UserWarning
        If photos lie beside the class folders, or if files are ignored because their names do not end like those of
        photos; ``extensions`` silences the latter.

    Examples
    --------
    >>> from skdecaf.datasets import load_image_folder
    >>> photos, y = load_image_folder("photos", return_X_y=True)  # doctest: +SKIP
    """
    path = os.path.abspath(os.path.expanduser(path))
    listing = list_labelled_photos(path, _suffixes(extensions))
    n_photos, n_classes = len(listing["filenames"]), len(listing["target_names"])
    description = f"{n_photos:,} photos of {n_classes:,} classes below {path}"
    return as_bunch(listing, description, return_X_y=return_X_y, as_frame=as_frame)


def _suffixes(extensions):
    if extensions is None:
        return SUFFIXES
    extensions = (extensions,) if isinstance(extensions, str) else extensions
    return tuple(f".{extension.lower().lstrip('*.')}" for extension in extensions)
