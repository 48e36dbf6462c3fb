"""Figure 4: accuracy on Caltech-101, by features and classifier, and by the number of training photos."""

# SPDX-License-Identifier: BSD-3-Clause
from itertools import product

import numpy as np

from skdecaf._paper.classifiers import (
    C_GRID,
    CLASSIFIERS,
    DROPOUT,
    FIXED_C,
    N_MASKS,
    PAPER_FORMS,
    choose_C,
    classifier,
    score,
)
from skdecaf._paper.run import Run, check_dataset, class_labels
from skdecaf.model_selection import PerClassShuffleSplit

_N_CLASSES = 102
N_PER_CLASS = (1, 2, 3, 5, 7, 10, 15, 20, 25, 30)

_LEFT = {
    ("LogReg", "DeCAF5"): (63.29, 6.6),
    ("LogReg", "DeCAF6"): (84.30, 1.6),
    ("LogReg", "DeCAF7"): (84.87, 0.6),
    ("LogReg + dropout", "DeCAF6"): (86.08, 0.8),
    ("LogReg + dropout", "DeCAF7"): (85.68, 0.6),
    ("SVM", "DeCAF5"): (77.12, 1.1),
    ("SVM", "DeCAF6"): (84.77, 1.2),
    ("SVM", "DeCAF7"): (83.24, 1.2),
    ("SVM + dropout", "DeCAF6"): (86.91, 0.7),
    ("SVM + dropout", "DeCAF7"): (85.51, 0.9),
}
_RIGHT = {("1", "SVM + dropout"): (33.0, None)}


def figure_4_left(
    dataset,
    *,
    weights="mini",
    layers=(5, 6, 7),
    n_train=30,
    n_validation=5,
    n_splits=5,
    random_state=0,
    folder=None,
    n_jobs=None,
    verbose=False,
):
    """Accuracy of logistic regression and a linear SVM on DeCAF5, 6 and 7, with and without dropout.

    Parameters
    ----------
    dataset : Bunch
        With ``data`` (photos, usually paths), ``target`` and ``target_names`` (for error messages), as from
        `skdecaf.datasets.fetch_caltech101`.
    weights : str, path or Network, default="mini"
        The network, as for `DeCAFTransformer`.
    layers : sequence of int or str, default=(5, 6, 7)
        As for `DeCAFTransformer`.
    n_train : int, default=30
        Training photos per class; all others are for testing.
    n_validation : int, default=5
        How many of them choose C; the rest are for training.
    n_splits : int, default=5
        Random splits.
    random_state : int, default=0
        Seeds splits, masks and solvers.
    folder : str or PathLike, default=None
        Stores features and finished cells, so that a second call continues where the first one stopped.
    n_jobs : int, default=None
        Processes that train, and threads that compute features; -1 means one per processor.
    verbose : bool, default=False
        Whether to show progress bars.

    Returns
    -------
    PaperTable
        Mean over classes of the accuracy in each class, as a percentage.

    Raises
    ------
    TypeError
        If the dataset lacks one of these fields.
    ValueError
        If a class has too few photos, or there are fewer than two classes; this is checked before any photo is read.

    Notes
    -----
    Section 4.1 of the paper. In each split C is chosen from a grid on `n_train` - `n_validation` and `n_validation`
    photos per class, without masks; then all `n_train` train. "+ dropout" is training under a fresh mask at each of 20
    presentations, by stochastic gradient descent. Two rows are not in the paper: "+ expected dropout" is what
    averaging over all masks does to a linear model, see `DropoutFeatures`, and "+ one mask" shows each photo under a
    single mask.
    """
    check_dataset(dataset)
    if not 0 < n_validation < n_train:
        raise ValueError(f"n_validation must be from 1 to n_train - 1, which is {n_train - 1}; got {n_validation}")
    splits = per_class_splits(dataset, n_train, n_splits, random_state)
    run, y = Run(weights, folder, n_jobs, verbose), np.asarray(dataset.target)
    features = run.features(dataset.data, layers)
    sizes = (n_train - n_validation, n_validation)
    calls = [
        {"layer": layer, "name": name, "split": splits[i], "sizes": sizes, "seed": random_state + i}
        for layer, name, i in product(layers, CLASSIFIERS, range(n_splits))
    ]
    cells = iter(run.map(_cell, (features, y), calls))
    values = {(layer, name): [next(cells) for _ in splits] for layer, name in product(layers, CLASSIFIERS)}
    protocol = {
        "n_train": n_train,
        "n_validation": n_validation,
        "n_splits": n_splits,
        "seed": random_state,
        "C_grid": C_GRID,
        "C_chosen": {f"{name}, {layer}": [cell["C"] for cell in found] for (layer, name), found in values.items()},
        "masks": N_MASKS,
    }
    content, notes = _left_table(values, layers)
    return run.table(*content, y=y, n_classes=_N_CLASSES, notes=notes, **protocol)


def per_class_splits(dataset, n_train, n_splits, random_state):
    """Splits by class names, so that errors name classes that are too small."""
    labels = class_labels(dataset)
    return list(PerClassShuffleSplit(n_train, n_splits=n_splits, random_state=random_state).split(labels, labels))


def _cell(features, y, *, layer, name, split, sizes, seed):
    """All rows of one classifier for one split: the chosen C, and validation and test scores by form of dropout."""
    X, (train, test) = features[layer], split
    inner = PerClassShuffleSplit(*sizes, n_splits=1, random_state=seed)
    rows, validation = (train[part] for part in next(inner.split(train, y[train])))
    C, best = choose_C(name, X, y, rows, validation, seed)
    scores = {"C": C, "validation": {"none": best}, "test": {}}
    for form in DROPOUT:
        if form != "none":
            scores["validation"][form] = score(classifier(name, C, form, len(rows), seed), X, y, rows, validation)
        scores["test"][form] = score(classifier(name, C, form, len(train), seed), X, y, train, test)
    return scores


def _left_table(values, layers):
    """Arguments of `Run.table`, and notes."""
    rows = [(name, form) for name, form in product(CLASSIFIERS, DROPOUT)]
    tests, validations = (
        np.array([[[cell[part][form] for cell in values[layer, name]] for layer in layers] for name, form in rows])
        for part in ("test", "validation")
    )
    names, columns = [name + DROPOUT[form] for name, form in rows], [_column(layer) for layer in layers]
    in_paper = [form in PAPER_FORMS for _, form in rows]
    candidates = np.where(np.array(in_paper)[:, None], validations.mean(axis=2), -np.inf)
    i, j = np.unravel_index(np.argmax(candidates), candidates.shape)
    grids = ", ".join(f"{', '.join(f'{C:g}' for C in C_GRID[name])} for {name}" for name in CLASSIFIERS)
    at_edge = ", ".join(_at_largest_C(values, name) for name in CLASSIFIERS)
    notes = (
        f"C chosen in validation: {', '.join(_range_of_C(values, name) for name in CLASSIFIERS)}.",
        f"Tried: {grids}. The largest was chosen in {at_edge}; larger values, which take longer, were left out.",
        f"Best in validation: {names[i]} on {columns[j]}, {tests[i, j].mean():.1f} % (the paper's: SVM + dropout on "
        "DeCAF6, 86.91 %).",
        "Quoted in the paper: Yang et al. 2009 84.3, Jarrett et al. 2009 65.5.",
    )
    title = "Figure 4, left: accuracy, mean over classes, %"
    return ("figure_4_left", title, tuple(names), tuple(columns), tests, _LEFT), notes


def _chosen_C(values, name):
    return [cell["C"] for (_, other), found in values.items() if other == name for cell in found]


def _at_largest_C(values, name):
    chosen = _chosen_C(values, name)
    return f"{chosen.count(C_GRID[name][-1])} of {len(chosen)} cells for {name}"


def _range_of_C(values, name):
    chosen = _chosen_C(values, name)
    least, most = min(chosen), max(chosen)
    return f"{least:g} for {name}" if least == most else f"{least:g} to {most:g} for {name}"


def _column(layer):
    return f"DeCAF{layer}" if layer in (5, 6, 7) else str(layer)


def figure_4_right(
    dataset,
    *,
    weights="mini",
    layer=6,
    n_per_class=N_PER_CLASS,
    n_splits=5,
    random_state=0,
    folder=None,
    n_jobs=None,
    verbose=False,
):
    """Accuracy on DeCAF6 with dropout against the number of training photos per class.

    Parameters
    ----------
    dataset : Bunch
        As for `figure_4_left`.
    weights : str, path or Network, default="mini"
        The network, as for `DeCAFTransformer`.
    layer : int or str, default=6
        As for `DeCAFTransformer`.
    n_per_class : sequence of int, default=(1, 2, 3, 5, 7, 10, 15, 20, 25, 30)
        Training photos per class; all others are for testing.
    n_splits : int, default=5
        Random splits for each number.
    random_state : int, default=0
        Seeds splits, masks and solvers.
    folder, n_jobs, verbose : as for `figure_4_left`

    Returns
    -------
    PaperTable
        A row for each number, a column for each classifier; mean over classes of the accuracy in each class, as a
        percentage.

    Raises
    ------
    TypeError, ValueError
        As for `figure_4_left`.

    Notes
    -----
    Section 4.1 of the paper, with one fixed C: 100 for logistic regression and 1 for the SVM, on features whose
    training rows have a root mean square norm of 1.
    """
    check_dataset(dataset)
    largest_first = sorted(n_per_class, reverse=True)  # so that the first error names all classes that are too small
    splits = {n: per_class_splits(dataset, n, n_splits, random_state) for n in largest_first}
    run, y = Run(weights, folder, n_jobs, verbose), np.asarray(dataset.target)
    X = run.features(dataset.data, [layer])[layer]
    calls = [
        {"name": name, "split": splits[n][i], "seed": random_state + i}
        for n, name, i in product(n_per_class, CLASSIFIERS, range(n_splits))
    ]
    protocol = {"layer": layer, "n_splits": n_splits, "seed": random_state, "C": FIXED_C, "masks": N_MASKS}
    return run.table(
        "figure_4_right",
        "Figure 4, right: accuracy by training photos per class, with dropout, mean over classes, %",
        tuple(str(n) for n in n_per_class),
        tuple(name + DROPOUT["masks"] for name in CLASSIFIERS),
        np.reshape(run.map(_point, (X, y), calls), (len(n_per_class), len(CLASSIFIERS), n_splits)),
        _RIGHT,
        y=y,
        n_classes=_N_CLASSES,
        notes=(
            f"C fixed: {', '.join(f'{C:g} for {name}' for name, C in FIXED_C.items())}.",
            "The paper gives one figure in its text, for a single photo per class.",
        ),
        **protocol,
    )


def _point(X, y, *, name, split, seed):
    train, test = split
    return score(classifier(name, FIXED_C[name], "masks", len(train), seed), X, y, train, test)
