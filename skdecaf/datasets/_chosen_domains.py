"""Data sets of several domains: choosing source and target, and joining their rows."""

# SPDX-License-Identifier: BSD-3-Clause
import os
from collections import Counter

import numpy as np

from skdecaf._utils.photo_folders import SUFFIXES, list_class_folders
from skdecaf.datasets._mat_files import read_variables
from skdecaf.weights._blob_names import column_names


def number_domains(domains, source, target):
    """Number the chosen domains.

    Parameters
    ----------
    domains : tuple of str
        All domains of the data set.
    source, target : str, sequence of str, or None
        The chosen ones; ``source=None`` means all that are not in ``target``.

    Returns
    -------
    dict
        Name of domain: its number among all domains, counted from 1, negative for the target. Source comes first.
    """
    target = _as_names(target)
    source = [name for name in domains if name not in target] if source is None else _as_names(source)
    asked = (*source, *target)
    for name in asked:
        if name not in domains:
            raise ValueError(f"there is no domain {name!r}; the domains are {', '.join(domains)}")
        if asked.count(name) > 1:
            raise ValueError(f"the domain {name!r} is chosen twice; a domain is either source or target")
    if not asked:
        raise ValueError(f"no domain is chosen; name one or more of {', '.join(domains)}")
    return {name: (-1 if name in target else 1) * (domains.index(name) + 1) for name in asked}


def _as_names(names):
    return () if names is None else (names,) if isinstance(names, str) else tuple(names)


def describe_domains(folder, numbers, find):
    """Say which of the chosen domains a folder has.

    Parameters
    ----------
    folder : Path
    numbers : dict
        Result of `number_domains`.
    find : callable
        Returns the place of a domain in the folder, or None.

    Returns
    -------
    str
        The end of a sentence, or "" if it has none of them.
    """
    there = [domain for domain in numbers if find(folder, domain)]
    missing = [domain for domain in numbers if domain not in there]
    if not there:
        return ""
    return f"has {', '.join(there)} without {', '.join(missing)} (source and target choose domains)"


def list_domain(folder, classes, *, prefix="", suffixes=SUFFIXES):
    """List the class folders of one domain.

    Parameters
    ----------
    folder : str or PathLike
    classes : dict
        Name of a class folder: the number of the class.
    prefix : str, default=""
        Beginning of the names of the files.
    suffixes : tuple of str, optional
        Endings of the names, in lower case.

    Returns
    -------
    dict
        ``filenames``, ``target`` and ``ignored``, a Counter, empty with suffixes of your own.
    """
    listing = list_class_folders(folder, classes, suffixes=suffixes)
    numbers = [classes[name] for name in listing["target_names"]]
    pairs = zip(listing["filenames"], listing["target"], strict=True)
    rows = [(path, numbers[i]) for path, i in pairs if os.path.basename(path).startswith(prefix)]
    ignored = listing["ignored"] if suffixes is SUFFIXES else Counter()
    return {"filenames": [path for path, _ in rows], "target": [number for _, number in rows], "ignored": ignored}


def join_domains(numbers, listings, target_names):
    """Concatenate the listings of domains.

    Parameters
    ----------
    numbers : dict
        Result of `number_domains`.
    listings : list of dict
        ``filenames`` and ``target`` of each domain, and ``ignored`` if files may be ignored.
    target_names : sequence of str

    Returns
    -------
    dict
        The three, ``target_names``, ``sample_domain`` of shape (n,), int64, and ``domain_names``.
    """
    lengths = [len(listing["target"]) for listing in listings]
    return {
        "filenames": [path for listing in listings for path in listing["filenames"]],
        "target": [target for listing in listings for target in listing["target"]],
        "target_names": list(target_names),
        "sample_domain": np.repeat(np.array(list(numbers.values()), dtype=np.int64), lengths),
        "domain_names": dict(numbers),
        "ignored": sum((listing.get("ignored", Counter()) for listing in listings), Counter()),
    }


def class_counts(counts, domains, asked):
    """Count the photos of each class in the domains ``asked``, given the counts in all ``domains``."""
    places = [domains.index(domain) for domain in asked]
    return {name: sum(numbers[i] for i in places) for name, numbers in counts.items()}


def domain_sizes(listing):
    """A listing with domains as classes, for `wrong_counts`."""
    names = list(listing["domain_names"])
    numbers = [abs(number) for number in listing["domain_names"].values()]
    return {"target": [numbers.index(abs(number)) for number in listing["sample_domain"]], "target_names": names}


def read_features(filenames, key, width=None):
    """Read one feature vector from each MATLAB file.

    Parameters
    ----------
    filenames : sequence of str
    key : str
        Name of the variable.
    width : int, optional
        Number of features; by default that of the first file.

    Returns
    -------
    ndarray of shape (n_files, width)
        In the smallest dtype that fits all files.

    Raises
    ------
    ValueError
        If a file cannot be read, or has no such variable of this size.
    """
    rows = []
    for path in filenames:
        [values] = read_variables(path, key)
        width = np.size(values) if width is None else width
        if not isinstance(values, np.ndarray) or values.size != width:
            raise ValueError(f"{path!r} has no {width:,} numbers in its variable {key!r}")
        rows.append(values.ravel())
    return np.stack(rows)


def with_features(listing, data, blob):
    """Add features and the names of their columns to a listing."""
    return listing | {"data": data, "feature_names": column_names(blob, data.shape[1])}


def has_class_folder(folder, classes):
    """Whether a folder has one of the class folders."""
    return os.path.isdir(folder) and any(os.path.isdir(os.path.join(folder, name)) for name in classes)
