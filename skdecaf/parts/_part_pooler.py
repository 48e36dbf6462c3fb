"""Features of parts, pooled into a descriptor that does not depend on the pose."""

# SPDX-License-Identifier: BSD-3-Clause
from collections.abc import Mapping
from numbers import Real

import numpy as np
from sklearn.base import TransformerMixin, _fit_context, clone
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_is_fitted

from skdecaf._decaf import DeCAFTransformer
from skdecaf._inputs.sources import Images
from skdecaf._utils.documented import DocumentedEstimator
from skdecaf.images import Crop
from skdecaf.parts._boxes import check_groups
from skdecaf.parts._photo_parts import check_rows, row_name


class PartPooler(TransformerMixin, DocumentedEstimator):
    """Features of the box and the parts of a thing, pooled over parts: the deformable part descriptor [1]_.

    Crops of the box and of the parts pass through `transformer`. The features of the parts are then pooled into
    semantic regions such as head and body, each a weighted sum over the parts. So a region has one place in the
    descriptor, though another part may cover it in another pose. The descriptor is the features of the box, followed by
    those of the regions. With DeCAF6 it is the second row of Table 2 of the DeCAF paper (Section 4.3) [2]_.

    Parameters
    ----------
    transformer : transformer of photos, default=None
        Computes the features of crops; it is cloned. None means `skdecaf.DeCAFTransformer` with its defaults.
    regions : dict of str to sequence of int, default=None
        The numbers of the key points of each region, such as `BIRD_PARTS`. `fit` then learns the weights of the parts
        from the key points of the training photos. None makes each part a region of its own, and needs no key points.
    box_scale : float, default=1.5
        Width and height of the crop of the box relative to the box.
    part_scale : float, default=1.0
        Width and height of the crops of parts relative to their boxes.
    min_score : float, default=None
        Parts with a lower score count as missing. None keeps all.
    signed_sqrt : bool, default=True
        Whether to take the square root of the absolute value of each feature and keep its sign, which reduces the
        weight of single strong features in linear classifiers.

    Attributes
    ----------
    transformer_ : transformer
        Fitted on the crops of the training photos.
    weights_ : ndarray of shape (n_regions, n_parts, n_components), float64
        Weight of each part in each region, for each component.
    regions_ : list of str
        Names of the regions.

    Raises
    ------
    ValueError
        If a box lies left of its photo or above it, the number of parts differs from that in `fit`, or a component was
        not in `fit`; the message names the row. Also if `regions` is given, but no photo has key points.

    See Also
    --------
    PartDetector : Finds parts in photos.
    key_point_boxes : Makes boxes of parts from key points.

    Notes
    -----
    The weight of part p in region r and component c is the number of visible key points of r inside the box of p, over
    the training photos of c, divided by its sum over all parts. If no photo of c has a key point of r in any part, the
    photos of all components count. If none of them has one, all weights are 0.

    The features of a missing part are zeros. So are those of a part that lies left of the photo or above it; one that
    lies beyond its right or lower edge is a bad image for `transformer`.

    All crops of X pass through `transformer` in one call, which takes the memory of ``1 + n_parts`` rows of features
    per photo.

    References
    ----------
    .. [1] Zhang, Farrell, Iandola and Darrell, "Deformable Part Descriptors for Fine-grained Recognition and Attribute
       Prediction", ICCV 2013.
    .. [2] Donahue et al., "DeCAF: A Deep Convolutional Activation Feature for Generic Visual Recognition", ICML 2014.

    Examples
    --------
    >>> from sklearn.datasets import load_sample_images
    >>> from skdecaf import DeCAFTransformer
    >>> from skdecaf.parts import PartPooler, photo_parts
    >>> photos = load_sample_images().images
    >>> parts = [[(100, 100, 50, 40), (200, 150, 80, 90)]] * 2
    >>> rows = photo_parts(photos, [(90, 90, 200, 160)] * 2, parts)
    >>> PartPooler(DeCAFTransformer("prob", dropout=False)).fit_transform(rows).shape
    (2, 3000)
    """

    _parameter_constraints: dict = {
        "transformer": [HasMethods(["fit", "transform"]), None],
        "regions": [Mapping, None],
        "box_scale": [Interval(Real, 0, None, closed="neither")],
        "part_scale": [Interval(Real, 0, None, closed="neither")],
        "min_score": [Real, None],
        "signed_sqrt": ["boolean"],
    }

    def __init__(
        self, transformer=None, *, regions=None, box_scale=1.5, part_scale=1.0, min_score=None, signed_sqrt=True
    ):
        self.transformer = transformer
        self.regions = regions
        self.box_scale = box_scale
        self.part_scale = part_scale
        self.min_score = min_score
        self.signed_sqrt = signed_sqrt

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Fit the transformer of crops, and learn the weights of parts.

        Parameters
        ----------
        X : sequence of PhotoParts
            As from `photo_parts`; with key points, if `regions` is given.
        y : ignored

        Returns
        -------
        self
        """
        crops = self._learn(X)
        self.transformer_.fit(crops)
        self._n_features = self.transformer_.transform([crops[0]]).shape[1]
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def fit_transform(self, X, y=None):
        """Fit, and return the descriptors, with a single pass through the transformer of crops.

        Parameters
        ----------
        X : as in `fit`
        y : ignored

        Returns
        -------
        ndarray of shape (n_photos, (1 + n_regions) * n_features)
        """
        crops = self._learn(X)
        features = self.transformer_.fit_transform(crops)
        self._n_features = features.shape[1]
        return self._pool(features, crops)

    def transform(self, X):
        """Compute the descriptors.

        Parameters
        ----------
        X : sequence of PhotoParts
            As in `fit`; key points are not used.

        Returns
        -------
        ndarray of shape (n_photos, (1 + n_regions) * n_features)
        """
        check_is_fitted(self)
        self._validate_params()  # set_params may have followed fit
        _, n_parts, n_components = self.weights_.shape
        rows = check_rows(X, n_parts)
        for i, row in enumerate(rows):
            if row.component >= n_components:
                raise ValueError(
                    f"{row_name(i, row.photo)} is of component {row.component}; the last that fit saw is "
                    f"{n_components - 1}"
                )
        if not rows:
            return np.zeros((0, (1 + len(self.regions_)) * self._n_features), np.float32)
        crops = self._crops(rows)
        return self._pool(np.asarray(self.transformer_.transform(crops)), crops)

    def get_feature_names_out(self, input_features=None):
        """Return the names of the features: ``"box_0000"``, and each region's name and number.

        Parameters
        ----------
        input_features : ignored

        Returns
        -------
        ndarray of str objects
        """
        check_is_fitted(self)
        digits = max(4, len(str(self._n_features - 1)))
        names = [f"{block}_{i:0{digits}d}" for block in ("box", *self.regions_) for i in range(self._n_features)]
        return np.array(names, dtype=object)

    def _learn(self, X):
        """Learn all but the transformer of crops, which is cloned; return the crops."""
        rows = check_rows(X)
        if not rows:
            raise ValueError(f"Found 0 photos in X while a minimum of 1 is required by {type(self).__name__}.")
        crops = self._crops(rows)
        n_parts = len(rows[0].parts)
        if self.regions is None:
            self.regions_ = [f"part{i}" for i in range(n_parts)]
            n_components = 1 + max(row.component for row in rows)
            self.weights_ = np.repeat(np.eye(n_parts)[:, :, np.newaxis], n_components, axis=2)
        else:
            self.regions_ = list(map(str, self.regions))
            self.weights_ = _learn_weights(rows, crops.present[:, 1:], self.regions)
        self.transformer_ = DeCAFTransformer() if self.transformer is None else clone(self.transformer)
        return crops

    def _crops(self, rows):
        return _Crops(rows, self.box_scale, self.part_scale, self.min_score)

    def _pool(self, features, crops):
        blocks = np.zeros((*crops.present.shape, features.shape[1]), features.dtype)
        blocks[crops.present] = features
        weights = self.weights_[:, :, [row.component for row in crops.rows]].astype(features.dtype)
        regions = np.einsum("rpn,npk->nrk", weights, blocks[:, 1:])
        pooled = np.concatenate([blocks[:, :1], regions], axis=1).reshape(len(blocks), -1)
        pooled[np.isnan(pooled).any(axis=1)] = np.nan
        return np.sign(pooled) * np.sqrt(np.abs(pooled)) if self.signed_sqrt else pooled

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_n_features")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        return tags


class _Crops(Images):
    """The crops of all rows, box before parts, without those of missing parts.

    Parameters
    ----------
    rows : list of PhotoParts
    box_scale, part_scale : float
    min_score : float or None

    Attributes
    ----------
    rows : list of PhotoParts
    present : ndarray of shape (n_photos, 1 + n_parts), bool
        Where there is a crop.
    """

    def __init__(self, rows, box_scale, part_scale, min_score):
        self.rows = rows
        self.present = np.ones((len(rows), 1 + len(rows[0].parts)), dtype=bool)
        crops = []
        for i, row in enumerate(rows):
            try:
                crops.append(_scaled_crop(row.photo, row.box, box_scale))
            except ValueError as error:
                raise ValueError(f"{row_name(i, row.photo)}: {error}") from None
            for j, part in enumerate(row.parts):
                if np.isnan(part).any() or (min_score is not None and row.scores[j] < min_score):
                    crop = None
                else:
                    crop = _crop_or_none(row.photo, part, part_scale)
                self.present[i, j + 1] = crop is not None
                crops += [] if crop is None else [crop]
        super().__init__(crops)

    def name(self, i):
        row, place = np.argwhere(self.present)[i]
        return f"{row_name(row, self.rows[row].photo)}, {f'part {place - 1}' if place else 'box'}"


def _crop_or_none(photo, box, scale):
    """A crop, or None for one that lies left of the photo or above it."""
    try:
        return _scaled_crop(photo, box, scale)
    except ValueError:
        return None


def _scaled_crop(photo, box, scale):
    x, y, width, height = box
    x_centre, y_centre = x + width / 2, y + height / 2
    x_offset, y_offset = width * scale / 2, height * scale / 2
    return Crop(photo, (x_centre - x_offset, y_centre - y_offset, x_centre + x_offset, y_centre + y_offset))


def _learn_weights(rows, present, regions):
    """Weights of shape (n_regions, n_parts, n_components) from key points, see the Notes of `PartPooler`."""
    annotated = [i for i, row in enumerate(rows) if row.key_points is not None]
    if not annotated:
        raise ValueError(
            "regions needs key points, but no photo has any; give them to photo_parts, or set regions=None"
        )
    n_key_points = len(rows[annotated[0]].key_points)
    groups = check_groups(regions, n_key_points)
    counts = np.zeros((len(groups), present.shape[1], 1 + max(row.component for row in rows)))
    for i in annotated:
        if len(rows[i].key_points) != n_key_points:
            found = f"{len(rows[i].key_points)} key points; others have {n_key_points}"
            raise ValueError(f"{row_name(i, rows[i].photo)} has {found}")
        inside = _inside(rows[i].key_points, rows[i].parts) & present[i]
        counts[:, :, rows[i].component] += [inside[group].sum(axis=0) for group in groups]
    counts = np.where(counts.sum(axis=1, keepdims=True) > 0, counts, counts.sum(axis=2, keepdims=True))
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _inside(points, boxes):
    """Whether each key point is visible inside each box, of shape (n_key_points, n_parts)."""
    offsets = points[:, np.newaxis, :2] - boxes[:, :2]
    return ((offsets >= 0) & (offsets <= boxes[:, 2:])).all(axis=2) & (points[:, 2:] > 0)
