"""``skdecaf reproduce``: tables and figures from the photos on this computer."""

# SPDX-License-Identifier: BSD-3-Clause
import hashlib
import json
import shlex
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from skdecaf import datasets
from skdecaf._paper.figure_4 import N_PER_CLASS, figure_4_left, figure_4_right
from skdecaf._paper.fine_tuning import fine_tuning
from skdecaf._paper.ilsvrc import imagenet_errors
from skdecaf._paper.maps import N_PHOTOS, figure_1, figure_2, figure_5
from skdecaf._paper.plots import save_picture
from skdecaf._paper.run import class_labels
from skdecaf._paper.surf_benchmarks import N_DRAWS, surf_benchmarks
from skdecaf._paper.table_1 import table_1
from skdecaf._paper.table_2 import table_2
from skdecaf._paper.table_3 import table_3
from skdecaf._utils.warnings import warn_user
from skdecaf.datasets._dataset import AbsentDataset

_N_SPLITS = 5
_QUICK_CLASSES, _QUICK_SPLITS, _QUICK_PER_CLASS, _QUICK_PHOTOS = 10, 2, (1, 5, 30), 1000
_ALL_CLASSES = ("ilsvrc", "figure1", "figure2", "figure5")  # also in the small version, which has fewer photos
_QUICK_NOTE = "The small version, --quick, with fewer photos or splits than the paper has."
_BY_ROW = ("data", "filenames", "target", "sample_domain", "boxes", "parts", "frame")


class MissingPhotos(FileNotFoundError):
    """A data set is not on this computer; the message has the command that gets it."""


class WrongClasses(ValueError):
    """The names of the classes to use have a class that does not exist, or are too few."""


def reproduce(
    subject,
    *,
    data_home=None,
    weights="mini",
    quick=False,
    classes=None,
    folder="reproduced",
    random_state=0,
    n_jobs=None,
    verbose=False,
):
    """Compute the paper's results on a data set, and write them to a folder.

    Parameters
    ----------
    subject : {"caltech101", "office", "cub", "sun397", "ilsvrc", "figure1", "figure2", "figure5", "fine-tuning"}
        Figure 4, Table 1, Table 2, Table 3, the network's own errors (Section 3.1), a map of photos, or fine-tuning on
        Caltech-101, which is not in the paper.
    data_home : str or PathLike, default=None
        Folder of the photos, as for the functions of `skdecaf.datasets`.
    weights : str, path or Network, default="mini"
        The network, as for `DeCAFTransformer`.
    quick : bool, default=False
        A small version: 2 splits of 10 classes, or of `classes`; 1,000 photos of ILSVRC and of maps.
    classes : sequence of str, default=None
        Names of the classes to use; None means all.
    folder : str or PathLike, default="reproduced"
        Folder for the results: each table as Markdown and JSON, each figure also as PNG and SVG. Features and finished
        cells are stored there, too, so that a second call continues where the first one stopped.
    random_state : int, default=0
        Seed of splits, masks and solvers.
    n_jobs : int, default=None
        Processes and threads; -1 means one per processor.
    verbose : bool, default=False
        Whether to show progress bars.

    Yields
    ------
    PaperTable
        Each as soon as it is finished and written.

    Raises
    ------
    MissingPhotos
        If the data set is not on this computer. The message has the command that gets it.
    WrongClasses
        If a class of `classes` does not exist, or these are fewer than two.
    ValueError
        If `subject` does not exist, or the data set is damaged; the message names the file.
    OSError
        If results cannot be written to `folder`; this is checked before any photo is read.

    Warns
    -----
    UserWarning
        If matplotlib is missing, so that no figure is drawn, or if Office-31 has no SURF features, whose columns are
        left out.

    Examples
    --------
    >>> from skdecaf._paper import reproduce
    >>> for table in reproduce("caltech101", quick=True):  # doctest: +SKIP
    ...     print(table.to_markdown())
    """
    if subject not in SUBJECTS:
        raise ValueError(f"subject={subject!r} is not one of {', '.join(SUBJECTS)}")
    load, compute = SUBJECTS[subject]
    try:
        found = load(data_home)
    except AbsentDataset as error:
        raise MissingPhotos(f"{error.summary}\n{_command_for(subject, data_home)}") from None
    except FileNotFoundError as error:  # the data set is incomplete; a download would be ignored
        raise ValueError(str(error)) from error
    refusal = ValueError if classes is None else WrongClasses
    if quick and classes is None and subject not in _ALL_CLASSES:
        classes = found[0].target_names[:_QUICK_CLASSES]
    # The third, of a published benchmark, keeps all its classes.
    found = [bunch and select_classes(bunch, classes) for bunch in found[:2]] + found[2:]
    if subject != "ilsvrc":
        try:
            class_labels(found[0])  # refuses a single class before the folder is created
        except ValueError as error:
            raise refusal(str(error)) from None
    _make_folder(folder)
    options = {"weights": weights, "folder": folder, "n_jobs": n_jobs, "verbose": verbose}
    selection = {"subject": subject, "quick": quick, **_describe_photos(found[0])}
    for table in compute(*found, quick, random_state, options):
        table = replace(table, details={**table.details, "selection": selection})
        if quick:
            table = replace(table, notes=(*table.notes, _QUICK_NOTE))
        table.save(folder)
        try:
            save_picture(table, folder)
        except ImportError as error:  # the numbers matter more than their picture
            warn_user(str(error))
        yield table


def select_classes(dataset, names):
    """Keep some classes only.

    Parameters
    ----------
    dataset : Bunch
        Result of a function of `skdecaf.datasets`.
    names : sequence of str or None
        Classes to keep; None keeps all.

    Returns
    -------
    Bunch
        Classes keep their numbers; `splits` refer to the remaining photos.

    Raises
    ------
    WrongClasses
        If a class does not exist; the message names it.

    Examples
    --------
    >>> from sklearn.utils import Bunch
    >>> from skdecaf._paper import select_classes
    >>> photos = Bunch(data=["1.jpg", "2.jpg", "3.jpg"], target=[0, 1, 1], target_names=["cat", "dog"])
    >>> select_classes(photos, ["dog"]).data.tolist()
    ['2.jpg', '3.jpg']
    """
    if names is None:
        return dataset
    for name in names:
        if name not in dataset.target_names:
            raise WrongClasses(f"there is no class {name!r}; the classes are {', '.join(dataset.target_names)}")
    kept = [dataset.target_names.index(name) for name in names]
    return _select_rows(dataset, np.flatnonzero(np.isin(dataset.target, kept)))


def _describe_photos(dataset):
    """The names of the classes, and a digest of the files in each, independent of their folder."""
    names, target = dataset.target_names, np.asarray(dataset.target)
    files = sorted(f"{names[k]}/{Path(name).name}" for k, name in zip(target, dataset.filenames, strict=True))
    digest = hashlib.sha256("\n".join(files).encode("utf-8", "surrogateescape")).hexdigest()
    return {"classes": [names[k] for k in np.unique(target)], "files_sha256": digest}


def _make_folder(folder):
    """Create the folders of results and finished cells, and check that files can be written there."""
    try:
        for place in (Path(folder) / "cells", Path(folder)):
            place.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=place).close()
    except OSError as error:
        reason = f"{str(error.filename)!r}: {error.strerror}"
        raise type(error)(f"nothing can be written into the folder {str(folder)!r} ({reason}); name another") from None


def _select_rows(dataset, rows):
    chosen = {name: _take(dataset[name], rows) for name in _BY_ROW if dataset.get(name) is not None}
    if "splits" in dataset:
        places = np.full(len(dataset.target), -1)
        places[rows] = np.arange(len(rows))
        halves = [[places[half] for half in split] for split in dataset.splits]
        chosen["splits"] = [tuple(half[half >= 0] for half in split) for split in halves]
    return Bunch(**dict(dataset) | chosen)


def _take(values, rows):
    return values.iloc[rows] if hasattr(values, "iloc") else np.asarray(values)[rows]


# What is on this computer: `load(data_home)` returns a list of Bunch, or raises AbsentDataset.


def _photos_from(fetch):
    return lambda data_home: [fetch(data_home=data_home, download_if_missing=False)]


def _fetch_office_caltech10(**options):
    return datasets.fetch_office_caltech10(source=("amazon", "dslr"), target="webcam", **options)


def _load_office(data_home):
    """Photos of Office-31, or else of Office-Caltech10; SURF histograms or None; all of Office-Caltech10's or None."""
    options = {"data_home": data_home, "download_if_missing": False}
    fetch, name = datasets.fetch_office31, "fetch_office31"
    try:
        photos = fetch(**options)
    except AbsentDataset as absent:
        fetch, name = _fetch_office_caltech10, "fetch_office_caltech10"
        try:
            photos = fetch(**options)
        except AbsentDataset:
            raise absent from None
    surf = _fetch_or_none(fetch, features="surf", **options)
    if surf is None:
        command = _command(name, _SURF, data_home=data_home)
        warn_user(f"the histograms of SURF words are not here, so Table 1 has no columns for them; {command}")
    return [photos, surf, _fetch_or_none(datasets.fetch_office_caltech10, features="surf", **options)]


def _fetch_or_none(fetch, **options):
    try:
        return fetch(**options)
    except AbsentDataset:
        return None


def _load_webcam_and_dslr(data_home):
    """Photos of two domains of Office-31, or else of Office-Caltech10, and SURF histograms or None."""
    options = {"source": "dslr", "target": "webcam", "data_home": data_home, "download_if_missing": False}
    absences = []
    for fetch in (datasets.fetch_office31, datasets.fetch_office_caltech10):
        try:
            photos = fetch(**options)
        except AbsentDataset as absent:
            absences.append(absent)
            continue
        return [photos, _fetch_or_none(fetch, features="surf", **options)]
    raise absences[0]


def _load_scenes(data_home):
    scenes = datasets.fetch_sun397(data_home=data_home, download_if_missing=False)
    if not scenes.splits:
        raise AbsentDataset("the published splits of SUN-397, Partitions.zip, are not there")
    return [scenes]


def _load_ilsvrc(data_home):
    if data_home is None:
        raise AbsentDataset("no folder is named that holds the validation photos of ILSVRC-2012")
    return [datasets.load_ilsvrc_val(data_home)]


# What is computed: `compute(*bunches, quick, random_state, options)` yields tables.


def _n_splits(quick):
    return _QUICK_SPLITS if quick else _N_SPLITS


def _figure_4(photos, quick, random_state, options):
    options = {**options, "n_splits": _n_splits(quick), "random_state": random_state}
    yield figure_4_left(photos, **options)
    yield figure_4_right(photos, n_per_class=_QUICK_PER_CLASS if quick else N_PER_CLASS, **options)


def _fine_tuning(photos, quick, random_state, options):
    small = {"n_per_class": _QUICK_PER_CLASS[1:], "n_splits": _QUICK_SPLITS} if quick else {}
    yield fine_tuning(photos, random_state=random_state, **small, **options)


def _table_1(photos, surf, benchmark, quick, random_state, options):
    yield table_1(photos, surf, n_splits=_n_splits(quick), random_state=random_state, **options)
    if benchmark is not None:
        options = {name: value for name, value in options.items() if name != "weights"}
        n_draws = _QUICK_SPLITS if quick else N_DRAWS
        yield from surf_benchmarks(benchmark, n_draws=n_draws, random_state=random_state, **options)


def _table_2(photos, quick, random_state, options):
    yield table_2(photos, random_state=random_state, **options)


def _table_3(photos, quick, random_state, options):
    yield table_3(photos, n_splits=_n_splits(quick), random_state=random_state, **options)


def _ilsvrc(photos, quick, random_state, options):
    if quick:
        photos = _select_rows(photos, np.unique(np.linspace(0, len(photos.target) - 1, _QUICK_PHOTOS).astype(int)))
    yield imagenet_errors(photos, **options)


def _n_photos(quick):
    return _QUICK_PHOTOS if quick else N_PHOTOS


def _figure_1(photos, quick, random_state, options):
    yield figure_1(photos, n_photos=_n_photos(quick), random_state=random_state, **options)


def _figure_2(photos, quick, random_state, options):
    yield figure_2(photos, n_photos=_n_photos(quick), random_state=random_state, **options)


def _figure_5(photos, surf, quick, random_state, options):
    yield figure_5(photos, surf, random_state=random_state, **options)


SUBJECTS = {
    "caltech101": (_photos_from(datasets.fetch_caltech101), _figure_4),
    "office": (_load_office, _table_1),
    "cub": (_photos_from(datasets.fetch_cub200), _table_2),
    "sun397": (_load_scenes, _table_3),
    "ilsvrc": (_load_ilsvrc, _ilsvrc),
    "figure1": (_load_ilsvrc, _figure_1),
    "figure2": (_photos_from(datasets.fetch_sun397), _figure_2),
    "figure5": (_load_webcam_and_dslr, _figure_5),
    "fine-tuning": (_photos_from(datasets.fetch_caltech101), _fine_tuning),
}
BEYOND_THE_PAPER = ("fine-tuning",)  # which needs torch
_SURF = 'features="surf"'
_CALLS = {  # a function of `skdecaf.datasets`, and the arguments of each call
    "caltech101": ("fetch_caltech101", ""),
    "office": ("fetch_office31", "", _SURF),
    "cub": ("fetch_cub200", ""),
    "sun397": ("fetch_sun397", ""),
    "figure2": ("fetch_sun397", ""),
    "figure5": ("fetch_office31", "", _SURF),
    "fine-tuning": ("fetch_caltech101", ""),
}


def _command_for(subject, data_home):
    """The command that gets a data set."""
    if SUBJECTS[subject][0] is _load_ilsvrc:
        return f"get it from https://image-net.org, and name its folder: skdecaf reproduce {subject} --data DIR"
    return _command(*_CALLS[subject], data_home=data_home)


def _command(fetcher, *arguments, data_home):
    # JSON's double quotes, since the shell's single quotes surround the program.
    home = "" if data_home is None else f"data_home={json.dumps(str(data_home), ensure_ascii=False)}"
    calls = "; ".join(f"{fetcher}({', '.join(filter(None, (given, home)))})" for given in arguments)
    program = f"from skdecaf.datasets import {fetcher}; {calls}"
    return f"this command gets it: python -c {shlex.quote(program)}"
