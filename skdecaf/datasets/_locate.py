"""Find a data set on this computer, or download and extract it."""

# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import hashlib
import os
from dataclasses import replace
from functools import partial
from glob import glob
from pathlib import Path

from skdecaf._utils.archives import archive_kind, extract
from skdecaf._utils.download import check_file, download
from skdecaf._utils.environment import cache_home, is_offline
from skdecaf._utils.locks import file_lock
from skdecaf._utils.photo_folders import warn_of_ignored
from skdecaf._utils.warnings import warn_user
from skdecaf.datasets._dataset import AbsentDataset

_EXTRACTED = "extracted"


def datasets_home(data_home=None):
    """The folder of all data sets: ``data_home``, or ``datasets`` inside the cache folder."""
    return cache_home() / "datasets" if data_home is None else Path(os.path.abspath(os.path.expanduser(data_home)))


def load(dataset, data_home, download_if_missing):
    """Find or download a data set, and list it.

    Parameters
    ----------
    dataset : Dataset
    data_home : str or PathLike or None
        Argument of the fetchers.
    download_if_missing : bool

    Returns
    -------
    dict
        The result of the data set's `read`, without ``ignored``.

    Raises
    ------
    FileNotFoundError
        If it is missing and may not be downloaded (`AbsentDataset`), or has no address.
    OSError
        If a download fails.
    ValueError
        If an archive is not the published one, or has the wrong content.

    Warns
    -----
    UserWarning
        If an existing folder differs from what was published, or files in it are not named as photos.
    """
    home = datasets_home(data_home)
    folder = find(dataset, home)
    if folder is None:
        folder = _download_and_extract(dataset, home, data_home is not None, download_if_missing)
    listing = dataset.read(folder)
    if problem := dataset.problem(listing):
        warn_user(f"{str(folder)!r} {problem}")
    warn_of_ignored(str(folder), listing.pop("ignored", None))
    return listing


def find(dataset, home):
    """The folder of a data set, in any of its layouts, or None."""
    return next(filter(dataset.is_here, _folders(dataset, home)), None)


def _folders(dataset, home):
    """All folders that may be the data set, likeliest first."""
    for base in (home / dataset.name / _EXTRACTED, home / dataset.name, home):
        yield from _folders_below(dataset, base)


def _folders_below(dataset, base):
    for place in dataset.places:
        for found in sorted(glob(place, root_dir=base)):
            folder = Path(os.path.normpath(base / found))
            if folder.is_dir():
                yield folder


def _download_and_extract(dataset, home, is_own_home, download_if_missing):
    """Extract a data set from existing or downloaded archives; return its folder."""
    folder = home / dataset.name
    archives = _archives_by_hand(dataset, home)
    if archives is None and (is_offline() or not download_if_missing):
        raise _absence(dataset, home, is_own_home)
    if archives is None:
        archives = _download(dataset, home)
    _extract(dataset, archives, folder / _EXTRACTED)
    found = find(dataset, home)
    if found is None:
        raise ValueError(f"{str(folder / _EXTRACTED)!r} has no {dataset.title}; delete it, and call again")
    return found


def _extract(dataset, archives, folder):
    try:
        with file_lock(folder):
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
    """Find the data set in the extracted files; without a published digest, compare its numbers, too."""
    folder, problem = next(filter(dataset.is_here, _folders_below(dataset, extracted)), None), ""
    if folder is None:
        problem = f"has no {dataset.title}"
    elif any(archive.digest is None for archive in archives):
        problem = dataset.problem(dataset.read(folder))
    if problem:
        names = " with ".join(repr(str(path)) for path in archives.values())
        raise ValueError(f"{names} {problem}; delete it, and get it again")


def _archives_by_hand(dataset, home):
    """The first source whose archives are all there, as a dict from `PublishedFile` to path, or None."""
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
    """Download the first source that is available, as a dict from `PublishedFile` to path."""
    problems = []
    for source in dataset.sources:
        if not all(archive.urls or _find_archive(archive, dataset, home) for archive in source):
            continue  # no address is published
        try:
            return {archive: _fetch(archive, dataset, home) for archive in source}
        except OSError as error:
            problems.append(str(error))
    # Nothing was tried if no source has an address: then a file is missing.
    kind = OSError if problems else FileNotFoundError
    advice = _by_hand(dataset, home / dataset.name)
    raise kind(f"{'; '.join([*problems, advice])}{_part_that_is_there(dataset, home)}")


def _fetch(archive, dataset, home):
    if _find_archive(archive, dataset, home):
        return _verified(archive, dataset, home)
    folder = home / dataset.name
    return download(
        replace(archive, digest=archive.digest or _recorded_digest(folder / archive.name)),
        folder,
        largest=dataset.limits.n_bytes,
        check=_check_that_it_is_an_archive,
        chosen_by="data_home",
    )


def _check_that_it_is_an_archive(path):
    """Refuse the error pages that some hosts answer with."""
    if archive_kind(path) is None:
        raise ValueError("the response is not an archive")


def _digest_path(path):
    return path.with_name(f"{path.name}.sha256")


def _record_digest(path):
    """Store the digest of an archive without a published one, in the format of ``sha256sum``."""
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
    call = f"call {dataset.fetcher}({arguments}) with a network connection, or " if can_be_downloaded else ""
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
