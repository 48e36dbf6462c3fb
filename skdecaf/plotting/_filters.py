"""The filters of a network's first convolution."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

from skdecaf._decaf import network_of
from skdecaf.plotting._drawing import axes_for, mosaic, require_matplotlib
from skdecaf.plotting._estimators import find_decaf
from skdecaf.weights import Convolution, resolve_network


class FilterDisplay:
    """The filters of the first convolution, as small colour pictures.

    They respond to the simplest parts of a photo: edges in all directions, and spots of colour.

    Parameters
    ----------
    filters : ndarray of shape (n_filters, height, width, 3), float
        Red, green, blue.

    Attributes
    ----------
    filters : ndarray of shape (n_filters, height, width, 3)
        The parameter.
    ax_ : matplotlib Axes
        The axes of the drawing.
    figure_ : matplotlib Figure
        The figure of `ax_`.
    image_ : matplotlib AxesImage
        The picture of all filters.

    See Also
    --------
    BlobDisplay : Activations of filters for a photo.

    Examples
    --------
    >>> from skdecaf.plotting import FilterDisplay
    >>> display = FilterDisplay.from_weights("mini")
    >>> display.filters.shape
    (96, 7, 7, 3)
    """

    def __init__(self, filters):
        self.filters = filters

    @classmethod
    def from_estimator(cls, estimator, *, ax=None, **imshow_kw):
        """Draw the filters of a transformer's network.

        Parameters
        ----------
        estimator : DeCAFTransformer, or Pipeline with one as a step
            Fitted or not.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a figure.
        **imshow_kw : dict
            For matplotlib's ``imshow``.

        Returns
        -------
        FilterDisplay

        Raises
        ------
        TypeError
            If there is no `DeCAFTransformer`.
        ValueError
            As for `from_weights`.
        OSError
            As for `from_weights`.
        ImportError
            If matplotlib is not installed.
        """
        require_matplotlib(cls)
        return cls.from_weights(network_of(find_decaf(estimator, cls)), ax=ax, **imshow_kw)

    @classmethod
    def from_weights(cls, weights="mini", *, ax=None, **imshow_kw):
        """Draw the filters of a network.

        Parameters
        ----------
        weights : str, path or Network, default="mini"
            As in `DeCAFTransformer`.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a figure.
        **imshow_kw : dict
            For matplotlib's ``imshow``.

        Returns
        -------
        FilterDisplay

        Raises
        ------
        FileNotFoundError
            If `weights` is neither a name nor a file.
        OSError
            Where published weights cannot be downloaded.
        ValueError
            If a file is not a network, or the network does not begin with a convolution.
        ImportError
            If matplotlib is not installed.
        """
        require_matplotlib(cls)
        network = resolve_network(weights)
        return cls(_upright_rgb_filters(network)).plot(ax, **imshow_kw)

    def plot(self, ax=None, **imshow_kw):
        """Draw the filters, each scaled by its largest absolute value; grey is zero.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a figure.
        **imshow_kw : dict
            For matplotlib's ``imshow``.

        Returns
        -------
        FilterDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = axes_for(self, ax, figsize=(5, 5.3))
        largest = np.abs(self.filters).max(axis=(1, 2, 3), keepdims=True)
        tiles = 0.5 + 0.5 * self.filters / np.where(largest > 0, largest, 1)
        picture, _ = mosaic(tiles, gap=1)
        self.image_ = ax.imshow(np.nan_to_num(picture, nan=1.0), **{"interpolation": "nearest", **imshow_kw})
        height, width = self.filters.shape[1:3]
        ax.set_title(f"{len(self.filters)} filters of {height} × {width} pixels")
        ax.set_axis_off()
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _upright_rgb_filters(network):
    """The first filters as RGB, oriented as an upright photo."""
    first = network.layers[0]
    if not isinstance(first, Convolution):
        raise ValueError(f"{network!r} does not begin with a convolution, so it has no filters to show")
    filters = network.arrays[f"{first.name}.weight"].transpose(0, 2, 3, 1)
    if network.preprocessing.channel_order == "BGR":
        filters = filters[..., ::-1]
    return filters[:, ::-1] if network.preprocessing.flip else filters
