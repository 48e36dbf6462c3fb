"""The folder of published weights: locate, fetch, verify and remove their files.

The folder is ``weights`` below ``SKDECAF_HOME``, or below the platform's folder for caches. Files may be downloaded or
placed there by hand: only their digests count. A digest is computed once, and again when the size or the modification
time of the file changes.

A name is a key of `skdecaf.weights._registry.WEIGHTS`. CaffeNet and AlexNet subtract the mean image of the training
photos; with ``:pixel`` after the name, as in ``"caffenet:pixel"``, they subtract the mean colour, which gives slightly
different features.
"""

# SPDX-License-Identifier: BSD-3-Clause
import contextlib
from dataclasses import replace
from pathlib import Path

from skdecaf._utils.download import check_file, download
from skdecaf._utils.environment import cache_home, is_offline
from skdecaf._utils.extras import require
from skdecaf.weights._registry import WEIGHTS

_PIXEL = ":pixel"
_VERIFICATION = ".{}.verified"
_SIDE_FILES = ("{}.part", ".{}.lock", _VERIFICATION)


def names():
    """Return all names.

    Returns
    -------
    list of str
    """
    return [
        name + form for name, weights in WEIGHTS.items() for form in ("", *([_PIXEL] if weights.mean_image else []))
    ]


def folder():
    """Return the folder of the files.

    Returns
    -------
    Path
        It need not exist.
    """
    return cache_home() / "weights"


def published(name):
    """Return what is published about weights.

    Parameters
    ----------
    name : str

    Returns
    -------
    PublishedWeights

    Raises
    ------
    ValueError
        If there are no such weights.
    """
    if name not in names():
        raise ValueError(f"no weights are called {name!r}; there are {', '.join(names())}")
    return WEIGHTS[name.removesuffix(_PIXEL)]


def files_of(name):
    """Return the files that weights consist of.

    Parameters
    ----------
    name : str

    Returns
    -------
    list of PublishedFile
        The weights, and the mean image if it is subtracted; none for weights that are part of the package.
    """
    weights = published(name)
    mean_image = None if name.endswith(_PIXEL) else weights.mean_image
    return [file for file in (weights.file, mean_image) if file]


def missing(name):
    """Return the files of weights that are not in the folder.

    Parameters
    ----------
    name : str

    Returns
    -------
    list of PublishedFile
    """
    return [file for file in files_of(name) if not _path(file).exists()]


def locate(name, *, download_if_missing=False):
    """Find the files of weights, and check that they are the published ones.

    Parameters
    ----------
    name : str
    download_if_missing : bool, default=False
        Whether to download missing files, unless the environment variable ``SKDECAF_OFFLINE`` is set.

    Returns
    -------
    list of Path
        The weights, and the mean image if it is subtracted.

    Raises
    ------
    FileNotFoundError
        If a file is missing; the message says how to get it.
    ValueError
        If a file is not the published one.
    OSError
        If a download fails.
    ImportError
        Before a download, if reading the file needs a package that is not installed.
    """
    absent = missing(name)
    if absent and (not download_if_missing or is_offline()):
        offline = " and SKDECAF_OFFLINE is set" if is_offline() else ""
        raise FileNotFoundError(f"the weights {name!r} are not on this computer{offline}; {_advice(name)}")
    if absent and published(name).extra:
        require(published(name).extra, f"reading the weights {name!r}")
    for file in absent:
        _download(file, name, progress=True)
    for file in files_of(name):
        if not _is_known(file):
            _check(file, name)
    return [_path(file) for file in files_of(name)]


def fetch(name, *, mirror=None, progress=True):
    """Download those files of weights that are missing or differ from the published ones.

    Parameters
    ----------
    name : str
    mirror : str or PathLike, optional
        Address or path of a folder with files of these names, such as ``"/media/stick"``, which is tried first.
    progress : bool, default=True
        Whether to show a progress bar on standard error.

    Returns
    -------
    list of Path
        As from `locate`.

    Raises
    ------
    OSError
        If a file cannot be downloaded; the message says why, and where to place it by hand.
    """
    paths = []
    for file in files_of(name):
        urls = [f"{_address(mirror)}/{file.name}"] if mirror else []
        paths.append(_download(replace(file, urls=[*urls, *file.urls]), name, progress))
    return paths


def verify(name):
    """Check the files of weights by their digests, even if they were verified before.

    Parameters
    ----------
    name : str

    Returns
    -------
    list of Path
        As from `locate`.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If a file is not the published one.
    """
    paths = locate(name)
    for file in files_of(name):
        _check(file, name)
    return paths


def remove(name):
    """Delete the files of weights, and the remains of interrupted downloads.

    A mean image stays while other weights in the folder need it.

    Parameters
    ----------
    name : str

    Returns
    -------
    list of Path
        The deleted files.
    """
    # files_of returns the weights first, then what they share with others.
    kept = {file.name for other in names() if other != name and not missing(other) for file in files_of(other)[1:]}
    removed = []
    for file in files_of(name):
        if file.name not in kept:
            removed += [_path(file)] if _path(file).exists() else []
            for path in (_path(file), *(folder() / form.format(file.name) for form in _SIDE_FILES)):
                path.unlink(missing_ok=True)
    return removed


def _path(file):
    return folder() / file.name


def _record_path(file):
    return folder() / _VERIFICATION.format(file.name)


def _verification_record(file):
    """Digest, size and time of a file, which tell later whether it is still the verified one."""
    stat = _path(file).stat()
    return f"{file.digest} {stat.st_size} {stat.st_mtime_ns}"


def _remember(file):
    with contextlib.suppress(OSError):  # in a read-only folder the file is checked every time
        _record_path(file).write_text(_verification_record(file), encoding="utf-8")


def _is_known(file):
    """Whether the file was verified and has not changed since."""
    return _record_path(file).is_file() and _record_path(file).read_text(encoding="utf-8") == _verification_record(file)


def _check(file, name):
    try:
        check_file(_path(file), file.digest, file.size)
    except ValueError as error:
        raise ValueError(f"{error}; 'skdecaf weights fetch {name}' replaces it by the published file") from None
    _remember(file)


def _address(mirror):
    """The address of a folder that is given by its address or its path."""
    mirror = str(mirror)
    return mirror.rstrip("/") if "://" in mirror else Path(mirror).expanduser().absolute().as_uri()


def _download(file, name, progress):
    path = download(file, folder(), advice=_advice(name), progress=progress)
    _remember(file)
    return path


def _advice(name):
    """How to get missing weights."""
    places = " and ".join(f"{file.name} (from {file.urls[0]})" for file in missing(name))
    return f"run 'skdecaf weights fetch {name}' with internet access, or place {places} in {str(folder())!r} by hand"
