"""Photos in folders, listed by their names; no file is opened."""

# SPDX-License-Identifier: BSD-3-Clause
import os
from collections import Counter
from importlib.util import find_spec

from skdecaf._utils.warnings import warn_user

_HEIF_SUFFIXES = (".heic", ".heif", ".hif")
SUFFIXES = (
    ".bmp", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".pbm", ".pgm", ".png", ".pnm",
    ".ppm", ".tif", ".tiff", ".webp",
    *((".avif",) if find_spec("PIL._avif") else ()), *(_HEIF_SUFFIXES if find_spec("pillow_heif") else ()),
)  # fmt: skip
_SYSTEM_FILES = ("desktop.ini", "thumbs.db")
_MAX_EXTENSIONS = 8  # in a message


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


def is_folder(entry):
    """Whether a directory entry is a folder, or a link to one. A link in a circle is not: reading it is an error."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_photo(entry, suffixes=SUFFIXES):
    """Whether a directory entry is a file with the suffix of an image, in upper or lower case."""
    return entry.name.lower().endswith(suffixes) and not is_folder(entry)


def photos_below(folder, suffixes=SUFFIXES, ignored=None, _above=()):
    """Yield the paths of all photos below a folder, sorted by name; skip hidden names, follow links.

    ``ignored``, if it is a Counter, counts the extensions of the other files.
    """
    status = os.stat(folder)
    identity = (status.st_dev, status.st_ino)
    if identity in _above:  # a link to one of the folders above
        return
    for entry in visible_entries(folder):
        if is_folder(entry):
            yield from photos_below(entry.path, suffixes, ignored, (*_above, identity))
        elif is_photo(entry, suffixes):
            yield entry.path
        elif ignored is not None:
            count_ignored(entry.name, ignored)


def count_ignored(name, ignored):
    """Count the extension of a file, unless systems make such files on their own."""
    if os.path.basename(name).lower() not in _SYSTEM_FILES:
        ignored[os.path.splitext(name)[1]] += 1


def describe_ignored(ignored):
    """Name the files that `photos_below` ignored by extension and number: ``3 .heic, 1 .txt``."""
    counts = sorted(ignored.items(), key=lambda pair: (-pair[1], pair[0]))
    words = [f"{n} {extension or 'without extension'}" for extension, n in counts[:_MAX_EXTENSIONS]]
    n_others = sum(n for _, n in counts[_MAX_EXTENSIONS:])
    text = ", ".join([*words, f"{n_others} others"] if n_others else words)
    is_heif = any(extension.lower() in _HEIF_SUFFIXES for extension in ignored)
    return text + ('; to read HEIC, run pip install "skdecaf[heif]"' if is_heif else "")


def instead_of_photos(ignored):
    """What an error about a listing without photos says of the files that it ignored."""
    return f", only other files ({describe_ignored(ignored)})" if ignored else ""


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
        (list of str), sorted by class, then by path; and ``ignored``, a Counter of the extensions of other files.
    """
    classes = [
        entry for entry in visible_entries(folder) if is_folder(entry) and (names is None or entry.name in names)
    ]
    filenames, target, ignored = [], [], Counter()
    for i, entry in enumerate(classes):
        filenames += photos_below(entry.path, suffixes, ignored)
        target += [i] * (len(filenames) - len(target))
    names = [entry.name for entry in classes]
    return {"filenames": filenames, "target": target, "target_names": names, "ignored": ignored}


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
        If photos lie beside the class folders, or files are ignored that are not named as photos. Giving suffixes
        silences the latter.
    """
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{folder!r} is not a folder; give one that has a folder of photos for each class")
    listing = list_class_folders(folder, suffixes=suffixes)
    ignored = listing.pop("ignored")
    if not listing["target_names"]:
        instead = _instead(folder, SUFFIXES)
        raise ValueError(
            f"{folder!r} has no class folders{instead}; give a folder that has a folder of photos for each class"
        )
    n_photos = Counter(listing["target"])
    for i, name in enumerate(listing["target_names"]):
        if not n_photos[i]:
            path = os.path.join(folder, name)
            instead = _instead(path, suffixes)
            raise ValueError(f"the class folder {path!r} has no photos{instead}; remove it, or fill it")
    outside = [entry for entry in visible_entries(folder) if not is_folder(entry)]
    for entry in outside:
        if not is_photo(entry, suffixes):
            count_ignored(entry.name, ignored)
    n_outside = sum(is_photo(entry, suffixes) for entry in outside)
    if n_outside:
        warn_user(f"{n_outside} photos in {folder!r} are in no class folder and are left out")
    if suffixes is SUFFIXES:
        warn_of_ignored(folder, ignored)
    return listing


def warn_of_ignored(place, ignored):
    """Warn of files in a folder or an archive that are not named as photos, if there are any."""
    if ignored:
        warn_user(f"skdecaf ignores files in {place!r} that it cannot read: {describe_ignored(ignored)}")


def _instead(folder, suffixes):
    """What an error about a folder says if it has other files than photos only."""
    if suffixes is not SUFFIXES:
        return f" with a name that ends in {' or '.join(suffixes)}"
    ignored = Counter()
    photos = list(photos_below(folder, suffixes, ignored))
    return "" if photos else instead_of_photos(ignored)
