"""Office-31: Table 1 of the paper."""

# SPDX-License-Identifier: BSD-3-Clause
from functools import partial

from skdecaf._utils.archives import Limits
from skdecaf._utils.download import PublishedFile
from skdecaf.datasets._bunch import as_bunch
from skdecaf.datasets._chosen_domains import (
    class_counts,
    describe_domains,
    domain_sizes,
    has_class_folder,
    join_domains,
    list_domain,
    number_domains,
    read_features,
    with_features,
)
from skdecaf.datasets._dataset import Dataset, wrong_counts
from skdecaf.datasets._locate import load

_DOMAINS = ("amazon", "dslr", "webcam")
# Photos of each class in amazon, dslr and webcam.
_COUNTS = {
    "back_pack": (92, 12, 29), "bike": (82, 21, 21), "bike_helmet": (72, 24, 28), "bookcase": (82, 12, 12),
    "bottle": (36, 16, 16), "calculator": (94, 12, 31), "desk_chair": (91, 13, 40), "desk_lamp": (97, 14, 18),
    "desktop_computer": (97, 15, 21), "file_cabinet": (81, 15, 19), "headphones": (99, 13, 27),
    "keyboard": (100, 10, 27), "laptop_computer": (100, 24, 30), "letter_tray": (98, 16, 19),
    "mobile_phone": (100, 31, 30), "monitor": (99, 22, 43), "mouse": (100, 12, 30), "mug": (94, 8, 27),
    "paper_notebook": (96, 10, 28), "pen": (95, 10, 32), "phone": (93, 13, 16), "printer": (100, 15, 20),
    "projector": (98, 23, 30), "punchers": (98, 18, 27), "ring_binder": (90, 10, 40), "ruler": (75, 7, 11),
    "scissors": (100, 18, 25), "speaker": (99, 26, 30), "stapler": (99, 21, 24), "tape_dispenser": (96, 22, 23),
    "trash_can": (64, 15, 21),
}  # fmt: skip
# Files of features in each domain; four photos of amazon have no histogram.
_N_FEATURES = {
    "surf": {"amazon": 2813, "dslr": 498, "webcam": 795},
    "decaf": {"amazon": 2817, "dslr": 498, "webcam": 795},
}
_OF_OFFICE_CALTECH = "backpack"  # shares names of domains and some classes

_DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id={}"
_SOURCES = {
    None: (
        (
            PublishedFile(
                "office31.tar.gz",
                ("https://cornell.box.com/shared/static/3v2ftdkdhpz1lbbr4uhu0135w7m79p7q",),
                "md5:89818e596f3cdda1d56da0f077435faa",
            ),
        ),
        (
            PublishedFile(
                "domain_adaptation_images.tar.gz",
                (_DRIVE.format("0B4IapRTv9pJ1WGZVd1VDMmhwdlE&resourcekey=0-gNMHVtZfRAyO_t2_WrOunA"),),
            ),
        ),
        (PublishedFile("OFFICE31.zip", ("https://wjdcloud.blob.core.windows.net/dataset/OFFICE31.zip",)),),
    ),
    "surf": (
        (
            PublishedFile(
                "domain_adaptation_features_20110616.tar.gz",
                (
                    "https://figshare.com/ndownloader/files/41786493?private_link=dfe6af3ef4f0f9ae93b9",
                    _DRIVE.format("0B4IapRTv9pJ1aWxLY0kxN0JJeXM"),
                ),
                "sha256:1bb83153343eb0d2c44f66ee63990639176855b2b894fae17ef82c7198123291",
            ),
        ),
    ),
    "decaf": (
        (
            PublishedFile(
                "domain_adaptation_decaf_features_20140430.tar.gz",
                (
                    "https://figshare.com/ndownloader/files/41786427?private_link=e145dd18e3d010c1f6d9",
                    _DRIVE.format("0B4IapRTv9pJ1eloxMmVNQ2IzS00"),
                ),
                "sha256:ea13d8ced0fb629937f25f4a4670e0e75fc1955fb439f4ac412e129dd78a19ee",
            ),
        ),
    ),
}
# Folders of a domain that may have the class folders, and the files to use.
_FOLDERS = {None: ("images", "."), "surf": ("interest_points",), "decaf": ("decaf-fts",)}
_FILES = {
    None: {},
    "surf": {"prefix": "histogram_", "suffixes": (".surf_surf.amazon_800.surf_surf.mat",)},  # others have 600 words
    "decaf": {"suffixes": (".mat",)},
}
_TITLES = {None: "Office-31", "surf": "Office-31 in SURF histograms", "decaf": "Office-31 in DeCAF features"}
_N_WORDS = 800

_DESCRIPTION = """\
Office-31: 4,110 photos of 31 kinds of things from an office, in three domains: amazon (2,817 photos from a shop),
dslr (498) and webcam (795), 7 to 100 of each kind in each domain.

Source: https://faculty.cc.gatech.edu/~judy/domainadapt/. Licence: none is stated; for research. In dslr and webcam
several photos show the same thing. The SURF histograms are uint8 counts of 800 visual words, to be scaled before a
classifier. The paper (section 4.2, Table 1) goes from amazon and from dslr to webcam.

Kate Saenko, Brian Kulis, Mario Fritz, Trevor Darrell: Adapting visual category models to new domains, ECCV 2010.
"""


def _dataset(features, numbers):
    find_domain = partial(_class_folders, features=features)
    return Dataset(
        name="office31" if features is None else f"office31/{features}",
        title=f"{_TITLES[features]} ({', '.join(numbers)})",
        fetcher="fetch_office31",
        sources=_SOURCES[features],
        places=(".", "*"),  # some archives have an outer folder, and skada extracts each into its own
        is_here=lambda folder: all(find_domain(folder, domain) for domain in numbers),
        read=partial(_read, features=features, numbers=numbers),
        problem=partial(_problem, features=features),
        limits=Limits(n_bytes=20_000_000_000, n_members=100_000),
        description=_DESCRIPTION,
        arguments=() if features is None else (f"features={features!r}",),
        partly=lambda folder: describe_domains(folder, numbers, find_domain),
    )


def _class_folders(folder, domain, features):
    """The folder with the class folders of a domain, or None."""
    places = (folder / domain / place for place in _FOLDERS[features])
    return next(
        (place for place in places if has_class_folder(place, _COUNTS) and not (place / _OF_OFFICE_CALTECH).exists()),
        None,
    )


def _read(folder, features, numbers):
    classes = {name: i for i, name in enumerate(_COUNTS)}
    files = _FILES[features]
    listings = [list_domain(_class_folders(folder, domain, features), classes, **files) for domain in numbers]
    return join_domains(numbers, listings, _COUNTS)


def _problem(listing, features):
    domains = list(listing["domain_names"])
    if features is not None:
        counts = {domain: _N_FEATURES[features][domain] for domain in domains}
        return wrong_counts(_TITLES[features], counts, domain_sizes(listing))
    return wrong_counts(f"Office-31 ({', '.join(domains)})", class_counts(_COUNTS, _DOMAINS, domains), listing)


def fetch_office31(
    *,
    source=None,
    target=None,
    features=None,
    layer="fc7",
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=False,
):
    """Find or download Office-31, and list its photos, or read the features that its authors published.

    Parameters
    ----------
    source : str or sequence of str, default=None
        Domains whose rows come first and have a positive ``sample_domain``, out of "amazon", "dslr" and "webcam".
        None means all that are not in ``target``.
    target : str or sequence of str, default=None
        Domains whose rows have a negative ``sample_domain``.
    features : {None, "surf", "decaf"}, default=None
        Content of ``data``: None means photos; "surf" means histograms of 800 visual words (see Notes); "decaf" means
        activations of the paper's network.
    layer : str or int, default="fc7"
        With ``features="decaf"``, the name of the layer in the authors' files; 6 means "fc6".
    data_home : str or PathLike, default=None
        Folder of all data sets, to which they are downloaded. None means ``datasets`` inside ``SKDECAF_HOME`` or the
        platform's cache folder. It may also be a folder that contains the domains, each with class folders or a
        folder ``images`` of them, or its parent; for features also a folder as skada extracts it.
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
            Absolute paths of the photos or feature files, by domain in the given order, class and name.
        target : ndarray of shape (n_rows,), dtype int64
            Indices into ``target_names``.
        target_names : list of str
            Names of the 31 classes.
        sample_domain : ndarray of shape (n_rows,), dtype int64
            1 (amazon), 2 (dslr) and 3 (webcam), negative for domains of the target.
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
        If it is missing and may not be downloaded; the message says which files to place where.
    OSError
        If a download fails.
    ValueError
        If a domain does not exist, an archive is not the published one, or a file of features cannot be read.

    Warns
    -----
    UserWarning
        If an existing folder has other numbers of files than were published, or files that are not named as photos.
        What is there is listed.

    See Also
    --------
    read_domain_splits : The splits that the group of the paper published.

    Notes
    -----
    Section 4.2 and Table 1 of the paper: 20 photos per class of amazon or 8 of dslr, 3 of webcam, and the rest of
    webcam for testing. The authors' files do not say whether activations are taken before or after the ReLU.

    Histograms are uint8 counts, which overflow in sums: scale them first. The authors' demonstration scales rows to an
    L2 norm of 1 (:class:`~sklearn.preprocessing.Normalizer`), then columns to mean 0 and variance 1
    (:class:`~sklearn.preprocessing.StandardScaler`), source and target separately.

    Examples
    --------
    >>> from skdecaf.datasets import fetch_office31
    >>> office = fetch_office31(source="amazon", target="webcam")  # doctest: +SKIP
    """
    if features not in _SOURCES:
        raise ValueError(f"features={features!r} is not one of None, 'surf' and 'decaf'")
    dataset = _dataset(features, number_domains(_DOMAINS, source, target))
    listing = load(dataset, data_home, download_if_missing)
    if features == "surf":
        listing = with_features(listing, read_features(listing["filenames"], "histogram", _N_WORDS), "surf")
    elif features == "decaf":
        blob = layer if isinstance(layer, str) else f"fc{layer}"
        listing = with_features(listing, read_features(listing["filenames"], blob), blob)
    return as_bunch(listing, dataset.description, return_X_y=return_X_y, as_frame=as_frame)
