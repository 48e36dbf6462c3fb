"""Section 3.1: the network's own errors on photos of ImageNet's 1000 classes."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from sklearn.utils import gen_batches

from skdecaf._paper.run import Run, check_dataset, photos_of

_ROWS = {"top-1 error": 1, "top-5 error": 5}
_COLUMN = "centre crop"
_PAPER = {("top-1 error", _COLUMN): (42.9, None)}
_N_PHOTOS = 1000  # at once


def imagenet_errors(dataset, *, weights="mini", folder=None, n_jobs=None, verbose=False):
    """Top-1 and top-5 error of the network's own classifier.

    Parameters
    ----------
    dataset : Bunch
        With ``data``, ``target`` and ``target_names``, the identifiers of the classes or their numbers as text, as
        from `skdecaf.datasets.load_ilsvrc_val`.
    weights : str, path or Network, default="mini"
        The network, as for `DeCAFTransformer`; its last layer must be a softmax over the 1000 classes.
    folder, n_jobs, verbose : as for `figure_4_left`

    Returns
    -------
    PaperTable
        Percentages of the photos.

    Raises
    ------
    TypeError
        If the dataset lacks one of these fields.
    ValueError
        If the network lacks a class; this is checked before any photo is read.

    Notes
    -----
    Section 3.1 of the paper: 42.9 % for one crop of each of the 50,000 validation photos of ILSVRC-2012.
    """
    check_dataset(dataset, "target_names")
    run = Run(weights, folder, n_jobs, verbose)
    photos = photos_of(dataset)
    y = _places(dataset.target_names, run.network())[np.asarray(dataset.target)]
    ranks = np.concatenate([_ranks(run, photos[rows], y[rows]) for rows in gen_batches(len(y), _N_PHOTOS)])
    return run.table(
        "ilsvrc",
        "Section 3.1: the network's own errors on ILSVRC-2012, %",
        tuple(_ROWS),
        (_COLUMN,),
        np.array([[[100 * float(np.mean(ranks >= k))]] for k in _ROWS.values()]),
        _PAPER,
        y=y,
    )


def _places(names, network):
    """The network's index of each class, given by identifier or number."""
    places = {identifier: i for i, (identifier, _) in enumerate(network.labels)}
    places |= {str(i): i for i in places.values()}
    for name in names:
        if name not in places:
            raise ValueError(f"{network!r} has no class {name!r}")
    return np.array([places[name] for name in names])


def _ranks(run, photos, y):
    """Number of other classes that are at least as probable as the right one."""
    blob = run.network().layers[-1].name
    probabilities = run.features(photos, [blob])[blob]
    right = np.take_along_axis(probabilities, y[:, None], axis=1)
    return (probabilities >= right).sum(axis=1) - 1
