"""Table 3: scenes of SUN-397."""

# SPDX-License-Identifier: BSD-3-Clause
from itertools import product

import numpy as np
from scipy.sparse import csr_matrix, vstack
from sklearn.utils import check_random_state, gen_batches

from skdecaf.model_selection import PerClassShuffleSplit, mean_per_class_accuracy
from skdecaf.paper._classifiers import CLASSIFIERS, FIXED_C, N_MASKS, scaling, under_masks
from skdecaf.paper._run import Run, note_on_classes
from skdecaf.paper.results import PaperTable

_PAPER = {
    ("LogReg", "DeCAF6"): (40.94, 0.3),
    ("LogReg", "DeCAF7"): (40.84, 0.3),
    ("SVM", "DeCAF6"): (39.36, 0.3),
    ("SVM", "DeCAF7"): (40.66, 0.3),
}
_N_CLASSES = 397
_N_PHOTOS = 2048  # at once: bounds the memory for dense activations
_N_ROWS = 4096  # of training, presented at once


def table_3(
    dataset,
    *,
    weights="mini",
    n_validation=8,
    n_splits=5,
    random_state=0,
    folder=None,
    n_jobs=None,
    verbose=False,
):
    """Accuracy of logistic regression and a linear SVM with dropout on DeCAF6 and 7, for published splits.

    Parameters
    ----------
    dataset : Bunch
        With ``data``, ``target`` and ``splits``, as from `skdecaf.datasets.fetch_sun397`.
    weights : str, path or Network, default="mini"
        The network, as for `DeCAFTransformer`.
    n_validation : int, default=8
        Training photos of each class that choose the method, while the rest of the 50 trains.
    n_splits : int, default=5
        How many of the published splits, from the first.
    random_state : int, default=0
        Seeds the choice of these photos, masks and solvers.
    folder : str or PathLike, default=None
        Keeps features and finished cells, so that a second call continues where the first one ended.
    n_jobs : int, default=None
        Processes; -1 is one for each processor.
    verbose : bool, default=False
        Whether to show progress bars.

    Returns
    -------
    PaperTable
        Mean over classes of the accuracy in each class, in per cent.

    Notes
    -----
    Section 4.4 of the paper, whose five splits are here the first five of the ten published ones. Training is
    `partial_fit` under fresh masks, 20 presentations of each photo, with the constants of `figure_4_right`, and
    activations are held as sparse matrices, one split at a time.
    """
    run = Run(weights, folder, n_jobs, verbose)
    y, layers = np.asarray(dataset.target), (6, 7)
    cells = list(product(CLASSIFIERS, layers))
    scores = []
    for i, (train, test) in enumerate(dataset.splits[:n_splits]):
        rows = np.concatenate([train, test])
        features = _sparse_features(run, np.asarray(dataset.data, dtype=object)[rows], layers)
        calls = [
            {"name": name, "layer": layer, "sizes": (len(train), n_validation), "seed": random_state + i}
            for name, layer in cells
        ]
        scores.append(run.map(_cell, (features, y[rows]), calls))
    shape = (len(CLASSIFIERS), len(layers), len(scores))
    tests, validations = (
        np.array([[split[k][part] for split in scores] for k in range(len(cells))]).reshape(shape)
        for part in ("test", "validation")
    )
    protocol = {
        "classes": len(np.unique(y)),
        "n_splits": len(scores),
        "n_validation": n_validation,
        "seed": random_state,
        "C": FIXED_C,
        "masks": N_MASKS,
    }
    return _table(tests, validations, note_on_classes(y, _N_CLASSES), run.details(**protocol))


def _table(tests, validations, notes, details):
    columns = ("DeCAF6", "DeCAF7")
    i, j = np.unravel_index(np.argmax(validations.mean(axis=2)), tests.shape[:2])
    notes = (
        *notes,
        f"Best in validation: {CLASSIFIERS[i]} on {columns[j]}, {tests[i, j].mean():.1f} %.",
        "Quoted in the paper: Xiao et al. 2010 38.0.",
    )
    title = "Table 3: scenes of SUN-397, with dropout, mean over classes, %"
    return PaperTable("table_3", title, CLASSIFIERS, columns, tests, _PAPER, notes, details)


def _sparse_features(run, photos, layers):
    """Activations as sparse matrices, a dict of layer to csr matrix: most are zero, after the ReLU."""
    chunks = {layer: [] for layer in layers}
    for rows in gen_batches(len(photos), _N_PHOTOS):
        for layer, dense in run.features(photos[rows], layers).items():
            chunks[layer].append(csr_matrix(dense))
    return {layer: vstack(chunks.pop(layer), format="csr") for layer in layers}


def _cell(features, y, *, name, layer, sizes, seed):
    """Validation and test score of one classifier on one layer, where the rows for training come first."""
    n_train, n_validation = sizes
    X, train, test = features[layer], np.arange(n_train), np.arange(n_train, len(y))
    n_kept = np.unique(y[train], return_counts=True)[1].min() - n_validation
    inner = PerClassShuffleSplit(int(n_kept), n_validation, n_splits=1, random_state=seed)
    rows, validation = next(inner.split(train, y[train]))
    return {
        "validation": _score(X, y, rows, validation, name, seed),
        "test": _score(X, y, train, test, name, seed),
    }


def _score(X, y, train, test, name, seed):
    scale = scaling().fit(X[train])
    model = under_masks(name, FIXED_C[name], len(train), seed)
    generator = check_random_state(seed)
    for _ in range(N_MASKS):
        order = generator.permutation(train)
        for batch in gen_batches(len(order), _N_ROWS):
            rows = order[batch]
            model.partial_fit(scale.transform(X[rows]), y[rows], classes=np.unique(y))
    return 100 * float(mean_per_class_accuracy(y[test], model.predict(scale.transform(X[test]))))
