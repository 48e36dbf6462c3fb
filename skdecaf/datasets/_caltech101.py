"""Caltech-101: Figure 4 of the paper."""

# SPDX-License-Identifier: BSD-3-Clause
from collections import Counter
from functools import partial

from skdecaf._utils.archives import Limits
from skdecaf._utils.download import PublishedFile
from skdecaf._utils.photo_folders import is_folder, list_class_folders, visible_entries
from skdecaf.datasets._bunch import as_bunch
from skdecaf.datasets._dataset import Dataset, wrong_counts
from skdecaf.datasets._locate import load

_BACKGROUND = "BACKGROUND_Google"
_COUNTS = {
    "BACKGROUND_Google": 467, "Faces": 435, "Faces_easy": 435, "Leopards": 200, "Motorbikes": 798, "accordion": 55,
    "airplanes": 800, "anchor": 42, "ant": 42, "barrel": 47, "bass": 54, "beaver": 46, "binocular": 33, "bonsai": 128,
    "brain": 98, "brontosaurus": 43, "buddha": 85, "butterfly": 91, "camera": 50, "cannon": 43, "car_side": 123,
    "ceiling_fan": 47, "cellphone": 59, "chair": 62, "chandelier": 107, "cougar_body": 47, "cougar_face": 69,
    "crab": 73, "crayfish": 70, "crocodile": 50, "crocodile_head": 51, "cup": 57, "dalmatian": 67, "dollar_bill": 52,
    "dolphin": 65, "dragonfly": 68, "electric_guitar": 75, "elephant": 64, "emu": 53, "euphonium": 64, "ewer": 85,
    "ferry": 67, "flamingo": 67, "flamingo_head": 45, "garfield": 34, "gerenuk": 34, "gramophone": 51,
    "grand_piano": 99, "hawksbill": 100, "headphone": 42, "hedgehog": 54, "helicopter": 88, "ibis": 80,
    "inline_skate": 31, "joshua_tree": 64, "kangaroo": 86, "ketch": 114, "lamp": 61, "laptop": 81, "llama": 78,
    "lobster": 41, "lotus": 66, "mandolin": 43, "mayfly": 40, "menorah": 87, "metronome": 32, "minaret": 76,
    "nautilus": 55, "octopus": 35, "okapi": 39, "pagoda": 47, "panda": 38, "pigeon": 45, "pizza": 53, "platypus": 34,
    "pyramid": 57, "revolver": 82, "rhino": 59, "rooster": 49, "saxophone": 40, "schooner": 63, "scissors": 39,
    "scorpion": 84, "sea_horse": 57, "snoopy": 35, "soccer_ball": 64, "stapler": 45, "starfish": 86,
    "stegosaurus": 59, "stop_sign": 64, "strawberry": 35, "sunflower": 85, "tick": 49, "trilobite": 86,
    "umbrella": 75, "watch": 239, "water_lilly": 37, "wheelchair": 59, "wild_cat": 34, "windsor_chair": 56,
    "wrench": 39, "yin_yang": 60,
}  # fmt: skip

_DESCRIPTION = """\
Caltech-101: 8,677 photos of 101 kinds of objects, 31 to 800 of each, and 467 photos of a background class.

Source: https://data.caltech.edu/records/mzrjq-6wc02. Licence: CC BY 4.0. The classes Faces and Faces_easy show the same
people. The paper (section 4.1, Figure 4) draws 30 training photos per class at random and reports the mean over
classes; its 102 classes include the background.

Fei-Fei Li, Rob Fergus, Pietro Perona: Learning generative visual models from few training examples, Workshop on
Generative-Model Based Vision, CVPR 2004.
"""

_SOURCES = (
    (
        PublishedFile(
            "caltech-101.zip",
            ("https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip",),
            "sha256:331234750fc7f77520e50d9565e8b6907b03565e30320da1401130db08c61f91",
            137_414_764,
        ),
    ),
    (
        PublishedFile(
            "101_ObjectCategories.tar.gz",
            digest="sha256:af6ece2f339791ca20f855943d8b55dd60892c0a25105fcd631ee3d6430f9926",
            size=131_740_031,
        ),
    ),
)


def _is_here(folder):
    """Whether a folder has the class folders, and no others unless its name is that of the archive's folder."""
    known = [entry.name in _COUNTS for entry in visible_entries(folder) if is_folder(entry)]
    return any(known) if folder.name == "101_ObjectCategories" else all(known) and any(known)


def _read(counts, folder):
    listing = list_class_folders(folder, counts)
    if (folder / _BACKGROUND / "tmp").exists():  # published, and no photo
        listing["ignored"] -= Counter({"": 1})
    return listing


def _dataset(background):
    counts = {name: number for name, number in _COUNTS.items() if background or name != _BACKGROUND}
    title = "Caltech-101" if background else "Caltech-101 without its background"
    return Dataset(
        name="caltech101",
        title=title,
        fetcher="fetch_caltech101",
        sources=_SOURCES,
        # As extracted by hand, by torchvision and by TensorFlow Datasets.
        places=("101_ObjectCategories", "*/101_ObjectCategories", "downloads/extracted/*/101_ObjectCategories", "."),
        is_here=_is_here,
        read=partial(_read, counts),
        problem=partial(wrong_counts, title, counts),
        limits=Limits(n_bytes=600_000_000, n_members=50_000),
        description=_DESCRIPTION,
    )


def fetch_caltech101(*, data_home=None, background=True, download_if_missing=True, return_X_y=False, as_frame=False):
    """Find or download Caltech-101, and list its photos.

    No photo is opened: the paths are for :class:`~skdecaf.DeCAFTransformer`.

    Parameters
    ----------
    data_home : str or PathLike, default=None
        Folder of all data sets, to which they are downloaded. None means ``datasets`` inside ``SKDECAF_HOME`` or the
        platform's cache folder. It may also be a folder that contains Caltech-101 as its archive,
        torchvision or TensorFlow Datasets extract it, or ``101_ObjectCategories`` itself.
    background : bool, default=True
        Whether to include the class ``BACKGROUND_Google``, one of the paper's 102 classes.
    download_if_missing : bool, default=True
        Whether to download 137 MB if there are neither photos nor an archive, ``caltech-101.zip`` or
        ``101_ObjectCategories.tar.gz``. ``SKDECAF_OFFLINE`` forbids it.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether ``data`` is a pandas DataFrame with a column ``filename``, and ``target`` a Series.

    Returns
    -------
    Bunch, or tuple of data and target
        data, filenames : ndarray of shape (n_photos,), dtype object
            Absolute paths, sorted by class and name: 9,144, or 8,677 without background.
        target : ndarray of shape (n_photos,), dtype int64
            Indices into ``target_names``.
        target_names : list of str
            Names of the class folders in ASCII order, 102 or 101.
        frame : DataFrame or None
            ``data`` with a column ``target``, with ``as_frame=True``.
        DESCR : str
            Source, licence, and whom to cite.

    Raises
    ------
    FileNotFoundError
        If it is missing and may not be downloaded; the message says which files to place where.
    OSError
        If a download fails.
    ValueError
        If an archive is not the published one.

    Warns
    -----
    UserWarning
        If an existing folder has other numbers of photos than were published, or files that are not named as photos.
        What is there is listed.

    Notes
    -----
    Section 4.1 and Figure 4 of the paper: 30 training photos of each class, mean accuracy over classes.

    Examples
    --------
    >>> from skdecaf.datasets import fetch_caltech101
    >>> photos, y = fetch_caltech101(return_X_y=True)  # doctest: +SKIP
    """
    dataset = _dataset(background)
    listing = load(dataset, data_home, download_if_missing)
    return as_bunch(listing, dataset.description, return_X_y=return_X_y, as_frame=as_frame)
