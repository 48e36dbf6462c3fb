"""Table 3: scenes of SUN-397."""

# SPDX-License-Identifier: BSD-3-Clause
from itertools import product

import numpy as np
from scipy.sparse import csr_matrix, vstack
from sklearn.utils import check_random_state, gen_batches

from skdecaf._paper.classifiers import CLASSIFIERS, FIXED_C, N_MASKS, scaling, under_masks
from skdecaf._paper.run import Run, check_dataset, class_labels, photos_of
from skdecaf._utils.progress import progress_bar
from skdecaf.model_selection import PerClassShuffleSplit, mean_per_class_accuracy_score

_PAPER = {
    ("LogReg", "DeCAF6"): (40.94, 0.3),
    ("LogReg", "DeCAF7"): (40.84, 0.3),
    ("SVM", "DeCAF6"): (39.36, 0.3),
    ("SVM", "DeCAF7"): (40.66, 0.3),
}
_N_CLASSES = 397
_N_PHOTOS = 2048  # per chunk; limits the memory for dense activations
_N_ROWS = 4096  # of sparse activations per chunk of training or prediction


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
        Training photos of each class that choose the method; the rest of the 50 are for training.
    n_splits : int, default=5
        Number of published splits to use, from the first.
    random_state : int, default=0
        Seeds the choice of these photos, masks and solvers.
    folder, n_jobs, verbose : as for `figure_4_left`

    Returns
    -------
    PaperTable
        Mean over classes of the accuracy in each class, as a percentage.

    Raises
    ------
    TypeError
        If the dataset lacks one of these fields.
    ValueError
        If a class has too few training photos, or there are fewer than two classes; this is checked before any photo
        is read.

    Notes
    -----
    Section 4.4 of the paper, whose five splits are here the first five of the ten published ones. Training is
    `partial_fit` under fresh masks, 20 presentations of each photo, with the constants of `figure_4_right`, and
    activations are held as sparse matrices, one split at a time. Processes share them, and there are at most four, one
    for each classifier and layer; each takes about 0.3 GB of its own.
    """
    check_dataset(dataset, "splits")
    splits = list(_add_validation(class_labels(dataset), dataset.splits[:n_splits], n_validation, random_state))
    run, y, layers = Run(weights, folder, n_jobs, verbose), np.asarray(dataset.target), (6, 7)
    cells = list(product(CLASSIFIERS, layers))
    scores = []
    for i, (rows, split) in enumerate(splits):
        features = _sparse_features(run, photos_of(dataset)[rows], layers)
        calls = [{"name": name, "layer": layer, "split": split, "seed": random_state + i} for name, layer in cells]
        scores.append(run.map(_cell, (features, y[rows]), calls))
    shape = (len(CLASSIFIERS), len(layers), len(scores))
    tests, validations = (
        np.reshape([[of_split[k][part] for of_split in scores] for k in range(len(cells))], shape)
        for part in ("test", "validation")
    )
    columns = ("DeCAF6", "DeCAF7")
    i, j = np.unravel_index(np.argmax(validations.mean(axis=2)), shape[:2])
    notes = (
        f"Best in validation: {CLASSIFIERS[i]} on {columns[j]}, {tests[i, j].mean():.1f} %.",
        "Quoted in the paper: Xiao et al. 2010 38.0.",
    )
    title = "Table 3: scenes of SUN-397, with dropout, mean over classes, %"
    content = ("table_3", title, CLASSIFIERS, columns, tests, _PAPER)
    protocol = {"n_splits": len(scores), "n_validation": n_validation, "seed": random_state}
    return run.table(*content, y=y, n_classes=_N_CLASSES, notes=notes, **protocol, C=FIXED_C, masks=N_MASKS)


def _add_validation(labels, splits, n_validation, random_state):
    """For each published split its photos, and the rows for training and validation among them."""
    for i, (train, test) in enumerate(splits):
        n_kept = int(np.unique(labels[train], return_counts=True)[1].min()) - n_validation
        inner = PerClassShuffleSplit(max(1, n_kept), n_validation, n_splits=1, random_state=random_state + i)
        [(kept, validation)] = inner.split(train, labels[train])
        rows = np.concatenate([train, test])
        yield rows, {"kept": kept, "validation": validation, "n_train": len(train)}


def _sparse_features(run, photos, layers):
    """Activations, mostly zero after the ReLU, as a dict of layer to CSR matrix."""
    chunks = {layer: [] for layer in layers}
    with progress_bar(len(photos), run.verbose) as bar:
        for rows in gen_batches(len(photos), _N_PHOTOS):
            for layer, dense in run.features(photos[rows], layers, with_bar=False).items():
                chunks[layer].append(csr_matrix(dense))
            bar.update(rows.stop - rows.start)
    return {layer: vstack(chunks.pop(layer), format="csr") for layer in layers}


def _cell(features, y, *, name, layer, split, seed):
    """Validation and test score of one classifier on one layer; the training rows come first."""
    X, rows = features[layer], np.arange(len(y))
    train, test = np.split(rows, [split["n_train"]])
    return {
        "validation": _score(X, y, split["kept"], split["validation"], name, seed),
        "test": _score(X, y, train, test, name, seed),
    }


def _score(X, y, train, test, name, seed):
    """Train and predict in chunks, so that no process copies more than a few thousand rows."""
    scale, model, classes = scaling(), under_masks(name, FIXED_C[name], len(train), seed), np.unique(y)
    for rows in _pieces(train):
        scale.partial_fit(X[rows])
    generator = check_random_state(seed)
    for _ in range(N_MASKS):
        for rows in _pieces(generator.permutation(train)):
            model.partial_fit(scale.transform(X[rows]), y[rows], classes=classes)
    predicted = np.concatenate([model.predict(scale.transform(X[rows])) for rows in _pieces(test)])
    return 100 * float(mean_per_class_accuracy_score(y[test], predicted))


def _pieces(rows):
    return (rows[batch] for batch in gen_batches(len(rows), _N_ROWS))
