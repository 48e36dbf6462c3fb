"""What the data sets have in common: where they lie, how they are brought there, and what their fetchers return.

A data set is a `Dataset`, which is data, with one function that lists a folder of it. Its fetcher is two lines:
`load`, then `as_bunch`.
"""

# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from glob import glob
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from skdecaf._utils.archives import Limits, archive_kind, extract
from skdecaf._utils.download import cache_home, check_file, exclusive, fetch, is_offline
from skdecaf._utils.warnings import warn_user

BOX_COLUMNS = ("x", "y", "width", "height")
_EXTRACTED = "extracted"


@dataclass(frozen=True)
class Archive:
    """An archive that somebody published: its name, addresses (the best first), digest and size in bytes if known."""

    name: str
    urls: tuple = ()
    digest: str | None = None
    size: int | None = None


@dataclass(frozen=True)
class Dataset:
    """A data set that can be found, and downloaded.

    Parameters
    ----------
    name : str
        Of its folder below ``data_home``.
    title : str
        What messages call it.
    fetcher : str
        Name of the function that gets it.
    sources : tuple of tuples of Archive
        Alternatives, the best first; the archives of one of them make the data set.
    places : tuple of str
        Patterns as of `glob`, for folders that `read` might read, likeliest first: below ``data_home``, its folder
        there, or what was extracted from archives. ``"."`` is these folders themselves.
    is_here : callable
        Whether a folder at one of the places (a `Path`) is the data set; looks at few names.
    read : callable
        Lists such a folder (a `Path`): returns a dict of ``filenames`` (list of str), ``target`` (list of int),
        ``target_names`` (list of str) and whatever else the Bunch shall have.
    problem : callable
        What is wrong with what `read` returned, compared with what is published: the end of a sentence that begins
        with the folder, or "". It is an error in archives without a published digest, and a warning elsewhere.
    limits : Limits
        Of all archives of a source together.
    description : str
        DESCR: what it is, its source, its licence, whom to cite.
    arguments : tuple of str
        With which the fetcher gets it, other than by default: ``("version=2010",)``.
    partly : callable
        What a folder (a `Path`) at one of the places has of a data set that is not all there: the end of a sentence
        that begins with the folder, or "".
    """

    name: str
    title: str
    fetcher: str
    sources: tuple
    places: tuple
    is_here: Callable
    read: Callable
    problem: Callable
    limits: Limits
    description: str
    arguments: tuple = ()
    partly: Callable = lambda folder: ""


class AbsentDataset(FileNotFoundError):
    """A data set, or a part of it that has a download of its own, is not there; what is damaged has other errors.

    Parameters
    ----------
    message : str
        What is missing, and which files to place where.
    summary : str, optional
        What is missing, for a caller with advice of its own; the whole message by default.
    """

    def __init__(self, message, summary=None):
        super().__init__(message)
        self.summary = message if summary is None else summary


def datasets_home(data_home=None):
    """The folder of all data sets: ``data_home``, or ``datasets`` in the folder for what is downloaded."""
    return cache_home() / "datasets" if data_home is None else Path(os.path.abspath(os.path.expanduser(data_home)))


def load(dataset, data_home, download_if_missing):
    """Find a data set, or bring it, and list it.

    Parameters
    ----------
    dataset : Dataset
    data_home : str or PathLike or None
        As the fetchers take it.
    download_if_missing : bool

    Returns
    -------
    dict
        From the data set's `read`.

    Raises
    ------
    FileNotFoundError
        Where it is not there, and may not be downloaded (`AbsentDataset`) or is published at no address.
    OSError
        Where a download fails.
    ValueError
        Where an archive is not the published one, or not what it should be.

    Warns
    -----
    UserWarning
        Where a folder that was there holds something else than what was published.
    """
    home = datasets_home(data_home)
    folder = find(dataset, home)
    if folder is None:
        folder = _bring(dataset, home, data_home is not None, download_if_missing)
    listing = dataset.read(folder)
    if problem := dataset.problem(listing):
        warn_user(f"{str(folder)!r} {problem}")
    return listing


def find(dataset, home):
    """The folder of a data set that is there in one of its layouts, or None."""
    return next(filter(dataset.is_here, _folders(dataset, home)), None)


def _folders(dataset, home):
    """All folders in which it may be, likeliest first."""
    for base in (home / dataset.name / _EXTRACTED, home / dataset.name, home):
        yield from _folders_below(dataset, base)


def _folders_below(dataset, base):
    for place in dataset.places:
        for found in sorted(glob(place, root_dir=base)):
            folder = Path(os.path.normpath(base / found))
            if folder.is_dir():
                yield folder


def _bring(dataset, home, is_own_home, download_if_missing):
    """Extract a data set from archives that are there, or are downloaded; return its folder."""
    folder = home / dataset.name
    archives = _archives_by_hand(dataset, home)
    if archives is None and (is_offline() or not download_if_missing):
        raise _absence(dataset, home, is_own_home)
    if archives is None:
        archives = _download(dataset, home)
    _extract(dataset, archives, folder / _EXTRACTED)
    found = find(dataset, home)
    if found is None:
        raise ValueError(f"{str(folder / _EXTRACTED)!r} holds no {dataset.title}; delete it, and call again")
    return found


def _extract(dataset, archives, folder):
    try:
        with exclusive(folder):
            if not folder.exists():  # another process may have just finished
                extract(archives.values(), folder, dataset.limits, check=partial(_check, dataset, archives))
    except OSError as error:
        raise type(error)(
            f"{dataset.title} cannot be extracted to {str(folder)!r}: {error.strerror or error}; data_home chooses "
            "another folder"
        ) from error
    for archive, path in archives.items():
        if archive.digest is None and _recorded_digest(path) is None:
            _record_digest(path)


def _check(dataset, archives, extracted):
    """Find the data set in what was extracted; where no digest vouches for it, compare its numbers, too."""
    folder, problem = next(filter(dataset.is_here, _folders_below(dataset, extracted)), None), ""
    if folder is None:
        problem = f"holds no {dataset.title}"
    elif any(archive.digest is None for archive in archives):
        problem = dataset.problem(dataset.read(folder))
    if problem:
        names = " with ".join(repr(str(path)) for path in archives.values())
        raise ValueError(f"{names} {problem}; delete it, and get it again")


def _archives_by_hand(dataset, home):
    """The first source whose archives all lie there, as a dict from `Archive` to path, or None."""
    for source in dataset.sources:
        if all(_find_archive(archive, dataset, home) for archive in source):
            return {archive: _verified(archive, dataset, home) for archive in source}
    return None


def _find_archive(archive, dataset, home):
    paths = (home / dataset.name / archive.name, home / archive.name)
    return next((path for path in paths if path.is_file()), None)


def _verified(archive, dataset, home):
    path = _find_archive(archive, dataset, home)
    try:
        check_file(path, archive.digest or _recorded_digest(path), archive.size)
    except ValueError as error:
        raise ValueError(f"{error}; delete it, or put the right file in its place") from None
    return path


def _download(dataset, home):
    """Bring the archives of the first source that can be had, as a dict from `Archive` to path."""
    problems = []
    for source in dataset.sources:
        if not all(archive.urls or _find_archive(archive, dataset, home) for archive in source):
            continue  # published at no address
        try:
            return {archive: _fetch(archive, dataset, home) for archive in source}
        except OSError as error:
            problems.append(str(error))
    # Where nothing was tried, since it is published at no address, it is a file that is missing.
    kind = OSError if problems else FileNotFoundError
    advice = _by_hand(dataset, home / dataset.name)
    raise kind(f"{'; '.join([*problems, advice])}{_part_that_is_there(dataset, home)}")


def _fetch(archive, dataset, home):
    if _find_archive(archive, dataset, home):
        return _verified(archive, dataset, home)
    path = home / dataset.name / archive.name
    digest = archive.digest or _recorded_digest(path)
    return fetch(archive.urls, path, digest, archive.size, check=_check_that_it_is_an_archive, chosen_by="data_home")


def _check_that_it_is_an_archive(path):
    """Tell it from the page of excuses that some hosts answer with."""
    if archive_kind(path) is None:
        raise ValueError("what comes is no archive")


def _digest_path(path):
    return path.with_name(f"{path.name}.sha256")


def _record_digest(path):
    """Write down the digest of an archive that has none published, in the form of ``sha256sum``."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with contextlib.suppress(OSError):  # a folder that is read-only
        _digest_path(path).write_text(f"{digest}  {path.name}\n", encoding="utf-8")


def _recorded_digest(path):
    if not _digest_path(path).is_file():
        return None
    words = _digest_path(path).read_text(encoding="utf-8").split()
    return f"sha256:{words[0]}" if words else None


def _absence(dataset, home, is_own_home):
    folder = home / dataset.name
    offline = " and SKDECAF_OFFLINE is set" if is_offline() else ""
    arguments = ", ".join([*([f"data_home={str(home)!r}"] if is_own_home else []), *dataset.arguments])
    can_be_downloaded = any(all(archive.urls for archive in source) for source in dataset.sources)
    call = f"call {dataset.fetcher}({arguments}) where there is a network, or " if can_be_downloaded else ""
    part = _part_that_is_there(dataset, home)
    message = f"{dataset.title} is not in {str(folder)!r}{offline}{part}; {call}{_by_hand(dataset, folder)}"
    return AbsentDataset(message, f"{dataset.title} is not here (looked in {str(home)!r}){part}")


def _part_that_is_there(dataset, home):
    sentences = (f"; {str(folder)!r} {part}" for folder in _folders(dataset, home) if (part := dataset.partly(folder)))
    return next(sentences, "")


def _by_hand(dataset, folder):
    """Which files to place where."""
    ways = [
        " and ".join(archive.name + (f" (from {archive.urls[0]})" if archive.urls else "") for archive in source)
        for source in dataset.sources
    ]
    return f"place {', or '.join(ways)} in {str(folder)!r} by hand"


def wrong_counts(title, published, listing):
    """The `Dataset.problem` of a listing, where the number of photos in each class is published.

    Parameters
    ----------
    title : str
        Of the data set.
    published : dict
        Name of class: number of photos.
    listing : dict
        As from `Dataset.read`.

    Returns
    -------
    str
    """
    numbers = np.bincount(listing["target"], minlength=len(listing["target_names"]))
    found = {name: int(number) for name, number in zip(listing["target_names"], numbers, strict=True)}
    if found == published:
        return ""
    names = {name: None for name in (*published, *found) if found.get(name, 0) != published.get(name, 0)}
    examples = ", ".join(f"{found.get(name, 0)} of {published.get(name, 0)} in {name}" for name in list(names)[:3])
    rest = f", and {len(names) - 3} more classes" if len(names) > 3 else ""
    return f"holds {sum(found.values()):,} photos where {title} has {sum(published.values()):,} ({examples}{rest})"


def as_bunch(listing, description, *, return_X_y, as_frame):
    """Turn a listing into what a fetcher returns.

    Parameters
    ----------
    listing : dict
        As from `Dataset.read`. ``boxes`` of shape (n, 4) and ``sample_domain`` become columns of the frame. ``data``,
        where it is there, are features in place of photos, and ``feature_names`` their columns.
    description : str
    return_X_y, as_frame : bool
        As the fetchers take them.

    Returns
    -------
    Bunch, or tuple of (data, target)
    """
    filenames = np.array(listing["filenames"], dtype=object)
    target = np.array(listing["target"], dtype=np.int64)
    data, frame = listing.get("data", filenames), None
    if as_frame:
        frame = _frame(listing, filenames, target)
        data, target = frame.drop(columns=frame.columns.intersection(["sample_domain", "target"])), frame["target"]
    if return_X_y:
        return data, target
    names = list(listing["target_names"])
    fields = listing | {"data": data, "filenames": filenames, "target": target, "target_names": names}
    return Bunch(**fields, frame=frame, DESCR=description)


def _frame(listing, filenames, target):
    try:
        import pandas as pd
    except ImportError:
        raise ImportError("as_frame=True needs the package pandas; run pip install pandas") from None
    if "data" in listing:
        frame = pd.DataFrame(listing["data"], columns=listing["feature_names"])
    else:
        frame = pd.DataFrame({"filename": filenames})
    if "boxes" in listing:
        frame[list(BOX_COLUMNS)] = listing["boxes"]
    if "sample_domain" in listing:
        frame["sample_domain"] = listing["sample_domain"]
    return frame.assign(target=target)
