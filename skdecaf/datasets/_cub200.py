"""Caltech-UCSD Birds: Table 2 of the paper."""

# SPDX-License-Identifier: BSD-3-Clause
import os

import numpy as np

from skdecaf._utils.archives import Limits
from skdecaf._utils.download import PublishedFile
from skdecaf._utils.photo_folders import is_folder, visible_entries
from skdecaf.datasets._bunch import as_bunch
from skdecaf.datasets._dataset import Dataset
from skdecaf.datasets._locate import load
from skdecaf.datasets._mat_files import read_variables

_DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id={}"
_SOURCES = {
    2010: (
        (
            PublishedFile(
                "images.tgz",
                (_DRIVE.format("1GDr1OkoXdhaXWGA8S3MAq3a522Tak-nx"),),
                "sha256:2a6d2246bbb9778ca03aa94e2e683ccb4f8821a36b7f235c0822e659d60a803e",
                679_421_896,
            ),
            PublishedFile(
                "annotations.tgz",
                (_DRIVE.format("16NsbTpMs5L6hT4hUJAmpW2u7wH326WTR"),),
                "sha256:c17b7841c21a66aa44ba8fe92369cc95dfc998946081828b1d7b8a4b716805c1",
                11_531_634,
            ),
            PublishedFile(
                "lists.tgz",
                (_DRIVE.format("1vZuZPqha0JjmwkdaS_XtYryE3Jf5Q1AC"),),
                "sha256:aeacbd5e3539ae84ea726e8a266a9a119c18f055cd80f3836d5eb4500b005428",
                201_844,
            ),
        ),
    ),
    2011: (
        (
            PublishedFile(
                "CUB_200_2011.tgz",
                (
                    "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
                    "https://s3.amazonaws.com/fast-ai-imageclas/CUB_200_2011.tgz",
                ),
                "sha256:0c685df5597a8b24909f6a7c9db6d11e008733779a671760afef78feb49bf081",
                1_150_585_339,
            ),
        ),
    ),
}
# Photos for training and for testing.
_SIZES = {2010: (3000, 3033), 2011: (5994, 5794)}
_N_CLASSES = 200
_FOLDERS = {
    2010: ("CUB_200_2010", "CUB-200-2010", "CUB-200", "downloads/extracted", "."),
    2011: ("CUB_200_2011", "*/CUB_200_2011", "downloads/extracted/*/CUB_200_2011", "."),
}

_DESCRIPTION = """\
CUB-200-{version}: {n:,} photos of 200 kinds of birds, {n_train:,} for training and {n_test:,} for testing, each with a
box around the bird.

Source: https://www.vision.caltech.edu/datasets/. Licence: for research; the photos belong to many people on Flickr.
Some are also in ImageNet, on which the networks were trained. The paper (section 4.3, Table 2) cites the data set of
2010; its figures are those of 2011.

{reference}
"""
_REFERENCES = {
    2010: (
        "Peter Welinder, Steve Branson, Takeshi Mita, Catherine Wah, Florian Schroff, Serge Belongie, Pietro Perona:\n"
        "Caltech-UCSD Birds 200, CNS-TR-2010-001, California Institute of Technology, 2010."
    ),
    2011: (
        "Catherine Wah, Steve Branson, Peter Welinder, Pietro Perona, Serge Belongie: The Caltech-UCSD Birds-200-2011\n"
        "dataset, CNS-TR-2011-001, California Institute of Technology, 2011."
    ),
}


def _dataset(version):
    n_train, n_test = _SIZES[version]
    numbers = {"n": n_train + n_test, "n_train": n_train, "n_test": n_test}
    return Dataset(
        name=f"cub200_{version}",
        title=f"CUB-200-{version}",
        fetcher="fetch_cub200",
        sources=_SOURCES[version],
        places=_FOLDERS[version],
        is_here=_is_2010 if version == 2010 else _is_2011,
        read=_read_2010 if version == 2010 else _read_2011,
        problem=lambda listing: _problem(listing, version),
        limits=Limits(n_bytes=4_000_000_000, n_members=50_000),
        description=_DESCRIPTION.format(version=version, reference=_REFERENCES[version], **numbers),
        arguments=() if version == 2011 else ("version=2010",),
    )


def _problem(listing, version):
    [(train, test)] = listing["splits"]
    found, published = (len(train), len(test), len(listing["target_names"])), (*_SIZES[version], _N_CLASSES)
    if found == published:
        return ""
    sentence = "{:,} photos for training and {:,} for testing, of {} classes"
    return f"holds {sentence.format(*found)}, where CUB-200-{version} has {sentence.format(*published)}"


# Published coordinates count from 1: x, y, and two values that are not coordinates.
_FIRST_PIXEL = np.array([1, 1, 0, 0])


# The data set of 2011: text tables, in which photos are numbered from 1.


def _is_2011(folder):
    return (folder / "images.txt").is_file() and (folder / "image_class_labels.txt").is_file()


def _read_2011(folder):
    names = _numbered_names(folder / "images.txt")
    labels, in_training, boxes = (
        _rows_of_photos(folder / table, len(names), width)
        for table, width in (("image_class_labels.txt", 1), ("train_test_split.txt", 1), ("bounding_boxes.txt", 4))
    )
    target_names = _numbered_names(folder / "classes.txt")
    _check_whole(folder / "image_class_labels.txt", labels, 1, len(target_names))
    _check_whole(folder / "train_test_split.txt", in_training, 0, 1)
    part_names = _numbered_names(folder / "parts" / "parts.txt")
    return {
        "filenames": _existing(folder / "images", names),
        "target": (labels[:, 0].astype(np.int64) - 1).tolist(),
        "target_names": target_names,
        "boxes": boxes - _FIRST_PIXEL,
        "parts": _read_parts(folder / "parts" / "part_locs.txt", len(names), len(part_names)),
        "part_names": part_names,
        "splits": [(np.flatnonzero(in_training), np.flatnonzero(in_training == 0))],
    }


def _numbered_names(path):
    """The names in lines such as "1 name", numbered from 1."""
    pairs = [line.partition(" ") for line in _lines(path)]
    if [number for number, _, _ in pairs] != [str(i + 1) for i in range(len(pairs))]:
        raise ValueError(f"{str(path)!r} does not number its lines from 1")
    return [name for _, _, name in pairs]


def _rows_of_photos(path, n_photos, width):
    """The numbers in a table, of shape (n_photos, width)."""
    table = _table(path, 1 + width)
    return _in_order(path, table[:, 0] - 1, table[:, 1:], n_photos)


def _read_parts(path, n_photos, n_parts):
    """x, y and visibility of each part, of shape (n_photos, n_parts, 3)."""
    table = _table(path, 5)
    places = (table[:, 0] - 1) * n_parts + table[:, 1] - 1
    parts = _in_order(path, places, table[:, 2:], n_photos * n_parts).reshape(n_photos, n_parts, 3)
    return np.where(parts[..., 2:], parts - _FIRST_PIXEL[:3], 0)


def _table(path, width):
    lines = _lines(path)
    try:
        table = np.loadtxt(lines, ndmin=2)
    except ValueError as error:
        raise ValueError(f"{str(path)!r} is not a table of numbers: {error}") from None
    if table.shape[1] != width:
        raise ValueError(f"{str(path)!r} has {table.shape[1]} columns instead of {width}")
    return table


def _check_whole(path, numbers, minimum, maximum):
    wrong = (numbers != np.floor(numbers)) | (numbers < minimum) | (numbers > maximum)
    if wrong.any():
        raise ValueError(f"{str(path)!r} has {numbers[wrong][0]:g}, not a whole number from {minimum} to {maximum}")


def _in_order(path, places, rows, n):
    if not np.array_equal(np.sort(places), np.arange(n)):
        raise ValueError(f"{str(path)!r} does not have one line for each of {n:,} photos or their parts")
    return rows[np.argsort(places)]


# The data set of 2010: lists of photos, and an outline of each bird in a MATLAB file.


def _is_2010(folder):
    return _folders_2010(folder) is not None


def _folders_2010(folder):
    """The folders of lists, photos and annotations, side by side or each in its own folder, or None."""
    lists = _folder_with(folder, "lists", "files.txt")
    if lists is None:
        return None
    first = _lines(lists / "files.txt")[:1] or [""]
    folders = lists, _folder_with(folder, "images", *first), _folder_with(folder, "annotations-mat", *map(_mat, first))
    return None if None in folders else folders


def _folder_with(folder, name, member):
    places = (place for pattern in (name, f"*/{name}") for place in sorted(folder.glob(pattern)))
    return next((place for place in places if (place / member).is_file()), None)


def _mat(name):
    return f"{os.path.splitext(name)[0]}.mat"


def _read_2010(folder):
    lists, images, annotations = _folders_2010(folder)
    names = _lines(lists / "files.txt")
    classes = sorted({name.split("/")[0] for name in names})
    return {
        "filenames": _existing(images, names),
        "target": [classes.index(name.split("/")[0]) for name in names],
        "target_names": classes,
        "boxes": np.array([_box(annotations / _mat(name)) for name in names]) - _FIRST_PIXEL,
        "splits": [tuple(_places(lists / part, names) for part in ("train.txt", "test.txt"))],
    }


def _places(path, names):
    """Row numbers of the photos in a list."""
    places = {name: i for i, name in enumerate(names)}
    for name in (listed := _lines(path)):
        if name not in places:
            raise ValueError(f"{str(path)!r} names {name!r}, which is not in 'files.txt'")
    return np.array([places[name] for name in listed], dtype=np.int64)


def _box(path):
    """x, y, width and height of a bird's box."""
    [box] = read_variables(path, "bbox")
    sides = [box.get(side) if isinstance(box, dict) else None for side in ("left", "top", "right", "bottom")]
    if any(not isinstance(side, np.ndarray) or side.size != 1 for side in sides):
        raise ValueError(f"{str(path)!r} has no numbers left, top, right and bottom in its variable 'bbox'")
    left, top, right, bottom = (float(side.item()) for side in sides)
    return left, top, right - left, bottom - top


# Both


def _lines(path):
    """The non-empty lines of a text file."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return [line.strip() for line in file if line.strip()]
    except FileNotFoundError:
        raise ValueError(f"{str(path)!r} is missing, though other parts of the data set exist") from None


def _existing(folder, names):
    """The paths of photos, all of which must exist."""
    classes = [entry for entry in visible_entries(folder) if is_folder(entry)] if folder.is_dir() else []
    present = {f"{entry.name}/{photo.name}" for entry in classes for photo in visible_entries(entry.path)}
    missing = [name for name in names if name not in present]
    if missing:
        raise FileNotFoundError(f"{len(missing):,} of {len(names):,} photos are not in {str(folder)!r}: {missing[0]} …")
    return [os.path.join(folder, name) for name in names]


def fetch_cub200(*, version=2011, data_home=None, download_if_missing=True, return_X_y=False, as_frame=False):
    """Find or download the birds of CUB-200, and list their photos, boxes and parts.

    Parameters
    ----------
    version : {2011, 2010}, default=2011
        Which of the two data sets; the paper's numbers belong to that of 2011.
    data_home : str or PathLike, default=None
        Folder of all data sets, to which they are downloaded. None means ``datasets`` inside ``SKDECAF_HOME`` or the
        platform's cache folder. It may also be a folder that contains the data set as its archives or
        TensorFlow Datasets extract it, or the data set's folder itself.
    download_if_missing : bool, default=True
        Whether to download 1,151 MB (2011) or 691 MB (2010) if there are neither photos nor archives.
        ``SKDECAF_OFFLINE`` forbids it.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether ``data`` is a pandas DataFrame with the columns ``filename``, ``x``, ``y``, ``width`` and ``height``, as
        :class:`~skdecaf.BoxCropper` reads it, and ``target`` a Series.

    Returns
    -------
    Bunch, or tuple of data and target
        data, filenames : ndarray of shape (n_photos,), dtype object
            Absolute paths, in the order of the data set's list: 11,788 (2011) or 6,033 (2010).
        target : ndarray of shape (n_photos,), dtype int64
            Indices into ``target_names``.
        target_names : list of str
            Names of the 200 classes, such as ``"001.Black_footed_Albatross"``.
        boxes : ndarray of shape (n_photos, 4), dtype float64
            x and y of the upper left corner, counted from 0, width and height of the box around the bird, in pixels.
            Published coordinates are assumed to count from 1, as in the release of DeCAF.
        parts : ndarray of shape (n_photos, 15, 3), dtype float64
            2011 only: x and y, counted from 0, and 1 for visible parts; 0, 0 and 0 for others.
        part_names : list of str
            2011 only: names of the 15 parts.
        splits : list of one tuple of two ndarrays of int64
            Rows for training and testing, as published; pass it as ``cv`` to scikit-learn.
        frame : DataFrame or None
            ``data`` with a column ``target``, with ``as_frame=True``.
        DESCR : str
            Source, licence, and whom to cite.

    Raises
    ------
    FileNotFoundError
        If it is missing and may not be downloaded; the message says which files to place where. Also if photos are
        missing.
    OSError
        If a download fails.
    ValueError
        If an archive is not the published one, or a list or annotation is missing or invalid.

    Warns
    -----
    UserWarning
        If an existing folder has other numbers of photos than were published. What is there is listed.

    Notes
    -----
    Section 4.3 and Table 2 of the paper: photos are cropped to 1.5 times the box.

    Examples
    --------
    >>> from skdecaf.datasets import fetch_cub200
    >>> birds = fetch_cub200(as_frame=True)  # doctest: +SKIP
    """
    if version not in _SOURCES:
        raise ValueError(f"version={version!r} is neither 2010 nor 2011")
    dataset = _dataset(version)
    listing = load(dataset, data_home, download_if_missing)
    return as_bunch(listing, dataset.description, return_X_y=return_X_y, as_frame=as_frame)
