"""Figure 4 against the same protocol in a plain loop."""

# SPDX-License-Identifier: BSD-3-Clause
import json
import warnings

import numpy as np
import pytest
from paper_photos import write_classes
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.svm import LinearSVC
from tiny_networks import tiny_network

from skdecaf import DeCAFTransformer
from skdecaf._paper import figure_4 as module
from skdecaf._paper import figure_4_left, figure_4_right
from skdecaf.model_selection import PerClassShuffleSplit

NETWORK = tiny_network()
SIZES = {"n_train": 4, "n_validation": 2, "n_splits": 2, "random_state": 3, "weights": NETWORK}
GRID = {"LogReg": (1, 10, 100, 1000), "SVM": (0.01, 0.1, 1, 10, 100)}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_classes(tmp_path_factory.mktemp("photos"), ("ant", "bass", "crab"), 7)


@pytest.fixture(scope="module")
def table(photos):
    return figure_4_left(photos, layers=(6,), **SIZES)


def fit_and_score(name, C, seed, X, y, train, test):
    model = LogisticRegression(C=C, max_iter=1000) if name == "LogReg" else LinearSVC(C=C, random_state=seed)
    return 100 * balanced_accuracy_score(y[test], model.fit(X[train], y[train]).predict(X[test]))


def scaled(X, train):
    """By one scalar, so that the training rows have a root mean square norm of 1."""
    squared_norms = np.square(X[train], dtype=np.float64).sum(axis=1)
    return (X / np.sqrt(squared_norms.mean())).astype(np.float32)


def expected(X, train):
    m = np.square(X[train], dtype=np.float64).mean(axis=0)
    divided = X / np.sqrt(m + m.mean() / 4)
    return (divided / np.sqrt(np.square(divided[train]).sum(axis=1).mean())).astype(np.float32)


def under_masks(name, C, seed, X, y, train, test, n_draws=20):
    """Stochastic gradient descent, with half of the values gone, anew at each presentation; halved in prediction."""
    losses, steps = {"LogReg": "log_loss", "SVM": "squared_hinge"}, {"LogReg": 3, "SVM": 0.3}
    rows, generator = csr_matrix(scaled(X, train)[train]), np.random.RandomState(seed)
    model = SGDClassifier(
        loss=losses[name],
        alpha=1 / (4 * C * len(train)),
        learning_rate="constant",
        eta0=steps[name],
        average=n_draws * len(train) // 4,
        random_state=seed,
    )
    for _ in range(n_draws):
        masked = rows.copy()
        masked.data *= generator.random_sample(masked.data.shape) >= 0.5
        masked.eliminate_zeros()
        model.partial_fit(masked, y[train], classes=np.unique(y))
    return 100 * balanced_accuracy_score(y[test], model.predict(scaled(X, train)[test] / 2))


def plain_loop(X, y, name):
    """Scores in the test of three rows, for each split."""
    splits = PerClassShuffleSplit(4, n_splits=2, random_state=3).split(X, y)
    for seed, (train, test) in enumerate(splits, 3):
        inner = PerClassShuffleSplit(2, 2, n_splits=1, random_state=seed)
        rows, validation = (train[part] for part in next(inner.split(train, y[train])))
        best = max(GRID[name], key=lambda C: fit_and_score(name, C, seed, scaled(X, rows), y, rows, validation))
        yield (
            fit_and_score(name, best, seed, scaled(X, train), y, train, test),
            under_masks(name, best, seed, X, y, train, test),
            fit_and_score(name, best, seed, expected(X, train), y, train, test),
        )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["LogReg", "SVM"])
def test_left_is_what_a_plain_loop_gives(name, photos, table):
    X = DeCAFTransformer(6, dropout=False, weights=NETWORK).fit_transform(photos.data)
    rows = [table.rows.index(name + suffix) for suffix in ("", " + dropout", " + expected dropout")]
    np.testing.assert_array_equal(table.scores[rows, 0].T, list(plain_loop(X, photos.target, name)))


@pytest.mark.slow
def test_scores_differ_so_that_equality_means_something(table):
    assert len(np.unique(table.scores)) > 3
    assert table.scores.mean() > 50


@pytest.mark.slow
def test_left_has_the_figures_of_the_paper_and_what_it_takes_to_repeat_it(table):
    assert table.published["SVM + dropout", "DeCAF6"] == (86.91, 0.7)
    assert ("LogReg + dropout", "DeCAF5") not in table.published
    details = json.loads(table.to_json())["details"]
    assert details["weights"]["fingerprint"] == NETWORK.fingerprint
    assert {"versions", "processor", "kernels", "blas", "seconds", "protocol"} <= set(details)
    assert details["protocol"]["C_grid"]["LogReg"] == [1, 10, 100, 1000]
    assert len(details["protocol"]["C_chosen"]["SVM, 6"]) == 2


def test_a_note_says_how_often_the_largest_C_was_chosen():
    scores = dict.fromkeys(module.DROPOUT, 50.0)
    chosen = {"LogReg": (10.0, 1000.0), "SVM": (0.1, 1.0)}
    values = {
        (layer, name): [{"C": C, "validation": scores, "test": scores} for C in chosen[name]]
        for layer in (5, 6)
        for name in chosen
    }
    notes = module._left_table(values, (5, 6))[1]
    assert "The largest was chosen in 2 of 4 cells for LogReg, 0 of 4 cells for SVM; larger" in " ".join(notes)


@pytest.mark.slow
def test_right_is_what_a_plain_loop_gives(photos):
    table = figure_4_right(photos, n_per_class=(1, 3), n_splits=1, random_state=3, weights=NETWORK)
    X, y = DeCAFTransformer(6, dropout=False, weights=NETWORK).fit_transform(photos.data), photos.target
    assert (table.rows, table.columns) == (("1", "3"), ("LogReg + dropout", "SVM + dropout"))
    for i, n in enumerate((1, 3)):
        for j, (name, C) in enumerate((("LogReg", 100), ("SVM", 1))):
            [split] = PerClassShuffleSplit(n, n_splits=1, random_state=3).split(X, y)
            assert table.scores[i, j] == under_masks(name, C, 3, X, y, *split)


def test_finished_cells_are_kept_until_something_changes(photos, tmp_path, monkeypatch):
    calls = []

    def point(X, y, *, name, split, seed):
        calls.append(seed)
        return float(seed)

    monkeypatch.setattr(module, "_point", point)
    options = {"n_per_class": (1,), "n_splits": 2, "folder": tmp_path, "weights": NETWORK}
    first = figure_4_right(photos, **options, random_state=5)
    assert (len(calls), first.scores.tolist()) == (4, [[[5, 6], [5, 6]]])
    figure_4_right(photos, **options, random_state=5)
    assert len(calls) == 4
    next((tmp_path / "cells").iterdir()).unlink()  # as if it had been interrupted
    assert np.array_equal(figure_4_right(photos, **options, random_state=5).scores, first.scores)
    assert len(calls) == 5
    figure_4_right(photos, **options, random_state=7)
    assert len(calls) == 9
    figure_4_right(photos, **options, layer=7, random_state=5)
    assert len(calls) == 13


@pytest.mark.slow
def test_processes_give_the_same(photos, table):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = figure_4_left(photos, layers=(6,), **SIZES, n_jobs=2)
    np.testing.assert_array_equal(again.scores, table.scores)
