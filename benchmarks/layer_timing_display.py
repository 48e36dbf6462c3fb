"""The time that each layer of a network takes."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from sklearn.utils import check_consistent_length

from skdecaf.plotting._drawing import distinct_colors, require_matplotlib


class LayerTimingDisplay:
    """The time that each layer takes: bars for the layers, and a pie for their kinds.

    Parameters
    ----------
    names : sequence of str
        Of the layers, in the order of the network.
    kinds : sequence of str
        What each layer is, such as ``"convolution"``; layers of one kind have one colour.
    seconds : array-like of shape (n_layers,)
        The time that each takes.
    title : str, default=None
        For instance the network and how many photos were computed at a time.

    Attributes
    ----------
    names, kinds, seconds, title
        As given.
    axes_ : ndarray of two matplotlib Axes
        Bars and pie.
    figure_ : matplotlib Figure
        The figure of `axes_`.
    bars_ : matplotlib BarContainer
        One bar for each layer.
    wedges_ : list of matplotlib Wedge
        One for each kind, the largest first.

    Notes
    -----
    The bars are Figure 3 (a) of the paper (Donahue et al., ICML 2014), the pie is its Figure 3 (b).
    """

    def __init__(self, names, kinds, seconds, *, title=None):
        self.names = names
        self.kinds = kinds
        self.seconds = seconds
        self.title = title

    @classmethod
    def from_timings(cls, timings, *, title=None, ax=None, **bar_kw):
        """Draw what was measured.

        Parameters
        ----------
        timings : list of dict
            Each with "name", "kind" and "seconds", in the order of the network: the "records" of `layers.time_layers`.
        title : str, default=None
            For instance the network and how many photos were computed at a time.
        ax : sequence of two matplotlib Axes, default=None
            Where to draw bars and pie; None makes a figure.
        **bar_kw : dict
            For matplotlib's ``barh``.

        Returns
        -------
        LayerTimingDisplay

        Raises
        ------
        KeyError
            Where a record lacks one of the three.
        ValueError
            As for `plot`.
        ImportError
            Where matplotlib is not installed.
        """
        names, kinds, seconds = ([one[key] for one in timings] for key in ("name", "kind", "seconds"))
        return cls(names, kinds, seconds, title=title).plot(ax, **bar_kw)

    def plot(self, ax=None, **bar_kw):
        """Draw the bars, in milliseconds, and the pie.

        Parameters
        ----------
        ax : sequence of two matplotlib Axes, default=None
            Where to draw bars and pie; None makes a figure.
        **bar_kw : dict
            For matplotlib's ``barh``.

        Returns
        -------
        LayerTimingDisplay

        Raises
        ------
        ValueError
            If `names`, `kinds` and `seconds` differ in length, no layer takes any time, or `ax` does not hold two axes.
        ImportError
            Where matplotlib is not installed.
        """
        check_consistent_length(self.names, self.kinds, self.seconds)
        height = 1.2 + 0.25 * len(self.names)
        pyplot = require_matplotlib(type(self))
        if ax is None:
            ax = pyplot.subplots(ncols=2, figsize=(9, max(3.2, height)), layout="constrained")[1]
        self.axes_ = np.ravel(ax)
        if len(self.axes_) != 2:
            raise ValueError(f"LayerTimingDisplay draws into 2 axes; ax has {len(self.axes_)}")
        self.figure_ = self.axes_[0].figure
        totals = self._seconds_of_kinds()
        colors = dict(zip(totals, distinct_colors(len(totals)), strict=True))
        self._draw_bars(self.axes_[0], colors, bar_kw)
        self._draw_pie(self.axes_[1], totals, colors)
        if self.title:
            self.axes_[0].set_title(self.title)
        return self

    def _seconds_of_kinds(self):
        """Kind -> seconds of all its layers, the slowest kind first."""
        totals = dict.fromkeys(self.kinds, 0.0)
        for kind, seconds in zip(self.kinds, self.seconds, strict=True):
            totals[kind] += seconds
        return dict(sorted(totals.items(), key=lambda item: -item[1]))

    def _draw_bars(self, ax, colors, bar_kw):
        milliseconds = 1000 * np.asarray(self.seconds, dtype=float)
        places = np.arange(len(milliseconds))
        options = {"color": [colors[kind] for kind in self.kinds], **bar_kw}
        self.bars_ = ax.barh(places, milliseconds, **options)
        ax.bar_label(self.bars_, fmt="%.2f", padding=3, fontsize=8)
        ax.set_yticks(places, self.names)
        ax.invert_yaxis()
        ax.set(xlabel="time (ms)")
        ax.margins(x=0.12, y=0.02)
        ax.spines[["top", "right"]].set_visible(False)

    def _draw_pie(self, ax, totals, colors):
        whole = sum(totals.values())
        clockwise = {"startangle": 90, "counterclock": False, "wedgeprops": {"edgecolor": "white", "linewidth": 1}}
        self.wedges_, _ = ax.pie(list(totals.values()), colors=list(colors.values()), **clockwise)
        shares = [f"{kind}, {100 * seconds / whole:.1f} %" for kind, seconds in totals.items()]
        ax.legend(self.wedges_, shares, loc="upper center", bbox_to_anchor=(0.5, 0.02), frameon=False)
        ax.set_title(f"{1000 * whole:.3g} ms in all")
