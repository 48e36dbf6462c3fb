"""All displays: they draw where they are told, and leave matplotlib as it is."""

# SPDX-License-Identifier: BSD-3-Clause
import sys

import numpy as np
import pytest
from displays import NeverFitted, blobs
from sklearn.preprocessing import FunctionTransformer

from skdecaf import DeCAFTransformer
from skdecaf.parts import PhotoParts
from skdecaf.plotting import (
    BlobDisplay,
    EmbeddingDisplay,
    FilterDisplay,
    LearningCurveByClassDisplay,
    OcclusionDisplay,
    PartsDisplay,
)

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
