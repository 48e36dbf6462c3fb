"""Figures 1, 2 and 5: maps of photos in which similar features are close, and how well groups are apart in them."""

# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import silhouette_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import Normalizer

from skdecaf._paper.groupings import kind_of_class, place_of_scene
from skdecaf._paper.results import PaperTable
from skdecaf._paper.run import Run, check_dataset, photos_of
from skdecaf._utils.warnings import warn_user
from skdecaf.baselines import GIST, LLC
from skdecaf.plotting._tsne import embed

N_PHOTOS = 4000  # at most, drawn at random; t-SNE and silhouettes take more than linear time
_N_NEIGHBORS = 5
_SPACES = ("in all features", "in the map")
_COLUMNS = tuple(f"{score} {space}" for score in (f"{_N_NEIGHBORS}-NN", "silhouette") for space in _SPACES)
MOST_COLORS = 10  # of groups
_SCISSORS = "scissors"  # the class that Figure 5 shows


@dataclass(frozen=True)
class PaperMaps(PaperTable):
    """Maps of photos, and a table of how well groups are apart in them.

    Parameters
    ----------
    maps : tuple of ndarray of shape (n_photos, 2), default=()
        The positions of the photos, one map for each row of the table.
    groups : tuple of ndarray of shape (n_photos,), default=()
        The group of each photo in each map.
    domains : tuple of ndarray of shape (n_photos,), or None, default=None
        The domain of each photo in each map.
    highlight : str, default=None
        A group that is drawn in colour, on top of the others.

    See Also
    --------
    PaperTable : The other parameters.
    """

    maps: tuple = ()
    groups: tuple = ()
    domains: tuple | None = None
    highlight: str | None = None

    def _has_paper(self, column):
        return False


def figure_1(dataset, *, weights="mini", n_photos=N_PHOTOS, random_state=0, folder=None, n_jobs=None, verbose=False):
    """Map photos of ImageNet by LLC, GIST, DeCAF1 and DeCAF6, coloured by coarse kinds of the classes.

    Parameters
    ----------
    dataset : Bunch
        With ``data``, ``target`` and ``target_names``, as from `skdecaf.datasets.load_ilsvrc_val`.
    weights : str, path or Network, default="mini"
        The network, as for `DeCAFTransformer`.
    n_photos : int, default=4000
        At most so many photos, drawn at random.
    random_state : int, default=0
        Seeds this choice, the codebook of LLC and t-SNE.
    folder, n_jobs, verbose : as for `figure_4_left`

    Returns
    -------
    PaperMaps

    Raises
    ------
    TypeError
        If the dataset lacks one of these fields.

    Warns
    -----
    UserWarning
        If OpenCV is missing, so that there is no map of LLC.

    Notes
    -----
    Section 3.1 of the paper. DeCAF1 is pool1. The kinds are those of WordNet.
    """
    check_dataset(dataset, "target_names")
    kinds = np.array([kind_of_class(name) for name in dataset.target_names])
    rows = _drawn(dataset, n_photos, random_state)
    photos, groups = photos_of(dataset)[rows], kinds[np.asarray(dataset.target)[rows]]
    run = Run(weights, folder, n_jobs, verbose)
    features = _hand_designed(photos, random_state, n_jobs, verbose)
    features |= dict(zip(("DeCAF1", "DeCAF6"), run.features(photos, ["pool1", 6]).values(), strict=True))
    title = "Figure 1: photos of ILSVRC-2012 by four features, coloured by kind"
    y = np.asarray(dataset.target)[rows]
    return _maps(run, "figure_1", title, features, dict.fromkeys(features, groups), random_state, y=y)


def figure_2(dataset, *, weights="mini", n_photos=N_PHOTOS, random_state=0, folder=None, n_jobs=None, verbose=False):
    """Map scenes of SUN-397 by DeCAF6, coloured by indoors and outdoors.

    Parameters
    ----------
    dataset : Bunch
        With ``data``, ``target`` and ``target_names``, as from `skdecaf.datasets.fetch_sun397`.
    weights, n_photos, random_state, folder, n_jobs, verbose : as for `figure_1`

    Returns
    -------
    PaperMaps

    Notes
    -----
    Section 3.1 of the paper. Whether a class is indoors was marked by hand, after its name.
    """
    check_dataset(dataset, "target_names")
    places = np.array([place_of_scene(name) for name in dataset.target_names])
    rows = _drawn(dataset, n_photos, random_state)
    run = Run(weights, folder, n_jobs, verbose)
    features = {"DeCAF6": run.features(photos_of(dataset)[rows], [6])[6]}
    y = np.asarray(dataset.target)[rows]
    title = "Figure 2: scenes of SUN-397, indoors and outdoors"
    return _maps(run, "figure_2", title, features, {"DeCAF6": places[y]}, random_state, y=y)


def figure_5(photos, surf=None, *, weights="mini", random_state=0, folder=None, n_jobs=None, verbose=False):
    """Map photos of webcam and dslr by SURF and by DeCAF6: classes should be apart, and domains together.

    Parameters
    ----------
    photos : Bunch
        With ``data``, ``target``, ``target_names``, ``sample_domain`` and ``domain_names``, as from
        `skdecaf.datasets.fetch_office31`.
    surf : Bunch, default=None
        The released histograms of the same domains, with ``features="surf"``. Without, there is no map of them.
    weights, random_state, folder, n_jobs, verbose : as for `figure_1`

    Returns
    -------
    PaperMaps

    Notes
    -----
    Section 4.2 of the paper, which highlights the class of scissors. Office-Caltech10 has no scissors, so that all
    classes are coloured. Histograms are those of the classes that the photos have, divided by their Euclidean norm.
    """
    shown = {"DeCAF6": _webcam_and_dslr(photos)}
    if surf is not None:
        histograms, labels, domains = _webcam_and_dslr(surf)
        kept = np.isin(labels, shown["DeCAF6"][1])
        shown = {"SURF": (histograms[kept], labels[kept], domains[kept]), **shown}
    run = Run(weights, folder, n_jobs, verbose)
    features = {name: X for name, (X, _, _) in shown.items()}
    if "SURF" in features:
        features["SURF"] = Normalizer().fit_transform(np.asarray(features["SURF"], dtype=np.float64))
    features["DeCAF6"] = run.features(features["DeCAF6"], [6])[6]
    return _maps(
        run,
        "figure_5",
        "Figure 5: photos of webcam and dslr, by class and domain",
        features,
        {name: labels for name, (_, labels, _) in shown.items()},
        random_state,
        y=shown["DeCAF6"][1],
        domains={name: domains for name, (_, _, domains) in shown.items()},
        highlight=_SCISSORS if _SCISSORS in photos.target_names else None,
        notes=() if surf is not None else ("Without SURF: its histograms were not there.",),
    )


def _drawn(dataset, n_photos, random_state):
    """Rows of some photos, in order."""
    n = len(dataset.target)
    return np.sort(np.random.default_rng(random_state).choice(n, min(n, n_photos), replace=False))


def _hand_designed(photos, random_state, n_jobs, verbose):
    """LLC and GIST of photos; without OpenCV only GIST."""
    options = {"n_jobs": n_jobs, "verbose": verbose}
    features = {}
    try:
        features["LLC"] = LLC(random_state=random_state, **options).fit_transform(photos)
    except ImportError as error:
        warn_user(f"Figure 1 has no map of LLC: {error}")
    features["GIST"] = GIST(**options).fit_transform(photos)
    return features


def _webcam_and_dslr(bunch):
    """Photos or histograms of both domains, with names of classes and domains."""
    check_dataset(bunch, "target_names", "sample_domain", "domain_names")
    names = {abs(number): name for name, number in bunch.domain_names.items()}
    domains = np.array([names[abs(number)] for number in bunch.sample_domain])
    rows = np.flatnonzero(np.isin(domains, ["webcam", "dslr"]))
    labels = np.asarray(bunch.target_names)[bunch.target]
    data = photos_of(bunch) if np.ndim(bunch.data) == 1 else np.asarray(bunch.data)
    return data[rows], labels[rows], domains[rows]


def _maps(run, name, title, features, groups, seed, *, y, domains=None, highlight=None, notes=()):
    """Compute a map and scores for each kind of features."""
    calls = [{"name": row, "seed": seed} for row in features]
    cells = run.map(_map, (features, groups), calls)
    scores = np.array([[[cell["scores"][column]] for column in _COLUMNS] for cell in cells])
    explained = (
        f"{_N_NEIGHBORS}-NN: accuracy of the {_N_NEIGHBORS} nearest other photos, in %.",
        "Silhouette: how much nearer photos of the same group are than those of the nearest other, 100 at best.",
    )
    rows = tuple(features)
    n_groups = len(np.unique(np.concatenate(list(groups.values()))))
    if n_groups > MOST_COLORS and highlight is None:
        explained = (*explained, f"The {MOST_COLORS} largest of {n_groups} groups are coloured, and the others grey.")
    table = run.table(name, title, rows, _COLUMNS, scores, {}, y=y, notes=(*explained, *notes), seed=seed)
    return PaperMaps(
        **vars(table),
        maps=tuple(np.array(cell["positions"]) for cell in cells),
        groups=tuple(groups[row] for row in rows),
        domains=None if domains is None else tuple(domains[row] for row in rows),
        highlight=highlight,
    )


def _map(features, groups, *, name, seed):
    """Positions of photos in a map, and scores of their groups in it and in the space of all features."""
    X, y = features[name], groups[name]
    positions = embed(X, None, seed)
    scores = {}
    for space, rows in zip(_SPACES, (X, positions), strict=True):
        scores[f"{_N_NEIGHBORS}-NN {space}"] = 100 * leave_one_out_accuracy(rows, y)
        scores[f"silhouette {space}"] = 100 * float(silhouette_score(rows, y)) if len(set(y)) > 1 else float("nan")
    return {"positions": positions.tolist(), "scores": scores}


def leave_one_out_accuracy(X, y):
    """The share of rows whose class is the most frequent one among their nearest other rows."""
    neighbors = KNeighborsClassifier(min(_N_NEIGHBORS, len(y) - 1)).fit(X, y)
    return float(np.mean(neighbors.predict(None) == y))
