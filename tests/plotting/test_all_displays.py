"""All displays: they draw where they are told, and leave matplotlib as it is."""

# SPDX-License-Identifier: BSD-3-Clause
import sys
from contextlib import redirect_stdout

import numpy as np
import pytest
from displays import NeverFitted, blobs
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import FunctionTransformer

from skdecaf import DeCAFTransformer, ImageNetClassifier
from skdecaf._utils.progress import progress_bar
from skdecaf.parts import PhotoParts
from skdecaf.plotting import (
    BlobDisplay,
    EmbeddingDisplay,
    FilterDisplay,
    LearningCurveByClassDisplay,
    OcclusionDisplay,
    PartsDisplay,
)
from skdecaf.plotting._tsne import _Iterations

pyplot = pytest.importorskip("matplotlib.pyplot")


DISPLAYS = [
    EmbeddingDisplay(np.arange(6.0).reshape(3, 2), y=[0, 1, 1]),
    LearningCurveByClassDisplay([1, 2], [[0.5, 0.6], [0.7, 0.8]]),
    FilterDisplay(np.ones((3, 2, 2, 3))),
    BlobDisplay(np.ones((3, 2, 2))),
    OcclusionDisplay(np.zeros((4, 6, 3), np.uint8), np.ones((2, 3)), size=0.5, label="cat"),
    PartsDisplay(PhotoParts(np.zeros((20, 30, 3), np.uint8), (2, 2, 20, 15), [(3, 3, 5, 5), [np.nan] * 4])),
]
each_display = pytest.mark.parametrize("display", DISPLAYS, ids=lambda display: type(display).__name__)


@each_display
def test_plot_draws_where_it_is_told_and_returns_the_display(display):
    figure, ax = pyplot.subplots()
    assert display.plot(ax) is display
    assert display.figure_ is figure and display.ax_ is ax
    assert display.plot().figure_ is not figure  # and a second time, elsewhere
    display.figure_.draw_without_rendering()


@each_display
def test_without_matplotlib_the_extra_is_named(display, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=rf'^{type(display).__name__} needs .* pip install "skdecaf\[plot\]"$'):
        display.plot()


def test_without_matplotlib_nothing_is_computed(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    X, y = blobs()
    embedder = FunctionTransformer(lambda features: pytest.fail("computed"))
    with pytest.raises(ImportError, match="^EmbeddingDisplay needs"):
        EmbeddingDisplay.from_features(X, y, embedder=embedder)
    with pytest.raises(ImportError, match="^LearningCurveByClassDisplay needs"):
        LearningCurveByClassDisplay.from_estimator(NeverFitted(), X, y, n_train=[1])


@each_display
def test_plot_leaves_the_settings_of_matplotlib_alone(display):
    import matplotlib

    before = dict(matplotlib.rcParams)
    display.plot()
    assert dict(matplotlib.rcParams) == before


@pytest.mark.slow
@pytest.mark.parametrize("random_state", [3, np.random.RandomState(3)])
def test_random_filters_before_fit_are_those_of_fit(random_state):
    transformer = DeCAFTransformer(weights="random", dropout=False, random_state=random_state)
    before = FilterDisplay.from_estimator(transformer).filters
    assert np.array_equal(FilterDisplay.from_estimator(transformer).filters, before)
    transformer.fit([np.zeros((4, 4, 3), np.uint8)])
    assert np.array_equal(FilterDisplay.from_estimator(transformer).filters, before)


def draw_embedding(verbose):
    return EmbeddingDisplay.from_features(*blobs(30), random_state=0, verbose=verbose).positions


def draw_embedding_of_photos(verbose):
    X, y = blobs(30)
    estimator = FunctionTransformer().fit(X)
    return EmbeddingDisplay.from_estimator(estimator, X, y, random_state=0, verbose=verbose).positions


def draw_curve(verbose):
    options = {"n_train": [2, 5], "n_splits": 3, "random_state": 0}
    return LearningCurveByClassDisplay.from_estimator(GaussianNB(), *blobs(30), **options, verbose=verbose).scores


def draw_occlusion(verbose):
    photo = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    classifier = ImageNetClassifier()
    return OcclusionDisplay.from_estimator(classifier, photo, size=0.5, verbose=verbose).drops


@pytest.mark.parametrize(
    ("draw", "shown"),
    [
        (draw_embedding, ("t-SNE", "1000/1000", "iterations/s")),
        (draw_embedding_of_photos, ("t-SNE", "1000/1000", "iterations/s")),
        (draw_curve, ("fitting", "6/6", "fits/s")),
        (draw_occlusion, ("16/16", "photos/s")),
    ],
    ids=["embedding of features", "embedding of photos", "curve", "occlusion"],
)
def test_a_progress_bar_is_shown_if_asked_for_and_changes_nothing(draw, shown, capsys):
    silent = draw(False)
    assert capsys.readouterr() == ("", "")
    np.testing.assert_array_equal(draw(True), silent)
    out, err = capsys.readouterr()
    assert out == "" and all(words in err for words in shown), err


def test_what_others_print_while_t_sne_runs_is_still_printed(capsys):
    with progress_bar(100) as bar, redirect_stdout(_Iterations(bar)) as printed:
        print("[t-SNE] Iteration 50: error = 0.5")
        print("[t-SNE] Computing 4 nearest neighbors...")
        print("a line")
        print()
    assert printed.done == 50
    out, err = capsys.readouterr()
    assert out == "a line\n\n" and "50/100" in err
