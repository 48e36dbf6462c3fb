"""The picture of the times of layers."""

# SPDX-License-Identifier: BSD-3-Clause
import sys

import numpy as np
import pytest
from layer_timing_display import LayerTimingDisplay

pyplot = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


TIMINGS = [
    {"name": "conv1", "kind": "convolution", "seconds": 0.004, "share": 0.4},
    {"name": "pool1", "kind": "pooling", "seconds": 0.001, "share": 0.1},
    {"name": "conv2", "kind": "convolution", "seconds": 0.005, "share": 0.5},
]


def test_bars_are_milliseconds_and_wedges_shares_of_kinds():
    display = LayerTimingDisplay.from_timings(TIMINGS, title="one photo")
    np.testing.assert_allclose([bar.get_width() for bar in display.bars_], [4, 1, 5])
    bars, pie = display.axes_
    assert [label.get_text() for label in bars.get_yticklabels()] == ["conv1", "pool1", "conv2"]
    assert bars.get_title() == "one photo" and bars.get_xlabel() == "time (ms)"
    np.testing.assert_allclose([w.theta2 - w.theta1 for w in display.wedges_], [324, 36], rtol=1e-5)
    assert [text.get_text() for text in pie.get_legend().get_texts()] == ["convolution, 90.0 %", "pooling, 10.0 %"]
    colors = [bar.get_facecolor() for bar in display.bars_]
    assert colors[0] == colors[2] == display.wedges_[0].get_facecolor() != colors[1]


def test_a_timing_needs_two_axes():
    figure, axes = pyplot.subplots(1, 2)
    assert LayerTimingDisplay.from_timings(TIMINGS, ax=axes).figure_ is figure
    with pytest.raises(ValueError, match="LayerTimingDisplay draws into 2 axes; ax has 1"):
        LayerTimingDisplay.from_timings(TIMINGS, ax=axes[0])


@pytest.mark.parametrize(("kinds", "seconds"), [(["x", "y"], [1.0]), (["x"], [1.0, 2.0])])
def test_each_layer_has_a_kind_and_a_time(kinds, seconds):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LayerTimingDisplay(["a", "b"], kinds, seconds).plot()
    with pytest.raises(KeyError, match="kind"):
        LayerTimingDisplay.from_timings([{"name": "conv1", "seconds": 0.004}])


def test_the_times_are_drawn_where_it_is_told():
    display = LayerTimingDisplay(["a", "b"], ["x", "y"], [1, 2])
    figure, axes = pyplot.subplots(1, 2)
    assert display.plot(axes) is display
    assert display.figure_ is figure and np.all(display.axes_ == axes)
    assert display.plot().figure_ is not figure  # and a second time, elsewhere
    display.figure_.draw_without_rendering()


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'^LayerTimingDisplay needs .* pip install "skdecaf\[plot\]"$'):
        LayerTimingDisplay(["a", "b"], ["x", "y"], [1, 2]).plot()
