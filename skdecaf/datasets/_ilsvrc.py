"""The validation photos of ILSVRC-2012: section 3.1 of the paper."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import re
from collections import Counter
from pathlib import Path

from skdecaf._utils.photo_folders import is_folder, is_photo, list_class_folders, visible_entries, warn_of_ignored
from skdecaf._utils.warnings import warn_user
from skdecaf.datasets._bunch import as_bunch
from skdecaf.datasets._dataset import AbsentDataset
from skdecaf.datasets._mat_files import read_variables

_N_PHOTOS, _N_CLASSES = 50_000, 1000
_SYNSET = re.compile(r"n\d{8}")
_PHOTO = re.compile(r"ILSVRC2012_val_(\d{8})\.\w+")
_FOLDERS = (".", "val", "ILSVRC2012_img_val")
_GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"
_DEVKIT = ("ILSVRC2012_devkit_t12/data", "data", ".")
_CAFFE = ("val.txt", "caffe_ilsvrc12/val.txt")

_DESCRIPTION = """\
ILSVRC-2012, validation: 50,000 photos of 1,000 classes, 50 of each.

Source: https://image-net.org, for those who are registered there. Licence: non-commercial research and education only.

Olga Russakovsky et al.: ImageNet large scale visual recognition challenge, International Journal of Computer Vision
115, 2015.
"""


def load_ilsvrc_val(path, *, labels=None, return_X_y=False, as_frame=False):
    """List the validation photos of ILSVRC-2012 in your own folder.

    The photos may be in class folders named after synsets (``n01440764``), or all in one folder, as published; then a
    file gives their classes.

    Parameters
    ----------
    path : str or PathLike
        The folder of the photos, or the parent of ``val`` or ``ILSVRC2012_img_val``.
    labels : str or PathLike, default=None
        For photos in one folder, one of:

        - Caffe's ``val.txt``: a photo and the number of its class on each line;
        - the development kit, ``ILSVRC2012_devkit_t12``, or its ``ILSVRC2012_validation_ground_truth.txt`` with
          ``meta.mat`` beside it, whose numbering of the classes is translated;
        - a list of the synsets of all photos, one per line.

        None looks for the first two in ``path``, in the folder of the photos and in its parent.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether ``data`` is a pandas DataFrame with a column ``filename``, and ``target`` a Series.

    Returns
    -------
    Bunch, or tuple of data and target
        data, filenames : ndarray of shape (n_photos,), dtype object
            Absolute paths.
        target : ndarray of shape (n_photos,), dtype int64
            Classes as the networks number them: by the ASCII order of all synsets.
        target_names : list of str
            These synsets. With Caffe's file they come from ``synsets.txt`` beside it, or are the numbers as text. If
            class folders are missing, only the existing ones are numbered.
        frame : DataFrame or None
            ``data`` with a column ``target``, with ``as_frame=True``.
        DESCR : str
            Source, licence, and whom to cite.

    Raises
    ------
    FileNotFoundError
        If there are no photos, or no labels for them.
    ValueError
        If labels cannot be read, or lack a photo.

    Warns
    -----
    UserWarning
        If some of the 50,000 photos are missing; the others are listed. If files are ignored because their names do not
        end like those of photos.

    Examples
    --------
    >>> from skdecaf.datasets import load_ilsvrc_val
    >>> bunch = load_ilsvrc_val("ILSVRC2012_img_val", labels="val.txt")  # doctest: +SKIP
    """
    path = Path(os.path.abspath(os.path.expanduser(path)))
    folder, synsets, photos, ignored = _find_photos(path)
    if photos and not synsets:
        listing = _label(photos, _find_labels(labels, path, folder))
    elif labels is not None:
        raise ValueError(f"{str(folder)!r} has class folders, which name the classes; leave out labels={labels!r}")
    else:
        listing = list_class_folders(folder, synsets)
        ignored = listing.pop("ignored")
    if len(listing["filenames"]) != _N_PHOTOS:
        n_photos = len(listing["filenames"])
        warn_user(f"{str(folder)!r} holds {n_photos:,} of the {_N_PHOTOS:,} validation photos of ILSVRC-2012")
    warn_of_ignored(str(folder), ignored)
    return as_bunch(listing, _DESCRIPTION, return_X_y=return_X_y, as_frame=as_frame)


def _find_photos(path):
    """The folder of the photos, its class folders, the photos directly in it, and the extensions of other files."""
    for folder in (path / name for name in _FOLDERS):
        entries = visible_entries(folder) if folder.is_dir() else []
        synsets = [entry.name for entry in entries if _SYNSET.fullmatch(entry.name) and is_folder(entry)]
        named = [entry for entry in entries if _PHOTO.fullmatch(entry.name)]
        photos = [entry.path for entry in named if is_photo(entry)]
        if synsets or photos:
            ignored = Counter(os.path.splitext(entry.name)[1] for entry in named if not is_photo(entry))
            return folder, synsets, photos, ignored
    raise AbsentDataset(
        f"{str(path)!r} holds neither class folders such as n01440764 nor photos such as ILSVRC2012_val_00000001.JPEG"
    )


def _find_labels(labels, path, folder):
    """The file with the class of each photo."""
    if labels is None:
        places = [place / name for place in (path, folder, folder.parent) for name in (*_CAFFE, *_truths())]
    else:
        given = Path(os.path.abspath(os.path.expanduser(labels)))
        places = [given, *(given / name for name in _truths())]
    for place in places:
        if place.is_file():
            return place
    raise FileNotFoundError(
        f"nothing says which classes the photos in {str(folder)!r} have; place Caffe's val.txt or the folder "
        f"ILSVRC2012_devkit_t12 beside it, or give it as labels{'' if labels is None else f', not {str(labels)!r}'}"
    )


def _truths():
    return [f"{place}/{_GROUND_TRUTH}" for place in _DEVKIT]


def _label(photos, path):
    """The listing of photos whose classes are in a file."""
    classes, names = _read_labels(path)
    numbers = [int(_PHOTO.fullmatch(os.path.basename(photo))[1]) for photo in photos]
    for photo, number in zip(photos, numbers, strict=True):
        if number not in classes:
            raise ValueError(f"{str(path)!r} says no class for {photo!r}")
    return {"filenames": photos, "target": [classes[number] for number in numbers], "target_names": names}


def _read_labels(path):
    """Number of photo -> class, and the names of the classes."""
    rows = [line.split() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    widths = {len(row) for row in rows}
    try:
        if widths == {2}:
            return _caffe_labels(path, rows)
        if widths == {1}:
            return _listed_labels(path, [label for (label,) in rows])
        raise ValueError("it has neither one nor two words on each line")
    except (ValueError, TypeError) as error:
        raise ValueError(f"{str(path)!r} is not a list of the classes of validation photos: {error}") from None


def _caffe_labels(path, rows):
    """Classes from lines of a photo and the number of its class, in ASCII order of the synsets, from 0."""
    names = _caffe_names(path) or [str(i) for i in range(_N_CLASSES)]
    classes = {}
    for photo, label in rows:
        match, number = _PHOTO.search(photo), int(label)
        if not match or not 0 <= number < len(names):
            raise ValueError(f"it has the line {f'{photo} {label}'!r}")
        classes[int(match[1])] = number
    return classes, names


def _caffe_names(path):
    for name in ("synsets.txt", "synset_words.txt"):
        if path.with_name(name).is_file():
            lines = path.with_name(name).read_text(encoding="utf-8").splitlines()
            return [line.split()[0] for line in lines if line.strip()]
    return []


def _listed_labels(path, labels):
    """Classes from a list of the photos' synsets, or of their numbers in the development kit."""
    names = sorted(set(labels))
    if not all(map(_SYNSET.fullmatch, labels)):
        synsets = _devkit_synsets(path.with_name("meta.mat"))
        unknown = {int(label) for label in labels} - set(synsets)
        if unknown:
            raise ValueError(f"meta.mat beside it has no class {min(unknown)}")
        labels, names = [synsets[int(label)] for label in labels], sorted(synsets.values())
    places = {name: i for i, name in enumerate(names)}
    return {i: places[label] for i, label in enumerate(labels, 1)}, names


def _devkit_synsets(path):
    """Number of class -> synset, of the thousand without children in the challenge."""
    if not path.is_file():
        raise ValueError(f"its numbers are those of the development kit, whose {path.name} has to lie beside it")
    [synsets] = read_variables(path, "synsets")
    try:
        return {
            int(synset["ILSVRC2012_ID"].item()): synset["WNID"]
            for synset in synsets
            if synset["num_children"].item() == 0
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError(f"the kit's {path.name} beside it is not as published") from None
