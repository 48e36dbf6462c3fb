"""Accuracy by the number of training photos per class."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from sklearn.model_selection import cross_val_score
from sklearn.utils import check_random_state

from skdecaf._utils.progress import progress_bar
from skdecaf._utils.random import draw_seed
from skdecaf.model_selection import PerClassShuffleSplit, mean_per_class_accuracy
from skdecaf.plotting._drawing import axes_for, require_matplotlib, with_defaults

_MAX_ROWS = 5  # of labels below the axis
_MAX_ROWS_OF_FULL_SIZE = 2
_SMALL = 7  # points


class LearningCurveByClassDisplay:
    """A classifier's accuracy against the number of training photos per class.

    Pass ``ax=curve.ax_`` to draw several curves in one figure.

    Parameters
    ----------
    n_train : array-like of shape (n_sizes,), int
        Number of training photos per class.
    scores : array-like of shape (n_sizes, n_splits), float
        The score of each split; 1 is perfect.
    name : str, default=None
        Label of the curve in the legend.
    score_name : str, default="mean per-class accuracy"
        Name of the score, for the axis.

    Attributes
    ----------
    n_train, scores, name, score_name
        The parameter.
    ax_ : matplotlib Axes
        The axes of the curve.
    figure_ : matplotlib Figure
        The figure of `ax_`.
    line_ : matplotlib Line2D
        Means over the splits, in per cent.
    band_ : matplotlib PolyCollection
        One standard deviation over the splits on both sides.

    See Also
    --------
    skdecaf.model_selection.PerClassShuffleSplit : The splits.

    Notes
    -----
    Figure 4, right, of the paper (Donahue et al., ICML 2014) shows such curves for 1 to 30 photos per class of
    Caltech-101.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdecaf.plotting import LearningCurveByClassDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> display = LearningCurveByClassDisplay.from_estimator(
    ...     GaussianNB(), X, y, n_train=(2, 20), n_splits=3, random_state=0
    ... )
    >>> display.scores.shape
    (2, 3)
    >>> few, many = display.scores.mean(axis=1)
    >>> bool(few < many)
    True
    """

    def __init__(self, n_train, scores, *, name=None, score_name="mean per-class accuracy"):
        self.n_train = n_train
        self.scores = scores
        self.name = name
        self.score_name = score_name

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        n_train=(1, 2, 5, 10, 20),
        n_test=None,
        n_splits=5,
        scoring=None,
        n_jobs=None,
        random_state=None,
        name=None,
        verbose=False,
        ax=None,
        **line_kw,
    ):
        """Fit and score a classifier on random splits of each size, and draw its curve.

        Parameters
        ----------
        estimator : classifier
            Cloned and fitted ``len(n_train) * n_splits`` times. If it reads photos, it runs the network each time,
            unless it has a cache (``DeCAFTransformer(memory=...)``).
        X : photos or array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            The classes.
        n_train : sequence of int, default=(1, 2, 5, 10, 20)
            Numbers of training photos per class.
        n_test : int, default=None
            Number of test photos per class; None uses all that are not for training.
        n_splits : int, default=5
            Number of random splits of each size.
        scoring : str or callable, default=None
            As in `~sklearn.model_selection.cross_val_score`. None is the mean over classes of the accuracy in each
            class, as in the paper.
        n_jobs : int, default=None
            Number of processes or threads that fit at once, as in `~sklearn.model_selection.cross_val_score`.
        random_state : int, RandomState instance or None, default=None
            Seeds the splits.
        name : str, default=None
            Label of the curve in the legend; None is the name of the estimator's class.
        verbose : bool, default=False
            Whether to show a progress bar of the fits, which advances after each size.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a figure.
        **line_kw : dict
            For matplotlib's ``plot``.

        Returns
        -------
        LearningCurveByClassDisplay

        Raises
        ------
        TypeError
            If the estimator has no `predict`, unless `scoring` is a function.
        ValueError
            If a class has too few photos for a size, a number is less than 1, lengths differ, or scikit-learn has no
            such score. Errors of the estimator are passed on.
        ImportError
            If matplotlib is not installed.
        """
        require_matplotlib(cls)
        if not callable(scoring) and not hasattr(estimator, "predict"):
            raise TypeError(
                f"{cls.__name__}.from_estimator needs a classifier; got {type(estimator).__name__}, "
                "which has no predict"
            )
        generator = check_random_state(random_state)
        scorer = mean_per_class_accuracy if scoring is None else scoring
        splits = []
        for n in n_train:  # first all splits: a class that is too small for one is an error before any fit
            splitter = PerClassShuffleSplit(n, n_test, n_splits, random_state=draw_seed(generator))
            splits.append(list(splitter.split(X, y)))
        options = {"scoring": scorer, "n_jobs": n_jobs, "error_score": "raise"}  # no mean without some split
        scores = []
        with progress_bar(len(splits) * n_splits, verbose, unit="fits", name="fitting") as bar:
            for cv in splits:
                scores.append(cross_val_score(estimator, X, y, cv=cv, **options))
                bar.update(n_splits)
        display = cls(np.asarray(n_train), np.array(scores), name=name or type(estimator).__name__)
        if scoring is not None:
            display.score_name = scoring if isinstance(scoring, str) else "score"
        return display.plot(ax, **line_kw)

    def plot(self, ax=None, *, name=None, **line_kw):
        """Draw the means over the splits, in per cent, with a band of one standard deviation.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw, for instance the `ax_` of another curve; None creates a figure.
        name : str, default=None
            Label of the curve in the legend, instead of the display's name.
        **line_kw : dict
            For matplotlib's ``plot``.

        Returns
        -------
        LearningCurveByClassDisplay

        Raises
        ------
        ValueError
            If `scores` does not have one row for each element of `n_train`.
        ImportError
            If matplotlib is not installed.
        """
        ax = axes_for(self, ax, figsize=(6, 4))
        percent = 100 * np.asarray(self.scores, dtype=float)
        mean, deviation = percent.mean(axis=1), percent.std(axis=1)
        from matplotlib.lines import Line2D

        defaults = {"marker": "o", "markersize": 5, "label": name or self.name}
        (self.line_,) = ax.plot(self.n_train, mean, **with_defaults(defaults, line_kw, Line2D))
        band = {"color": self.line_.get_color(), "alpha": 0.2, "linewidth": 0}
        self.band_ = ax.fill_between(self.n_train, mean - deviation, mean + deviation, **band)
        self._label(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _label(self, ax):
        """Label the axes, with ticks at the numbers of photos of all curves in them."""
        from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

        earlier = ax.xaxis.get_major_locator()
        others = earlier.locs if isinstance(earlier, FixedLocator) else []
        ax.set(xscale="log", xlabel="training photos of each class", ylabel=f"{self.score_name} (%)")
        numbers = sorted({*others, *self.n_train})
        ax.xaxis.set_major_locator(FixedLocator(numbers))
        ax.xaxis.set_major_formatter(FixedFormatter(_staggered_labels(ax, numbers)))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.grid(alpha=0.3)
        if ax.get_legend_handles_labels()[1]:
            ax.legend(frameon=False)


def _staggered_labels(ax, numbers):
    """Labels of numbers on a logarithmic axis, in as many rows as it takes that they do not overlap.

    Labels are small if there are many. A number without room in the last row has a tick without a label.
    """
    size = ax.xaxis.label.get_size()
    rows = _rows_of_labels(ax, numbers, size)
    if max(rows) >= _MAX_ROWS_OF_FULL_SIZE:
        ax.tick_params("x", labelsize=_SMALL)
        rows = _rows_of_labels(ax, numbers, _SMALL)
    return ["\n" * row + f"{number:g}" if row < _MAX_ROWS else "" for number, row in zip(numbers, rows, strict=True)]


def _rows_of_labels(ax, numbers, size):
    """The first row in which each label, of digits of this size in points, does not overlap the one on its left."""
    low, high = np.log(ax.get_xlim())
    scale = 72 * ax.figure.get_figwidth() * ax.get_position().width / (high - low)
    ends, rows = [-np.inf] * _MAX_ROWS, []
    for number in numbers:
        middle, half = scale * (np.log(number) - low), size * (0.15 + 0.32 * len(f"{number:g}"))
        row = next((row for row, end in enumerate(ends) if end <= middle - half), _MAX_ROWS)
        if row < _MAX_ROWS:
            ends[row] = middle + half
        rows.append(row)
    return rows
