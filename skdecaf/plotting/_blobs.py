"""The activation maps of a photo."""

# SPDX-License-Identifier: BSD-3-Clause
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_scalar

from skdecaf._decaf import network_of
from skdecaf.images import decode
from skdecaf.images._preparing import central_crop
from skdecaf.plotting._drawing import axes_for, mosaic, require_matplotlib, visible_pixels
from skdecaf.plotting._estimators import find_decaf
from skdecaf.weights._blob_names import resolve_blobs

_BRIGHT_PERCENTILE = 99


class BlobDisplay:
    """The maps of a blob: where in a photo, and how strongly, each filter of a layer is activated.

    Parameters
    ----------
    maps : ndarray of shape (n_channels, height, width)
        Activations of one photo. `from_estimator` turns the maps of networks with ``preprocessing.flip`` upright, like
        the filters of `FilterDisplay`.
    blob : str, default=None
        The blob's name, for the title.
    photo : ndarray of shape (height, width, 3), uint8, default=None
        What the network read, to be drawn beside the maps.

    Attributes
    ----------
    maps, blob, photo
        The parameters.
    channels_ : ndarray of shape (n_maps,)
        The channels that were drawn, those with the largest root mean square activation first.
    ax_ : matplotlib Axes
        The axes of the maps.
    photo_ax_ : matplotlib Axes or None
        The axes of the photo, in a figure that `plot` created.
    figure_ : matplotlib Figure
        The figure of `ax_`.
    image_ : matplotlib AxesImage
        The picture of all maps.

    See Also
    --------
    FilterDisplay : The filters of the first layer.

    Examples
    --------
    >>> from sklearn.datasets import load_sample_images
    >>> from skdecaf import DeCAFTransformer
    >>> from skdecaf.plotting import BlobDisplay
    >>> photo = load_sample_images().images[0]
    >>> display = BlobDisplay.from_estimator(DeCAFTransformer(), photo, blob="conv3", n_maps=9)
    >>> display.maps.shape, display.channels_.shape
    ((384, 7, 7), (9,))
    """

    def __init__(self, maps, *, blob=None, photo=None):
        self.maps = maps
        self.blob = blob
        self.photo = photo

    @classmethod
    def from_estimator(cls, estimator, photo, *, blob="conv5", n_maps=16, ax=None, **imshow_kw):
        """Draw the maps that a transformer's network makes of a photo.

        Parameters
        ----------
        estimator : DeCAFTransformer, or Pipeline with one as a step
            Fitted or not. Its network and its parameters for reading photos are used; `layer`, `dropout`, `crops` and
            other steps of a pipeline are not.
        photo : path, PIL image, array, or any other image that `DeCAFTransformer.fit` takes
        blob : str, default="conv5"
            A blob with maps, such as ``"conv1"`` or ``"pool2"``, see `Network.blob_shapes`.
        n_maps : int, default=16
            Number of maps to draw, the strongest first.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a figure.
        **imshow_kw : dict
            For matplotlib's ``imshow``.

        Returns
        -------
        BlobDisplay

        Raises
        ------
        TypeError
            If there is no `DeCAFTransformer`.
        ValueError
            If the network has no such blob, the blob has no maps (as fc6), or the photo cannot be read; and as for
            `plot`.
        OSError
            If the weights are in no file, or cannot be downloaded.
        ImportError
            If matplotlib is not installed.
        """
        require_matplotlib(cls)
        transformer = find_decaf(estimator, cls)
        network = network_of(transformer)
        maps = _maps(transformer, network, photo, blob)
        return cls(maps, blob=blob, photo=as_read(transformer, network, photo)).plot(ax, n_maps=n_maps, **imshow_kw)

    def plot(self, ax=None, *, n_maps=16, **imshow_kw):
        """Draw the strongest maps, each with the number of its channel, with one colour scale.

        The largest 1 % of the values have the brightest colour, unless you set ``vmax`` or ``norm``. A new
        figure shows the photo on the left, cropped and warped as the network reads it.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a figure.
        n_maps : int, default=16
            Number of maps to draw, the strongest first.
        **imshow_kw : dict
            For matplotlib's ``imshow``.

        Returns
        -------
        BlobDisplay

        Raises
        ------
        TypeError
            If `n_maps` is not a whole number.
        ValueError
            If it is less than 1.
        ImportError
            If matplotlib is not installed.
        """
        check_scalar(n_maps, "n_maps", Integral, min_val=1)
        with_photo = ax is None and self.photo is not None
        ax = axes_for(self, ax, figsize=(9, 5.2) if with_photo else (5.8, 5.2))
        self.photo_ax_ = _draw_on_the_left(ax, self.photo) if with_photo else None
        strength = np.sqrt(np.square(self.maps, dtype=np.float64).mean(axis=(1, 2)))
        self.channels_ = np.argsort(-strength, kind="stable")[:n_maps]
        gap = max(1, self.maps.shape[2] // 12)
        picture, corners = mosaic(self.maps[self.channels_], gap)
        options = {"interpolation": "nearest", **imshow_kw}
        if options.get("norm") is None:  # a norm has its own limits
            # A few values are far larger than the others, which would look dark.
            options.setdefault("vmax", np.nanpercentile(picture, _BRIGHT_PERCENTILE))
        self.image_ = ax.imshow(picture, **options)
        for channel, (top, left) in zip(self.channels_, corners, strict=True):
            _write_into_corner(ax, str(channel), left - 0.5, top - 0.5)
        bar = ax.figure.colorbar(self.image_, ax=ax, shrink=0.8, extend="max", label="activation")
        bar.outline.set_visible(False)
        height, width = self.maps.shape[1:]
        of_blob = f" of {self.blob}" if self.blob else ""
        ax.set_title(f"{len(self.channels_)} strongest maps{of_blob}, {height} × {width}")
        ax.set_axis_off()
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _maps(transformer, network, photo, blob):
    """Compute a blob of one photo, of shape (channels, height, width), oriented as an upright photo."""
    (blob,) = resolve_blobs(blob, network)
    shape = network.blob_shapes[blob]
    if len(shape) != 3:
        with_maps = [name for name, other in network.blob_shapes.items() if len(other) == 3]
        raise ValueError(f"{blob!r} has no maps; blobs with maps are {', '.join(with_maps)}")
    # The network already has the precision asked for. A photo that cannot be read is an error.
    changes = {"weights": network, "precision": "float32", "memory": None, "on_error": "raise"}
    reader = clone(transformer).set_params(layer=blob, dropout=False, crops="center", **changes)
    if transformer.__sklearn_is_fitted__():
        reader.set_params(value_range=transformer.value_range_)
    maps = reader.fit_transform([photo])[0].reshape(shape)
    return maps[:, ::-1] if network.preprocessing.flip else maps


def as_read(transformer, network, photo):
    """The photo's central crop that the network reads, in colour and upright."""
    return central_crop(visible_pixels(decode(photo)), network.preprocessing, transformer.resize)


def _draw_on_the_left(ax, photo):
    """Move axes to the right of their figure; draw a photo in new ones."""
    grid = ax.figure.add_gridspec(1, 2, width_ratios=(2, 3))
    ax.set_subplotspec(grid[1])
    left = ax.figure.add_subplot(grid[0])
    left.imshow(photo)
    left.set_axis_off()
    return left


def _write_into_corner(ax, text, left, top):
    """Write in white with a dark outline, readable on all colours."""
    from matplotlib.patheffects import withStroke

    rim = [withStroke(linewidth=2, foreground="black")]
    options = {"textcoords": "offset points", "va": "top", "fontsize": 7, "color": "white", "path_effects": rim}
    ax.annotate(text, (left, top), (2, -1.5), **options)
