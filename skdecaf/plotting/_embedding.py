"""Features of photos as points in a plane."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from skdecaf._inputs.kinds import find_rows
from skdecaf.images import decode
from skdecaf.plotting._drawing import (
    MARKERS,
    axes_for,
    distinct_colors,
    distinct_points,
    require_matplotlib,
    visible_pixels,
    with_defaults,
)
from skdecaf.plotting._estimators import drop_predictor
from skdecaf.plotting._tsne import embed

_MAX_DOMAINS = 8
_MAX_COLORS = 20  # that can be told apart without markers
_ROWS_OF_LEGEND = 34
_FADED, _HIGHLIGHT = "#d0d0d0", "#bd1f01"


class EmbeddingDisplay:
    """A map of photos, in which photos with similar features are close.

    Parameters
    ----------
    positions : ndarray of shape (n_photos, 2)
        The points.
    y : array-like of shape (n_photos,), default=None
        The classes, shown as colours.
    groups : dict, or array-like of shape (n_photos,), default=None
        Groups of classes (a dict) or of photos, shown as colours instead of the classes.
    domains : array-like of shape (n_photos,), default=None
        The domain of each photo, at most eight, shown as markers.
    photos : sequence of n_photos images, default=None
        For thumbnails; paths, arrays of pixels or PIL images.

    Attributes
    ----------
    positions : ndarray of shape (n_photos, 2)
        The parameter.
    y, groups, domains : ndarray of shape (n_photos,) or None
        The parameters; `groups` has one element per photo.
    photos : sequence or None
        The parameter, or X of `from_estimator`.
    ax_ : matplotlib Axes
        The axes of the map.
    figure_ : matplotlib Figure
        The figure of `ax_`.
    points_ : list of matplotlib PathCollection
        The points, one collection for each marker.
    thumbnails_ : dict of int to matplotlib AnnotationBbox
        The photos drawn as thumbnails, by index.

    Notes
    -----
    The paper's Figures 1, 2 and 5 (Donahue et al., ICML 2014) are such maps: t-SNE, after a random projection to 512
    dimensions if there are more (footnote 5). Figure 1 is coloured by groups of classes; Figure 5 has two domains and
    one highlighted class.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdecaf.plotting import EmbeddingDisplay
    >>> X, y = load_digits(n_class=4, return_X_y=True)
    >>> display = EmbeddingDisplay.from_features(X[:60], y[:60], random_state=0)
    >>> display.positions.shape
    (60, 2)
    """

    def __init__(self, positions, *, y=None, groups=None, domains=None, photos=None):
        check_consistent_length(positions, y, None if isinstance(groups, dict) else groups, domains, photos)
        self.positions = positions
        self.y = None if y is None else column_or_1d(y)
        self.groups = _groups_of_photos(groups, self.y)
        self.domains = None if domains is None else column_or_1d(domains)
        self.photos = photos

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        groups=None,
        domains=None,
        embedder=None,
        random_state=None,
        verbose=False,
        ax=None,
        **plot_kw,
    ):
        """Compute the features of photos and draw their map.

        Parameters
        ----------
        estimator : transformer or Pipeline
            `DeCAFTransformer`, or a pipeline that begins with one, of which a final classifier is ignored. If it is not
            fitted, a clone is fitted.
        X : photos
            Any X that the transformer takes.
        y : array-like of shape (n_photos,), default=None
            The classes, shown as colours.
        groups : dict, or array-like of shape (n_photos,), default=None
            Groups of classes (a dict) or of photos, shown as colours instead of the classes.
        domains : array-like of shape (n_photos,), default=None
            The domain of each photo, at most eight, shown as markers.
        embedder : transformer, default=None
            Its `fit_transform` reduces the features to two columns. None is a random projection to 512 columns if there
            are more, and `~sklearn.manifold.TSNE` with a perplexity of 30, or a third of the photos if there are few.
        random_state : int, RandomState instance or None, default=None
            Seeds the random projection and t-SNE.
        verbose : bool, default=False
            Whether to show a progress bar of the iterations of t-SNE. The transformer has a `verbose` of its own.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a figure.
        **plot_kw : dict
            For `plot`, such as ``thumbnails=True``.

        Returns
        -------
        EmbeddingDisplay

        Raises
        ------
        TypeError
            If nothing transforms photos.
        ValueError
            If a photo cannot be read; and as for `from_features`.
        ImportError
            If matplotlib is not installed.
        """
        # Errors come before the work.
        display = cls(X, y=y, groups=groups, domains=domains, photos=X)
        display._check_drawing(**plot_kw)
        transformer = drop_predictor(estimator, cls)
        display.positions = embed(_features(transformer, X, y), embedder, random_state, verbose)
        return display.plot(ax, **plot_kw)

    @classmethod
    def from_features(
        cls,
        features,
        y=None,
        *,
        groups=None,
        domains=None,
        photos=None,
        embedder=None,
        random_state=None,
        verbose=False,
        ax=None,
        **plot_kw,
    ):
        """Draw a map of photos from their features.

        Parameters
        ----------
        features : array-like of shape (n_photos, n_features)
            Finite numbers.
        y : array-like of shape (n_photos,), default=None
            The classes, shown as colours.
        groups : dict, or array-like of shape (n_photos,), default=None
            Groups of classes (a dict) or of photos, shown as colours instead of the classes.
        domains : array-like of shape (n_photos,), default=None
            The domain of each photo, at most eight, shown as markers.
        photos : sequence of n_photos images, default=None
            For thumbnails; paths, arrays of pixels or PIL images.
        embedder : transformer, default=None
            Its `fit_transform` reduces the features to two columns. None is a random projection to 512 columns if there
            are more, and `~sklearn.manifold.TSNE` with a perplexity of 30, or a third of the photos if there are few.
        random_state : int, RandomState instance or None, default=None
            Seeds the random projection and t-SNE.
        verbose : bool, default=False
            Whether to show a progress bar of the iterations of t-SNE.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a figure.
        **plot_kw : dict
            For `plot`, such as ``thumbnails=True``.

        Returns
        -------
        EmbeddingDisplay

        Raises
        ------
        ValueError
            If lengths differ, features are not finite or of fewer than two photos, a dict of groups lacks a class or
            comes without `y`; and as for `plot`.
        ImportError
            If matplotlib is not installed.
        """
        display = cls(features, y=y, groups=groups, domains=domains, photos=photos)
        display._check_drawing(**plot_kw)  # errors come before the work
        display.positions = embed(features, embedder, random_state, verbose)
        return display.plot(ax, **plot_kw)

    def plot(self, ax=None, *, thumbnails=False, thumbnail_size=28, highlight=None, legend=True, **scatter_kw):
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a figure.
        thumbnails : bool, default=False
            Whether to draw photos instead of points, framed in the colour of their class. Photos that would overlap an
            earlier one stay points and are not decoded.
        thumbnail_size : float, default=28
            The longer side of a thumbnail, in points (1/72 inch).
        highlight : object, default=None
            A class of `y` to draw in colour, on top of the others in grey.
        legend : bool, default=True
            Whether to draw a legend beside the map. From 21 to 120 classes have markers, too, so that you can tell them
            apart. The legend omits the classes if there are more, or if domains have the markers and there are more
            than 20.
        **scatter_kw : dict
            For matplotlib's ``scatter``.

        Returns
        -------
        EmbeddingDisplay

        Raises
        ------
        ValueError
            If the positions do not have two columns, `highlight` is not a class of `y`, photos for thumbnails are
            missing or cannot be read, or there are more than eight domains.
        ImportError
            If matplotlib is not installed.
        """
        self._check_drawing(thumbnails, highlight)
        if np.shape(self.positions)[1:] != (2,):
            raise ValueError(f"positions must have two columns; their shape is {np.shape(self.positions)}")
        names, palette, shapes, index = self._groups_as_drawn(highlight, own_marker="marker" in scatter_kw)
        in_legend = len(names) if len(names) <= _MAX_COLORS or len(set(shapes)) > 1 else 0
        ax = axes_for(self, ax, figsize=(7.2 + in_legend // _ROWS_OF_LEGEND, 5.2))
        colors = np.array(palette, dtype=object)[index]
        markers = self._markers_of_photos(shapes, index)
        everyone = np.ones(len(index), dtype=bool)
        layers = [everyone] if highlight is None else [index == 0, index == 1]
        self.points_ = [
            points for rows in layers for points in self._draw_points(ax, rows, colors, markers, scatter_kw)
        ]
        ax.set(xticks=[], yticks=[], xmargin=0.07, ymargin=0.07)
        if legend:
            self._write_legend(ax, names[:in_legend], palette, shapes)
        candidates = np.flatnonzero(layers[-1]) if thumbnails else []
        self.thumbnails_ = self._draw_thumbnails(ax, candidates, colors, thumbnail_size)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _check_drawing(self, thumbnails=False, highlight=None, **_):
        """Raise errors that do not depend on the positions."""
        require_matplotlib(type(self))
        if highlight is not None and (self.y is None or highlight not in self.y):
            raise ValueError(f"highlight={highlight!r} is not a class of y")
        if thumbnails and (self.photos is None or find_rows(self.photos)[0] == "table"):
            raise ValueError("thumbnails need photos; give from_features photos=, as paths or arrays of pixels")
        self._markers()

    def _groups_as_drawn(self, highlight, own_marker):
        """Names, colours and markers of the groups, and the index of each photo's group."""
        if highlight is not None:
            return ["others", str(highlight)], [_FADED, _HIGHLIGHT], MARKERS[0] * 2, (self.y == highlight).astype(int)
        groups = self.y if self.groups is None else self.groups
        if groups is None:
            return [], distinct_colors(1), MARKERS[0], np.zeros(len(self.positions), dtype=int)
        names, index = np.unique(groups, return_inverse=True)
        points = distinct_points(len(names))
        if len(names) <= _MAX_COLORS or points is None or self.domains is not None or own_marker:
            points = distinct_colors(len(names)), MARKERS[0] * len(names)
        return names.tolist(), *points, index

    def _markers(self):
        """Markers by domain."""
        names = [] if self.domains is None else np.unique(self.domains).tolist()
        if len(names) > _MAX_DOMAINS:
            raise ValueError(f"there are markers for {_MAX_DOMAINS} domains; domains has {len(names)}")
        return dict(zip(names, MARKERS, strict=False))

    def _markers_of_photos(self, shapes, index):
        """The marker of each photo's domain, or without domains of its group."""
        if self.domains is None:
            return np.array(list(shapes))[index]
        markers = self._markers()
        return np.array([markers[name] for name in self.domains.tolist()])

    def _draw_points(self, ax, rows, colors, markers, scatter_kw):
        """Draw the chosen rows, one collection for each marker."""
        from matplotlib.collections import PathCollection

        # The user's marker may consist of lines only, as "x".
        defaults = {"s": 18} if "marker" in scatter_kw else {"s": 18, "linewidth": 0}
        options = with_defaults(defaults, scatter_kw, PathCollection)
        colored = {"c", "color", "facecolor"} & set(options)  # set by the user; matplotlib accepts one of them
        for marker in sorted(set(markers.tolist()), key=MARKERS.index):
            part = rows & (markers == marker)
            by_group = {} if colored else {"c": list(colors[part])}
            yield ax.scatter(*np.asarray(self.positions)[part].T, **{"marker": marker, **by_group, **options})

    def _draw_thumbnails(self, ax, candidates, colors, size):
        """Draw the photos of candidates that do not overlap; return them by index."""
        if len(candidates) == 0:
            return {}
        from matplotlib.offsetbox import AnnotationBbox, OffsetImage

        ax.figure.canvas.figure.draw_without_rendering()  # computes the layout, and so the positions
        places = ax.transData.transform(self.positions) / ax.figure.dpi * 72
        _, photos = find_rows(self.photos)
        drawn = {}
        for i in _with_room(places, candidates, 1.15 * size):
            picture = OffsetImage(_thumbnail(photos[i], round(2 * size)), zoom=0.5)
            frame = {"edgecolor": colors[i], "linewidth": 1.5}
            drawn[int(i)] = AnnotationBbox(picture, self.positions[i], pad=0.05, bboxprops=frame)
            ax.add_artist(drawn[int(i)])
        return drawn

    def _write_legend(self, ax, names, palette, shapes):
        from matplotlib.lines import Line2D

        dots = [
            Line2D([], [], color=color, marker=marker, linestyle="", label=name)
            for name, color, marker in zip(names, palette, shapes, strict=False)  # all names, or none
        ]
        outlines = [
            Line2D([], [], color="black", fillstyle="none", marker=marker, linestyle="", label=name)
            for name, marker in self._markers().items()
        ]
        handles = [*dots, *outlines]
        size = {"fontsize": "small", "labelspacing": 0.2} if len(handles) > 10 else {}
        if len(handles) > _ROWS_OF_LEGEND:
            columns = -(-len(handles) // _ROWS_OF_LEGEND)
            size = {"fontsize": "x-small", "labelspacing": 0.1, "ncols": columns, "columnspacing": 0.5}
        if handles:
            ax.legend(handles=handles, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, **size)


def _groups_of_photos(groups, y):
    """The group of each photo, which a dict of groups gives by its class."""
    if not isinstance(groups, dict):
        return None if groups is None else column_or_1d(groups)
    if y is None:
        raise ValueError("groups is a dict of classes, so y must be given")
    missing = [label for label in np.unique(y).tolist() if label not in groups]
    if missing:
        raise ValueError(f"groups has no group for the class {missing[0]!r}")
    return np.array([groups[label] for label in y.tolist()])


def _features(transformer, X, y):
    try:
        check_is_fitted(transformer)
    except NotFittedError:
        return clone(transformer).fit_transform(X, y)
    return transformer.transform(X)


def _with_room(places, candidates, distance):
    """Candidates, in order, with this distance from each other horizontally or vertically."""
    chosen = []
    for i in candidates:
        if not chosen or np.abs(places[chosen] - places[i]).max(axis=1).min() >= distance:
            chosen.append(i)
    return chosen


def _thumbnail(photo, side):
    """RGB pixels of a photo, reduced until its longer side fits."""
    image = Image.fromarray(visible_pixels(decode(photo)))
    scale = side / max(image.size)
    size = [max(1, round(scale * length)) for length in image.size]
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC))
