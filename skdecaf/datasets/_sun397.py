"""SUN-397: Table 3 and Figure 2 of the paper."""

# SPDX-License-Identifier: BSD-3-Clause
import os
from collections import Counter

import numpy as np

from skdecaf._utils.archives import Limits
from skdecaf._utils.download import PublishedFile
from skdecaf._utils.photo_folders import is_folder, photos_below, visible_entries
from skdecaf.datasets._bunch import as_bunch
from skdecaf.datasets._dataset import AbsentDataset, Dataset
from skdecaf.datasets._locate import load

_N_PHOTOS, _N_CLASSES, _N_SPLITS = 108_754, 397, 10
_PHOTOS = (
    (
        PublishedFile(
            "SUN397.tar.gz",
            ("https://vision.princeton.edu/projects/2010/SUN/SUN397.tar.gz",),
            "sha256:f404130965a7ad77bed5ececc71e720ab50f3cc1e1bb257257610d38f3b928ec",
            39_077_296_924,
        ),
    ),
)
_PARTITIONS = (
    (
        PublishedFile(
            "Partitions.zip",
            ("https://vision.princeton.edu/projects/2010/SUN/download/Partitions.zip",),
            "sha256:e3311ea5f812d4cc6faef194688343d1111f6cd6f70f2c62f393c2b8d6ba1ec9",
            18_293_705,
        ),
    ),
)

_DESCRIPTION = """\
SUN-397: 108,754 photos of 397 kinds of scenes, at least 100 of each, and ten splits of 50 photos per class for training
and 50 for testing.

Source: https://vision.princeton.edu/projects/2010/SUN/. Licence: for research only. All files are called .jpg, though
several are PNG, GIF or BMP. One, c/church/outdoor/sun_bhenjvsvrtumjuri.jpg, is damaged: decoders differ about it, or
give up. The paper (section 4.4, Table 3) reports the mean over five splits.

Jianxiong Xiao, James Hays, Krista A. Ehinger, Aude Oliva, Antonio Torralba: SUN database: Large-scale scene recognition
from abbey to zoo, CVPR 2010.
"""


def _photos():
    return Dataset(
        name="sun397",
        title="SUN-397",
        fetcher="fetch_sun397",
        sources=_PHOTOS,
        # As extracted by hand or by torchvision, beside Partitions, and by TensorFlow Datasets.
        places=("SUN397", "*/SUN397", "images", "downloads/extracted/*/SUN397", "."),
        is_here=_has_photos,
        read=_read_photos,
        problem=_problem,
        limits=Limits(n_bytes=60_000_000_000, n_members=150_000),
        description=_DESCRIPTION,
    )


def _partitions():
    return Dataset(
        name="sun397/partitions",
        title="the list of SUN-397's splits",
        fetcher="fetch_sun397",
        sources=_PARTITIONS,
        places=("Partitions", ".", "*", "*/Partitions", "downloads/extracted/*"),
        is_here=lambda folder: (folder / "Training_01.txt").is_file(),
        read=_read_partitions,
        problem=_problem_of_splits,
        limits=Limits(n_bytes=200_000_000, n_members=100),
        description="",
    )


def _letters(folder):
    return [entry for entry in visible_entries(folder) if len(entry.name) == 1 and is_folder(entry)]


def _has_photos(folder):
    first = next((path for letter in _letters(folder) for path in photos_below(letter.path)), "")
    return os.path.basename(first).startswith("sun_")


def _read_photos(folder):
    """List photos by letter, class, and for some classes a subclass, such as ``a/apse/indoor``."""
    ignored = Counter()
    filenames = [path for letter in _letters(folder) for path in photos_below(letter.path, ignored=ignored)]
    begin = len(os.path.join(folder, "a", ""))
    classes = [os.path.dirname(path)[begin:] for path in filenames]
    target_names = sorted(set(classes))
    places = {name: i for i, name in enumerate(target_names)}
    target = [places[name] for name in classes]
    return {"filenames": filenames, "target": target, "target_names": target_names, "ignored": ignored}


def _problem(listing):
    found, published = (len(listing["filenames"]), len(listing["target_names"])), (_N_PHOTOS, _N_CLASSES)
    if found == published:
        return ""
    return "holds {:,} photos of {} classes where SUN-397 has {:,} of {}".format(*found, *published)


def _read_partitions(folder):
    """The names of the training and test photos of each split."""
    files = [[folder / f"{part}_{i + 1:02d}.txt" for part in ("Training", "Testing")] for i in range(_N_SPLITS)]
    return {"splits": [(_words(train), _words(test)) for train, test in files if train.is_file() and test.is_file()]}


def _problem_of_splits(listing):
    n_splits = len(listing["splits"])
    return "" if n_splits == _N_SPLITS else f"holds {n_splits} splits instead of {_N_SPLITS}"


def _words(path):
    return path.read_text(encoding="utf-8", errors="replace").split()


def _load_splits(listing, data_home, download_if_missing):
    """The rows of each split; none if the lists are missing and may not be downloaded."""
    try:
        named = load(_partitions(), data_home, download_if_missing)["splits"]
    except AbsentDataset:
        if download_if_missing:
            raise
        return []
    names = _published_names(listing)
    missing = sorted(set().union(*(part for split in named for part in split)).difference(names))
    if missing:
        examples = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
        raise FileNotFoundError(
            f"{len(missing):,} photos that the splits of SUN-397 name are missing (return_X_y=True does without "
            f"splits): {examples}"
        )
    rows = {name: row for row, name in enumerate(names)}
    return [tuple(np.array([rows[name] for name in part], dtype=np.int64) for part in split) for split in named]


def _published_names(listing):
    """The names of the photos in the published lists: ``/a/apse/indoor/sun_abc.jpg``."""
    first, class_name = listing["filenames"][0], listing["target_names"][listing["target"][0]]
    n_parts = 3 + class_name.count("/")  # a letter, the class, the file
    begin = len(first) - len("/".join(["", *first.split(os.sep)[-n_parts:]]))
    return [path[begin:].replace(os.sep, "/") for path in listing["filenames"]]


def fetch_sun397(*, data_home=None, download_if_missing=True, return_X_y=False, as_frame=False):
    """Find or download SUN-397, and list its photos and its ten splits.

    Parameters
    ----------
    data_home : str or PathLike, default=None
        Folder of all data sets, to which they are downloaded. None means ``datasets`` inside ``SKDECAF_HOME`` or the
        platform's cache folder. It may also be a folder that contains SUN-397 as its archive or
        torchvision extract it, or ``SUN397`` itself. The splits are in ``Partitions.zip`` (18 MB): place it, or the
        folder ``Partitions``, beside the photos.
    download_if_missing : bool, default=True
        Whether to download what is missing: 39 GB of photos, and the splits. ``SKDECAF_OFFLINE`` forbids it.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether ``data`` is a pandas DataFrame with a column ``filename``, and ``target`` a Series.

    Returns
    -------
    Bunch, or tuple of data and target
        data, filenames : ndarray of shape (108754,), dtype object
            Absolute paths, sorted.
        target : ndarray of shape (108754,), dtype int64
            Indices into ``target_names``.
        target_names : list of str
            Names of the 397 classes, such as ``"abbey"`` and ``"apse/indoor"``, in the order of ``ClassName.txt``.
        splits : list of ten tuples of two ndarrays of int64
            Rows of 19,850 training and 19,850 test photos, as published; pass it as ``cv`` to scikit-learn. Empty if
            ``Partitions`` is missing and ``download_if_missing=False``.
        frame : DataFrame or None
            ``data`` with a column ``target``, with ``as_frame=True``.
        DESCR : str
            Source, licence, and whom to cite.

    Raises
    ------
    FileNotFoundError
        If it is missing and may not be downloaded; the message says which files to place where. Also if photos that
        the splits name are missing.
    OSError
        If a download fails.
    ValueError
        If an archive is not the published one.

    Warns
    -----
    UserWarning
        If an existing folder has other numbers of photos or splits than were published, or has files that are
        not named as photos.

    Notes
    -----
    Section 4.4 and Table 3 of the paper: mean accuracy over five splits, here the first five of ``splits``. The photo
    ``c/church/outdoor/sun_bhenjvsvrtumjuri.jpg`` is damaged: use ``DeCAFTransformer(on_error="nan")``.

    Examples
    --------
    >>> from skdecaf.datasets import fetch_sun397
    >>> scenes = fetch_sun397()  # doctest: +SKIP
    """
    dataset = _photos()
    listing = load(dataset, data_home, download_if_missing)
    if not return_X_y:
        listing["splits"] = _load_splits(listing, data_home, download_if_missing)
    return as_bunch(listing, dataset.description, return_X_y=return_X_y, as_frame=as_frame)
