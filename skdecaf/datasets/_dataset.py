"""The declaration of a data set; `skdecaf.datasets._locate` finds or downloads it."""

# SPDX-License-Identifier: BSD-3-Clause
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from skdecaf._utils.archives import Limits


@dataclass(frozen=True)
class Dataset:
    """A data set that can be found and downloaded.

    Parameters
    ----------
    name : str
        Name of its folder inside ``data_home``.
    title : str
        Its name in messages.
    fetcher : str
        Name of the function that gets it.
    sources : tuple of tuples of PublishedFile
        Alternatives, the best first; each is a complete set of archives.
    places : tuple of str
        `glob` patterns of folders that `read` might read, likeliest first, relative to ``data_home``, to its folder
        there, and to the extracted archives. ``"."`` means these folders themselves.
    is_here : callable
        Whether a folder at one of the places (a `Path`) is the data set; looks at few names.
    read : callable
        Lists such a folder (a `Path`): returns a dict of ``filenames`` (list of str), ``target`` (list of int),
        ``target_names`` (list of str), further fields of the Bunch, and perhaps ``ignored``, a Counter of the
        extensions of files that are not named as photos.
    problem : callable
        How the result of `read` differs from what is published: the end of a sentence that begins with the folder,
        or "". For archives without a published digest it is an error, otherwise a warning.
    limits : Limits
        Limits for all archives of a source together.
    description : str
        DESCR: content, source, licence and reference.
    arguments : tuple of str
        Arguments of the fetcher that get this variant: ``("version=2010",)``.
    partly : callable
        Which part of the data set a folder (a `Path`) at one of the places has: the end of a sentence that begins
        with the folder, or "".
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
    """A data set, or a part with its own download, is missing.

    Parameters
    ----------
    message : str
        What is missing, and which files to place where.
    summary : str, optional
        What is missing, without advice; the whole message by default.
    """

    def __init__(self, message, summary=None):
        super().__init__(message)
        self.summary = message if summary is None else summary


def wrong_counts(title, published, listing):
    """The `Dataset.problem` of a listing, given the published number of photos in each class.

    Parameters
    ----------
    title : str
        Name of the data set.
    published : dict
        Name of class: number of photos.
    listing : dict
        Result of `Dataset.read`.

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
