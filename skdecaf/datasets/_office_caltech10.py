"""Office-Caltech10: the ten classes that Office-31 and Caltech-256 have in common."""

# SPDX-License-Identifier: BSD-3-Clause
from functools import partial

import numpy as np

from skdecaf._utils.archives import Limits
from skdecaf._utils.download import PublishedFile, download
from skdecaf._utils.environment import is_offline
from skdecaf.datasets._bunch import as_bunch
from skdecaf.datasets._chosen_domains import (
    class_counts,
    describe_domains,
    has_class_folder,
    join_domains,
    list_domain,
    number_domains,
    with_features,
)
from skdecaf.datasets._dataset import Dataset, wrong_counts
from skdecaf.datasets._locate import datasets_home, find, load
from skdecaf.datasets._mat_files import read_variables

_DOMAINS = ("amazon", "caltech10", "dslr", "webcam")
# Photos of each class in amazon, caltech10, dslr and webcam; rows of features alike.
_COUNTS = {
    "backpack": (92, 151, 12, 29), "bike": (82, 110, 21, 21), "calculator": (94, 100, 12, 31),
    "headphones": (99, 138, 13, 27), "keyboard": (100, 85, 10, 27), "laptop": (100, 128, 24, 30),
    "monitor": (99, 133, 22, 43), "mouse": (100, 94, 12, 30), "mug": (94, 87, 8, 27), "projector": (98, 97, 23, 30),
}  # fmt: skip
# Copies that keep the names of Office-31.
_OTHER_NAMES = {"back_pack": "backpack", "laptop_computer": "laptop"}
_OTHER_DOMAINS = {"caltech10": ("Caltech10", "caltech")}

_COMMIT = "74f70487e1b975d1af05bb9a2ecfbf14a7000080"
_REPOSITORY = "redhat12345/OfficeCaltechDomainAdaptation"
_PHOTOS = PublishedFile(
    f"OfficeCaltechDomainAdaptation-{_COMMIT}.tar.gz",
    (f"https://codeload.github.com/{_REPOSITORY}/tar.gz/{_COMMIT}",),
)
_SURF_ADDRESS = f"https://raw.githubusercontent.com/{_REPOSITORY}/{_COMMIT}/features/surf/{{}}"
_SURF_DIGESTS = {
    "amazon": "sha256:df32548b994e18d364c99e1f317e1fae100597259f0423a41b90f4f68187bb1f",
    "caltech10": "sha256:4f9334c8ced489d5054de97a5fd51a61f017f3bcd1f38c9a85c6d78cb9d7bda5",
    "dslr": "sha256:44d673c68e1d07b837893aa74dba3b986e4a6cc3fd66f0dd357683bdef059216",
    "webcam": "sha256:a6a9c78b4b7181dfbb58bcfd351d4ebd737f171c31247b8884948aa156d3f700",
}
# Names of the table of a domain, its variable and its width.
_TABLES = {
    "surf": (("{}.mat", "{}_SURF_L10.mat"), "fts", 800),
    "decaf": (("{}_decaf.mat",), "feas", 4096),
}
_BLOBS = {"surf": "surf", "decaf": "fc6"}
_LABELS = np.arange(1, len(_COUNTS) + 1)
_PLACES = {
    None: ("images", "*/images", ".", "*"),
    "surf": (
        ".", "office_caltech10", "office_caltech10/features/surf", "office_caltech10/*/features/surf",
        "office_caltech10/extracted/*/features/surf", "features/surf", "*/features/surf",
    ),
    "decaf": (".", "office_caltech10", "decaf"),
}  # fmt: skip
_TITLES = {
    None: "Office-Caltech10", "surf": "Office-Caltech10 in SURF histograms", "decaf": "Office-Caltech10 in DeCAF6",
}  # fmt: skip

_DESCRIPTION = """\
Office-Caltech10: 2,533 photos of the ten classes that Office-31 and Caltech-256 have in common, in four domains: amazon
(958 photos), caltech10 (1,123), dslr (157) and webcam (295).

Source: https://github.com/redhat12345/OfficeCaltechDomainAdaptation. Licence: none is stated; for research.
The SURF histograms are uint8 counts of 800 visual words, to be scaled before a classifier.

Boqing Gong, Yuan Shi, Fei Sha, Kristen Grauman: Geodesic flow kernel for unsupervised domain adaptation, CVPR 2012.
"""


def _dataset(features, numbers):
    if features is None:
        name, source, find_domain, read = "office_caltech10", (_PHOTOS,), _class_folders, _read_photos
    else:
        name, source = f"office_caltech10/features/{features}", tuple(_file(features, domain) for domain in numbers)
        find_domain, read = partial(_table, features=features), partial(_read_tables, features=features)
    return Dataset(
        name=name,
        title=f"{_TITLES[features]} ({', '.join(numbers)})",
        fetcher="fetch_office_caltech10",
        sources=(source,),
        places=_PLACES[features],
        is_here=lambda folder: all(find_domain(folder, domain) for domain in numbers),
        read=partial(read, numbers=numbers),
        problem=_problem,
        limits=Limits(n_bytes=2_000_000_000, n_members=20_000),
        description=_DESCRIPTION,
        arguments=() if features is None else (f"features={features!r}",),
        partly=lambda folder: describe_domains(folder, numbers, find_domain),
    )


def _names(domain):
    return domain, *_OTHER_DOMAINS.get(domain, ())


def _class_folders(folder, domain):
    """The folder of a domain that has its class folders, or None."""
    places = (folder / name / place for name in _names(domain) for place in ("images", "."))
    return next((place for place in places if has_class_folder(place, _COUNTS)), None)


def _read_photos(folder, numbers):
    classes = {name: i for i, name in enumerate(_COUNTS)}
    classes |= {other: classes[name] for other, name in _OTHER_NAMES.items()}
    listings = [list_domain(_class_folders(folder, domain), classes) for domain in numbers]
    return join_domains(numbers, listings, _COUNTS)


def _problem(listing):
    domains = list(listing["domain_names"])
    title = f"Office-Caltech10 ({', '.join(domains)})"
    return wrong_counts(title, class_counts(_COUNTS, _DOMAINS, domains), listing)


def _file(features, domain):
    """The table of a domain as it is published."""
    if features == "surf":
        name = f"{domain}.mat"
        return PublishedFile(name, (_SURF_ADDRESS.format(name),), _SURF_DIGESTS[domain])
    return PublishedFile(f"{domain.removesuffix('10')}_decaf.mat")


def _table(folder, domain, features):
    """The path of the table of a domain, or None."""
    paths = (folder / form.format(name) for form in _TABLES[features][0] for name in _names(domain))
    return next((path for path in paths if path.is_file()), None)


def _read_tables(folder, features, numbers):
    listings, tables = [], []
    for domain in numbers:
        path = _table(folder, domain, features)
        table, target = _read_table(path, *_TABLES[features][1:])
        listings.append({"filenames": [str(path)] * len(target), "target": target})
        tables.append(table)
    return with_features(join_domains(numbers, listings, _COUNTS), np.concatenate(tables), _BLOBS[features])


def _read_table(path, key, width):
    """The features of a domain, one row per photo, and the classes."""
    table, labels = read_variables(path, key, "labels")
    if not isinstance(table, np.ndarray) or table.ndim != 2 or table.shape[1] != width:
        raise ValueError(f"{str(path)!r} has no table of {width:,} columns in its variable {key!r}")
    if not isinstance(labels, np.ndarray) or labels.size != len(table) or not np.isin(labels, _LABELS).all():
        raise ValueError(f"{str(path)!r} has no label from 1 to {len(_COUNTS)} for each row in its variable 'labels'")
    return table, (labels.ravel().astype(np.int64) - 1).tolist()


def _download_tables(dataset, home):
    """Download the tables, which are not archives."""
    folder = home / dataset.name
    for table in dataset.sources[0]:
        advice = f"place it in {str(folder)!r} by hand"
        download(table, folder, advice=advice, chosen_by="data_home")


def fetch_office_caltech10(
    *,
    source=None,
    target=None,
    features=None,
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=False,
):
    """Find or download Office-Caltech10, and list its photos, or read features that were published.

    Parameters
    ----------
    source : str or sequence of str, default=None
        Domains whose rows come first and have a positive ``sample_domain``, out of "amazon", "caltech10", "dslr" and
        "webcam". None means all that are not in ``target``.
    target : str or sequence of str, default=None
        Domains whose rows have a negative ``sample_domain``.
    features : {None, "surf", "decaf"}, default=None
        Content of ``data``: None means photos; "surf" means histograms of 800 visual words (see Notes); "decaf" means
        the DeCAF6 features that most publications use. Place ``amazon_decaf.mat``, ``caltech_decaf.mat``,
        ``dslr_decaf.mat`` and ``webcam_decaf.mat`` by hand; ``data/dataset.md`` of
        https://github.com/jindongwang/transferlearning says where to get them.
    data_home : str or PathLike, default=None
        Folder of all data sets, to which they are downloaded. None means ``datasets`` inside ``SKDECAF_HOME`` or the
        platform's cache folder. It may also be a folder that contains the domains, each with class folders, or
        the tables of features; or its parent.
    download_if_missing : bool, default=True
        Whether to download what is missing. ``SKDECAF_OFFLINE`` forbids it.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether ``data`` is a pandas DataFrame and ``target`` a Series.

    Returns
    -------
    Bunch, or tuple of data and target
        data : ndarray of shape (n_rows,), dtype object, or (n_rows, n_features)
            Paths of the photos, or features: uint8 counts of 800 visual words, or 4,096 activations.
        filenames : ndarray of shape (n_rows,), dtype object
            Absolute paths of the photos, by domain in the given order, class and name; with features, the file of
            each row.
        target : ndarray of shape (n_rows,), dtype int64
            Indices into ``target_names``.
        target_names : list of str
            Names of the ten classes.
        sample_domain : ndarray of shape (n_rows,), dtype int64
            1 (amazon), 2 (caltech10), 3 (dslr) and 4 (webcam), negative for domains of the target.
        domain_names : dict
            Name of domain: its number in ``sample_domain``.
        feature_names : list of str
            With features only: names of the columns.
        frame : DataFrame or None
            ``data`` with columns ``sample_domain`` and ``target``, with ``as_frame=True``.
        DESCR : str
            Source, licence, and whom to cite.

    Raises
    ------
    FileNotFoundError
        If it is missing and may not be downloaded, or has no address, as DeCAF6; the message says which files to
        place where.
    OSError
        If a download fails.
    ValueError
        If a domain does not exist, an archive is not the published one, or a table cannot be read.

    Warns
    -----
    UserWarning
        If an existing folder has other numbers of photos or rows than were published, or has files that are not
        named as photos.

    See Also
    --------
    fetch_office31 : All 31 classes of three of the domains.
    read_domain_splits : Splits that were published.

    Notes
    -----
    The paper uses Office-31; later methods of domain adaptation are compared on this data set.

    Histograms are uint8 counts, which overflow in sums: scale them first. Published results scale rows to a sum of 1
    (``Normalizer("l1")``), then columns to mean 0 and variance 1 (``StandardScaler``), source and target separately.

    Examples
    --------
    >>> from skdecaf.datasets import fetch_office_caltech10
    >>> office = fetch_office_caltech10(source="amazon", target="dslr", features="surf")  # doctest: +SKIP
    """
    if features not in _TITLES:
        raise ValueError(f"features={features!r} is not one of None, 'surf' and 'decaf'")
    dataset, home = _dataset(features, number_domains(_DOMAINS, source, target)), datasets_home(data_home)
    if features == "surf" and download_if_missing and not is_offline() and find(dataset, home) is None:
        _download_tables(dataset, home)
    listing = load(dataset, data_home, download_if_missing)
    return as_bunch(listing, dataset.description, return_X_y=return_X_y, as_frame=as_frame)
