"""How the accuracy grows with the number of training photos of each class."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from sklearn.model_selection import cross_val_score
from sklearn.utils import check_random_state

from skdecaf.model_selection import PerClassShuffleSplit, mean_per_class_accuracy
from skdecaf.plotting.drawing import axes_for, require_matplotlib, with_defaults


class LearningCurveByClassDisplay:
    """A classifier's accuracy against the number of training photos of each class.

    Several curves come into one picture where `plot` is given the axes of the first.

    Parameters
    ----------
    n_train : array-like of shape (n_sizes,), int
        How many training photos each class has.
    scores : array-like of shape (n_sizes, n_splits), float
        The score of each split, 1 where all is right.
    name : str, default=None
        What the legend calls the curve.
    score_name : str, default="mean per-class accuracy"
        What the score is, for the label of the axis.

    Attributes
    ----------
    n_train, scores, name, score_name
        As given.
    ax_ : matplotlib Axes
        Where the curve was drawn.
    figure_ : matplotlib Figure
        The figure of `ax_`.
    line_ : matplotlib Line2D
        The means over the splits, in per cent.
    band_ : matplotlib PolyCollection
        One standard deviation over the splits to either side.

    See Also
    --------
    skdecaf.model_selection.PerClassShuffleSplit : The splits.

    Notes
    -----
    Figure 4, right, of the paper (Donahue et al., ICML 2014) is such a picture, for 1 to 30 photos of each class of
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
        ax=None,
        **line_kw,
    ):
        """Fit and score a classifier on random splits of each size, and draw the curve.

        Parameters
        ----------
        estimator : classifier
            Cloned and fitted ``len(n_train) * n_splits`` times. One that reads photos runs the network as often,
            unless it has a cache (``DeCAFTransformer(memory=...)``) or is given features.
        X : photos or array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            The classes.
        n_train : sequence of int, default=(1, 2, 5, 10, 20)
            How many training photos of each class.
        n_test : int, default=None
            How many test photos of each class; None takes all that are not for training.
        n_splits : int, default=5
            Random splits of each size.
        scoring : str or callable, default=None
            As in `~sklearn.model_selection.cross_val_score`, a score that is 1 where all is right. None is the mean
            over classes of the accuracy in each class, as in the paper.
        n_jobs : int, default=None
            Processes or threads that fit at once, as in `~sklearn.model_selection.cross_val_score`.
        random_state : int, RandomState instance or None, default=None
            Seeds the splits.
        name : str, default=None
            What the legend calls the curve; None is the name of the estimator's class.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **line_kw : dict
            For matplotlib's ``plot``.

        Returns
        -------
        LearningCurveByClassDisplay

        Raises
        ------
        TypeError
            Where the estimator has no `predict`, unless `scoring` is a function.
        ValueError
            Where a class has too few photos for a size, a number is less than 1, lengths differ, or scikit-learn has no
            such score. Errors of the estimator pass as they are.
        ImportError
            Where matplotlib is not installed.
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
        for n in n_train:  # of all sizes before any is scored: a class that is too small for one is found at once
            splitter = PerClassShuffleSplit(n, n_test, n_splits, random_state=generator.randint(2**31 - 1))
            splits.append(list(splitter.split(X, y)))
        options = {"scoring": scorer, "n_jobs": n_jobs, "error_score": "raise"}  # a mean without a split is none
        scores = [cross_val_score(estimator, X, y, cv=cv, **options) for cv in splits]
        display = cls(np.asarray(n_train), np.array(scores), name=name or type(estimator).__name__)
        if scoring is not None:
            display.score_name = scoring if isinstance(scoring, str) else "score"
        return display.plot(ax, **line_kw)

    def plot(self, ax=None, *, name=None, **line_kw):
        """Draw the curve: means over the splits, in per cent, and a band of one standard deviation.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw, for instance the `ax_` of another curve; None makes a figure.
        name : str, default=None
            What the legend calls the curve, in place of the display's own name.
        **line_kw : dict
            For matplotlib's ``plot``.

        Returns
        -------
        LearningCurveByClassDisplay

        Raises
        ------
        ValueError
            Where `scores` has not one row for each of `n_train`.
        ImportError
            Where matplotlib is not installed.
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
        """Say what the axes are, at numbers of photos that people count in."""
        from matplotlib.ticker import LogLocator, NullLocator

        ax.set(xscale="log", xlabel="training photos of each class", ylabel=f"{self.score_name} (%)")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_locator(NullLocator())
        ax.grid(alpha=0.3)
        if ax.get_legend_handles_labels()[1]:
            ax.legend(frameon=False)
