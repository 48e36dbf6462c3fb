"""Find the parts of things in photos, with templates of gradients in several poses."""

# SPDX-License-Identifier: BSD-3-Clause
from numbers import Integral, Real

import numpy as np
from sklearn.base import _fit_context
from sklearn.cluster import KMeans
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from skdecaf._inputs.reading import fit_input, read_input
from skdecaf._inputs.sources import CheckedImages, Images
from skdecaf._utils.extras import require
from skdecaf._utils.threads import resolve_n_jobs
from skdecaf.baselines._base import PhotoDescriptor
from skdecaf.parts._boxes import box_overlap
from skdecaf.parts._hog_pyramid import DEPTH, Pyramid, describe_box
from skdecaf.parts._part_model import distinct, learn_part, places_of, template_shape
from skdecaf.parts._photo_parts import PhotoParts, check_rows, row_name

_N_CELLS = 48  # about so many cells has a template
_N_MINED_PHOTOS = 200
_N_RANDOM, _N_HARD = 10, 5  # negatives per photo: in the beginning, and from each round
_MAX_NEGATIVE_OVERLAP = 0.3
_BORDER = 0.25  # around the box, where parts are searched, relative to its sides
_N_CANDIDATES = 5  # boxes of each component


class PartDetector(PhotoDescriptor):
    """Find the box of a thing and the boxes of its parts, with a small deformable part model [1]_.

    A template of histograms of oriented gradients slides over the photo at many scales for each part. The place of a
    part is the one with the best sum of the template's score and of the logarithm of the density of its place relative
    to the box, a quadratic cost. There is a set of templates and densities for each component, which is a pose or a
    view; the component with the best sum over all parts is taken. Training needs boxes, as from `key_point_boxes`.

    Parameters
    ----------
    n_components : int, default=8
        Number of components; fewer are left if some lose all their photos. Take fewer if there are less than about 20
        training photos for each.
    deformation : float, default=1.0
        Weight of the logarithm of the density of places, relative to the templates' scores.
    shrinkage : float, default=0.1
        How much the covariance of descriptors is shrunk towards a multiple of the identity, above 0 and up to 1.
    n_rounds : int, default=2
        How often the training photos are given to the best components, and windows that look like a part by mistake are
        added to the negative examples, before the templates are learned again.
    random_state : int, RandomState instance or None, default=None
        Seeds the clusters and the choice of negative examples.
    value_range : tuple (low, high), default=None
        Black and white of float images, as in `skdecaf.DeCAFTransformer`.
    n_jobs : int, default=None
        Threads, as in `skdecaf.DeCAFTransformer`.
    verbose : bool or int, default=False
        Whether to show progress bars.

    Attributes
    ----------
    components_ : ndarray of int of shape (n_photos,)
        The component of each training photo.
    models_ : list
        The models of the box and of each part.
    input_kind_, image_shape_, value_range_, n_features_in_, feature_names_in_
        As for `skdecaf.DeCAFTransformer`.

    Raises
    ------
    ImportError
        If OpenCV is not installed; the message names the extra.
    ValueError
        If no training photo has one of the parts.

    See Also
    --------
    PartPooler : The next step of a pipeline.
    correct_parts : How many parts were found.

    Notes
    -----
    The first components are clusters (k-means) of the places of the parts and of the aspect ratio of the box. Templates
    are learned by linear discriminant analysis, against windows that overlap the part by less than 0.3 in up to 200
    photos; that of the box is also learned against the other components. Logistic regression turns their scores into
    logarithms of odds.

    If a row of X has a box, parts are searched near it. In a photo without a box, the five best boxes of each component
    are tried. Boxes are cut at the edges of the photo. A part is missing, with a score of -inf, if the photo is too
    narrow for it.

    References
    ----------
    .. [1] Felzenszwalb, Girshick, McAllester and Ramanan, "Object Detection with Discriminatively Trained Part-Based
       Models", PAMI 2010.

    Examples
    --------
    >>> from sklearn.datasets import load_sample_images
    >>> from skdecaf.parts import PartDetector, photo_parts
    >>> photos = load_sample_images().images
    >>> parts = [[(100, 100, 50, 40), (200, 150, 80, 90)]] * 2
    >>> rows = photo_parts(photos, [(90, 90, 200, 160)] * 2, parts)
    >>> PartDetector(1, random_state=0).fit(rows).transform(rows)[0].parts.shape
    (2, 4)
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "deformation": [Interval(Real, 0, None, closed="left")],
        "shrinkage": [Interval(Real, 0, 1, closed="right")],
        "n_rounds": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
        **{name: PhotoDescriptor._parameter_constraints[name] for name in ("value_range", "n_jobs", "verbose")},
    }

    def __init__(
        self,
        n_components=8,
        *,
        deformation=1.0,
        shrinkage=0.1,
        n_rounds=2,
        random_state=None,
        value_range=None,
        n_jobs=None,
        verbose=False,
    ):
        super().__init__(value_range=value_range, fast_decode=False, n_jobs=n_jobs, verbose=verbose)
        self.n_components = n_components
        self.deformation = deformation
        self.shrinkage = shrinkage
        self.n_rounds = n_rounds
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn what parts look like and where they are.

        Parameters
        ----------
        X : sequence of PhotoParts
            As from `photo_parts`. Parts may be missing in some photos.
        y : ignored

        Returns
        -------
        self
        """
        require("baselines", type(self).__name__)
        rows = check_rows(X)
        checked = fit_input(self, [row.photo for row in rows])
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        boxes = np.array([[row.box, *row.parts] for row in rows])
        examples = _Examples(
            checked, boxes, seed, each=self._each, shrinkage=self.shrinkage, deformation=self.deformation
        )
        self.components_ = _cluster(boxes, self.n_components, seed)
        self.models_ = examples.learn(self.components_)
        for _ in range(self.n_rounds):
            self.components_ = examples.best_components(self.models_, self._log_priors())
            examples.mine(self.models_)
            self.models_ = examples.learn(self.components_)
        self._fitted = True
        return self

    def transform(self, X):
        """Find parts.

        Parameters
        ----------
        X : list, array or Series of images, or of PhotoParts
            In a `PhotoParts`, the parts are searched near its box, and its key points are kept; its parts are not used.

        Returns
        -------
        ndarray of shape (n_photos,), dtype object
            A `PhotoParts` for each photo, with scores and component.
        """
        check_is_fitted(self)
        rows = list(X)
        photos = [row.photo if isinstance(row, PhotoParts) else row for row in rows]
        found = np.empty(len(rows), dtype=object)
        checked = read_input(self, photos)

        def detect(pixels, _, i):
            if not isinstance(rows[i], PhotoParts):
                return self._detect(pixels, None)
            try:
                return self._detect(pixels, rows[i].box)
            except ValueError as error:
                raise ValueError(f"{row_name(i, photos[i])}: {error}") from None

        for i, values in self._each(detect, checked):
            key_points = rows[i].key_points if isinstance(rows[i], PhotoParts) else None
            found[i] = PhotoParts(photos[i], *values, key_points=key_points)
        return found

    def get_feature_names_out(self, input_features=None):
        """Return the name of the only column, ``"photo_parts"``.

        Parameters
        ----------
        input_features : ignored

        Returns
        -------
        ndarray of str objects
        """
        check_is_fitted(self)
        return np.array(["photo_parts"], dtype=object)

    def _each(self, function, checked, n_threads=None):
        results = super()._each(function, checked, n_threads or resolve_n_jobs(self.n_jobs))
        with threadpool_limits(1, user_api="blas"):  # photos are in parallel
            yield from results

    def _log_priors(self):
        return np.log(np.bincount(self.components_) / len(self.components_))

    def _detect(self, pixels, box):
        """Box, boxes of parts, their scores, component and score."""
        whole = np.array([0.0, 0.0, pixels.shape[1], pixels.shape[0]])
        root, *parts = self.models_
        log_priors = self._log_priors()
        if box is not None:
            if np.isnan(overlap := box_overlap(box, whole)) or overlap == 0:
                raise ValueError(f"the box lies outside the photo of {pixels.shape[1]} x {pixels.shape[0]} pixels")
            pyramid, boxes = Pyramid(pixels, _around(box, whole)), box[np.newaxis]
            appearance = root.appearance(describe_box(pixels, box, root.templates.shape[1:3])[np.newaxis])[:, 0]
            candidates = [(c, box, log_priors[c] + appearance[c]) for c in range(len(log_priors))]
        else:
            pyramid = Pyramid(pixels, _edges(whole))
            candidates = self._candidates(root, pyramid, whole, log_priors)
            boxes = np.array([box for _, box, _ in candidates])
        placements = [part.placements(pyramid, boxes) for part in parts]
        results = []
        for c, box, score in candidates:
            best = [self._best(part, placed, box, c) for part, placed in zip(parts, placements, strict=True)]
            scores = np.array([value for _, value in best])
            results.append(
                (box, np.array([found for found, _ in best]).reshape(-1, 4), scores, c, score + scores.sum())
            )
        box, found, scores, c, score = max(results, key=lambda result: result[-1])
        return _cut(box, whole), _cut(found, whole), scores, c, score

    def _candidates(self, root, pyramid, whole, log_priors):
        """(component, box, score) of the best boxes in a photo."""
        placed = root.placements(pyramid, whole[np.newaxis])
        scores = placed.appearance + self.deformation * root.log_density(places_of(placed.boxes, whole))
        chosen = [(c, i) for c in range(len(scores)) for i in distinct(placed.boxes, scores[c], _N_CANDIDATES)]
        if not chosen:  # the photo is too narrow for the template
            return [(c, whole, log_prior) for c, log_prior in enumerate(log_priors)]
        return [(c, root.shaped(placed.boxes[i], c), log_priors[c] + scores[c, i]) for c, i in chosen]

    def _best(self, part, placed, box, c):
        """Box and score of the best place of a part."""
        if not len(placed.boxes):
            return np.full(4, np.nan), -np.inf
        scores = placed.appearance[c] + self.deformation * part.log_density(places_of(placed.boxes, box))[c]
        i = int(scores.argmax())
        return part.shaped(placed.boxes[i], c), float(scores[i])


class _Examples:
    """Descriptors of the box (part 0) and the parts of the training photos, and of windows that do not show them.

    Parameters
    ----------
    checked : CheckedImages
    boxes : ndarray of shape (n_photos, 1 + n_parts, 4)
    seed : int
    each : callable
        Computes in threads, see `PhotoDescriptor`.
    shrinkage, deformation : float
        As for `PartDetector`.
    """

    def __init__(self, checked, boxes, seed, *, each, shrinkage, deformation):
        self._each = each
        self._shrinkage = shrinkage
        self._deformation = deformation
        self._boxes = boxes
        self._present = ~np.isnan(boxes).any(axis=2)
        missing = np.flatnonzero(~self._present.any(axis=0))
        if len(missing):
            raise ValueError(f"no photo has part {missing[0] - 1}")
        n_photos, self._n_parts = self._present.shape
        self._shapes = [template_shape(boxes[self._present[:, p], p], _N_CELLS) for p in range(self._n_parts)]
        self._photos = [checked.images[i] for i in range(n_photos)]
        self._mined = np.sort(np.random.default_rng(seed).permutation(n_photos)[:_N_MINED_PHOTOS])
        self._positives = [np.zeros((n_photos, *shape, DEPTH), np.float32) for shape in self._shapes]
        self._references = np.tile(boxes[:, :1], (1, self._n_parts, 1))
        self._negatives = [[] for _ in self._shapes]
        self._start(checked, seed)

    def learn(self, components):
        """A `PartModel` for the box and for each part."""
        models = []
        for p in range(self._n_parts):
            there, negatives = self._present[:, p], self._negatives[p]
            models.append(
                learn_part(
                    self._positives[p][there],
                    self._boxes[there, p],
                    self._references[there, p],
                    [components[there] == c for c in range(components.max() + 1)],
                    np.array(negatives, np.float32).reshape(-1, *self._shapes[p], DEPTH),
                    shrinkage=self._shrinkage,
                    against_others=p == 0,
                )
            )
        return models

    def best_components(self, models, log_priors):
        """The component of each photo that fits its boxes best, numbered without gaps."""
        scores = np.repeat(log_priors[:, np.newaxis], len(self._boxes), axis=1)
        for p, model in enumerate(models):
            places = places_of(self._boxes[:, p], self._references[:, p])
            value = model.appearance(self._positives[p]) + self._deformation * model.log_density(places)
            scores += np.where(self._present[:, p], value, 0)
        return np.unique(scores.argmax(axis=0), return_inverse=True)[1].reshape(-1)

    def mine(self, models):
        """Add the windows that look most like a part, but are not there."""

        def hardest(pixels, _, j):
            i, found = self._mined[j], []
            whole = np.array([0.0, 0.0, pixels.shape[1], pixels.shape[0]])
            pyramid = Pyramid(pixels, _around(self._boxes[i, 0], whole))
            for p, model in enumerate(models):
                placed = model.placements(
                    pyramid if p else Pyramid(pixels, _edges(whole)), self._references[i, p : p + 1]
                )
                scores = placed.appearance.max(axis=0)
                scores[~self._is_negative(i, p, placed.boxes)] = -np.inf
                found.append(placed.boxes[distinct(placed.boxes, scores, _N_HARD)])
            return self._described(pixels, found)

        photos = Images([self._photos[i] for i in self._mined])
        for _, negatives in self._each(hardest, CheckedImages(photos, {}, {})):
            self._add(negatives)

    def _start(self, checked, seed):
        """Describe the boxes of all photos, and random windows of some."""

        def describe(pixels, _, i):
            self._references[i, 0] = 0, 0, pixels.shape[1], pixels.shape[0]
            for p in np.flatnonzero(self._present[i]):
                self._positives[p][i] = describe_box(pixels, self._boxes[i, p], self._shapes[p])
            if i not in self._mined:
                return None
            generator = np.random.default_rng((seed, i))
            windows = [self._random_windows(i, p, generator) for p in range(self._n_parts)]
            return self._described(pixels, windows)

        for _, negatives in self._each(describe, checked):
            self._add(negatives or [])

    def _random_windows(self, i, p, generator):
        """Windows as large as the part is in other photos, anywhere near the box."""
        others = self._boxes[self._present[:, p], p]
        sides = others[generator.integers(len(others), size=_N_RANDOM), 2:]
        left, top, right, bottom = _around(self._references[i, p], self._references[i, 0])
        room = np.maximum(0, np.array([right - left, bottom - top]) - sides)
        corners = np.array([left, top]) + generator.random(sides.shape) * room
        windows = np.concatenate([corners, sides], axis=1)
        return windows[self._is_negative(i, p, windows)]

    def _is_negative(self, i, p, windows):
        if not self._present[i, p]:
            return np.full(len(windows), True)
        return box_overlap(windows, self._boxes[i, p]) < _MAX_NEGATIVE_OVERLAP

    def _described(self, pixels, windows):
        return [[describe_box(pixels, box, shape) for box in boxes]
                for boxes, shape in zip(windows, self._shapes, strict=True)]  # fmt: skip

    def _add(self, negatives):
        for kept, new in zip(self._negatives, negatives, strict=False):
            kept += new


def _cluster(boxes, n_components, seed):
    """Clusters of the places of parts and of the aspect ratio of the box, numbered without gaps."""
    places = places_of(boxes[:, 1:], boxes[:, :1]).reshape(len(boxes), -1)
    means = np.nan_to_num(np.nanmean(places, axis=0))
    aspects = np.log(boxes[:, 0, 2] / boxes[:, 0, 3])
    features = np.column_stack([np.where(np.isnan(places), means, places), aspects])
    n_clusters = min(n_components, len(np.unique(features, axis=0)))
    clusters = KMeans(n_clusters, n_init=10, random_state=seed).fit_predict(features)
    return np.unique(clusters, return_inverse=True)[1].reshape(-1)


def _edges(box):
    return box[0], box[1], box[0] + box[2], box[1] + box[3]


def _around(box, whole):
    """Edges of a box with a border, inside the photo."""
    left, top, right, bottom = _edges(box)
    x_border, y_border = _BORDER * box[2:]
    left, top, right, bottom = left - x_border, top - y_border, right + x_border, bottom + y_border
    return max(0, left), max(0, top), min(whole[2], right), min(whole[3], bottom)


def _cut(boxes, whole):
    """Boxes without what lies outside the photo; at least one pixel is left."""
    low = np.clip(boxes[..., :2], 0, whole[2:] - 1)
    high = np.clip(boxes[..., :2] + boxes[..., 2:], low + 1, whole[2:])
    return np.concatenate([low, high - low], axis=-1)
