"""DeCAF features and a linear classifier in one estimator, which chooses the layer and C."""

# SPDX-License-Identifier: BSD-3-Clause
from copy import copy
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from sklearn.base import _fit_context
from sklearn.metrics import accuracy_score
from sklearn.model_selection import StratifiedKFold, check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from skdecaf._decaf import DeCAFTransformer, network_of
from skdecaf._dropout import DropoutFeatures
from skdecaf._inputs.kinds import find_rows
from skdecaf._linear_model.linear_svm import PrincipalAxes, svm_path
from skdecaf._linear_model.scaled_linear_svc import (
    ScaledLinearSVC,
    fit_temperature,
    one_column_per_class,
    probabilities,
)
from skdecaf._photo_estimator import PhotoClassifierMixin, PhotoEstimator
from skdecaf._utils.progress import progress_bar
from skdecaf._utils.random import draw_seed
from skdecaf._utils.warnings import warn_user
from skdecaf.weights import resolve_network
from skdecaf.weights._blob_names import resolve_blobs, split_blobs

_AUTO_LAYERS = ("pool5", "fc6", "fc7")
_AUTO_C = (0.1, 1.0, 10.0)
# Used if a class has a single photo, so that nothing can be chosen.
_DEFAULT_C = 1.0


class _Candidate(NamedTuple):
    """A layer and a C, and how well they predict photos that they were not trained on."""

    layer: str
    C: float
    scores: tuple  # one per fold
    decisions: np.ndarray | None  # of the model trained without the photo, one column per class


class DeCAFClassifier(PhotoClassifierMixin, PhotoEstimator):
    """A classifier of photos: DeCAF features and a linear support vector machine, with the layer and C chosen for you.

    It is `DeCAFTransformer`, `DropoutFeatures` and `~sklearn.svm.LinearSVC` in one estimator with flat parameters, and
    it predicts probabilities. Photos pass through the network once: `fit` computes the activations of all candidate
    layers together, and cross-validates every combination of layer and C on them.

    Parameters
    ----------
    layer : int, str, list of them, or "auto", default="auto"
        Which activations, as in `DeCAFTransformer`; a list puts several side by side. "auto" chooses between DeCAF5
        (``"pool5"``), DeCAF6 (``"fc6"``) and DeCAF7 (``"fc7"``).
    C : float or "auto", default="auto"
        Inverse strength of the L2 penalty. "auto" chooses from 0.1, 1 and 10.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, as in `~sklearn.svm.LinearSVC`.
    cv : int, cross-validation generator or iterable, default=3
        The cross-validation. A number of folds is reduced to the photos of the smallest class. With an empty list there
        is none, and "auto" means the first candidate.
    weights : str, path or Network, default="mini"
        The network, as in `DeCAFTransformer`.
    precision : {"float32", "compact"}, default="float32"
        "compact" keeps the weights of fully connected layers in 16 bits, as in `DeCAFTransformer`.
    crops : {"center", "scales", "ten"}, default="center"
        One crop, or the average over two or ten, as in `DeCAFTransformer`.
    resize : {"warp", "crop"} or None, default=None
        How photos are resized, as in `DeCAFTransformer`.
    image_shape : tuple of int, default=None
        Shape of flattened images, as in `DeCAFTransformer`.
    value_range : tuple (low, high), default=None
        Black and white of float images, as in `DeCAFTransformer`.
    fast_decode : bool, default=True
        Whether large JPEG and JPEG 2000 files may be decoded at a reduced size, as in `DeCAFTransformer`.
    on_error : {"raise", "nan"}, default="raise"
        What to do with an image that cannot be read: stop; or leave it out of training, and predict NaN for it and no
        class, with one warning.
    batch_size : int, default=64
        Crops per pass through the network and thread. Changes no result.
    n_jobs : int, default=None
        Threads of the network, as in `DeCAFTransformer`. Changes no result.
    memory : str, path or FeatureCache, default=None
        A folder in which the activations of each photo are stored, as in `DeCAFTransformer`.
    random_state : int, RandomState instance or None, default=None
        Seeds the folds, and the filters of ``weights="random"``.
    verbose : bool, default=False
        Whether to show progress bars.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of ``y``.
    layer_ : str
        The layer in use; several are joined by "+".
    C_ : float
        The C in use.
    cv_results_ : dict of list
        "layer", "C", "mean_test_score" and "std_test_score" (accuracy) of each candidate; empty lists if a class has a
        single photo, so that there is no cross-validation.
    best_score_ : float
        The chosen candidate's mean accuracy in cross-validation; NaN without one.
    best_fold_scores_ : tuple of float
        The chosen candidate's accuracy in each fold; empty without a cross-validation.
    bad_images_ : ndarray of int
        Indices of the images that could not be read, with ``on_error="nan"``.
    cv_predictions_ : ndarray of shape (n_images,) or None
        Predictions of the chosen candidate for the training images, each by a model trained without it; None unless the
        cross-validation tests every image once.
    cv_probabilities_ : ndarray of shape (n_images, n_classes) or None
        The probabilities that belong to `cv_predictions_`, in columns like those of `predict_proba`; NaN for images
        that could not be read.
    pipeline_ : Pipeline
        The fitted `DeCAFTransformer`, `DropoutFeatures` and `~sklearn.svm.LinearSVC`, which predicts probabilities too.
    temperature_ : float
        Probabilities are the softmax of the decision values over this number, which maximises their likelihood in the
        cross-validation.
    n_features_in_ : int
        Number of columns, if `fit` saw a table or a data frame.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if `fit` saw a data frame with names.

    See Also
    --------
    DeCAFTransformer : The features alone, for pipelines of your own.
    skdecaf.training.FineTunedClassifier : Trains the network as well.

    Notes
    -----
    The support vector machines are those of `~sklearn.svm.LinearSVC`. They are solved for all classes at once by
    Newton's method, in the principal axes of the features, which is many times as fast with many classes. Donahue et
    al. (ICML 2014, Section 4) use linear classifiers on these features. Guo et al. (On Calibration of Modern Neural
    Networks, ICML 2017) describe temperature scaling.

    Examples
    --------
    >>> from sklearn.datasets import load_sample_images
    >>> from skdecaf import DeCAFClassifier
    >>> temple, flower = load_sample_images().images
    >>> photos = [image[:, left : left + 320] for image in (temple, flower) for left in (0, 100, 200, 300)]
    >>> classifier = DeCAFClassifier(random_state=0).fit(photos, ["temple"] * 4 + ["flower"] * 4)
    >>> print(*classifier.predict([temple, flower]))
    temple flower
    """

    _parameter_constraints: dict = {
        "layer": [Integral, str, list, tuple],
        "C": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "cv": ["cv_object"],
        "random_state": ["random_state"],
        **PhotoEstimator._parameter_constraints,
    }

    def __init__(
        self,
        layer="auto",
        C="auto",
        *,
        class_weight=None,
        cv=3,
        weights="mini",
        precision="float32",
        crops="center",
        resize=None,
        image_shape=None,
        value_range=None,
        fast_decode=True,
        on_error="raise",
        batch_size=64,
        n_jobs=None,
        memory=None,
        random_state=None,
        verbose=False,
    ):
        super().__init__(
            weights,
            precision=precision,
            crops=crops,
            resize=resize,
            image_shape=image_shape,
            value_range=value_range,
            fast_decode=fast_decode,
            on_error=on_error,
            batch_size=batch_size,
            n_jobs=n_jobs,
            memory=memory,
            verbose=verbose,
        )
        self.layer = layer
        self.C = C
        self.class_weight = class_weight
        self.cv = cv
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Choose the layer and C, and train the classifier.

        Parameters
        ----------
        X : list, array, Series or single-column frame of images, or array-like of shape (n_images, n_pixels)
            Images of every kind that `DeCAFTransformer.fit` takes.
        y : array-like of shape (n_images,)
            The class of each image.
        sample_weight : array-like of shape (n_images,), default=None
            Weights of the images in training.

        Returns
        -------
        self
        """
        y, sample_weight = self._check_targets(X, y, sample_weight)
        seed = draw_seed(self.random_state)
        layers = self._candidate_layers(seed)
        transformer = self._transformer([blob for blobs in layers.values() for blob in blobs], seed)
        features = transformer.fit_transform(X)
        good = ~np.isnan(features).any(axis=1)
        for lost in sorted(set(y.tolist()) - set(y[good].tolist())):
            raise ValueError(f"none of the images of class {lost!r} can be read; replace them, or leave the class out")
        sizes = network_of(transformer).blob_sizes
        blocks = split_blobs(features[good], [sum(sizes[blob] for blob in blobs) for blobs in layers.values()])
        spaces = self._row_spaces(layers, blocks)
        best = self._choose(spaces, y[good], sample_weight[good], seed)
        space = spaces[best.layer]
        [hyperplanes] = self._svm_path(space.rows, y[good], [best.C], sample_weight[good])
        model = ScaledLinearSVC(C=best.C, class_weight=self.class_weight)
        model = space.in_features(model, hyperplanes, np.unique(y[good]))
        self.temperature_ = model.temperature_ = fit_temperature(best.decisions, y[good], sample_weight[good])
        self.pipeline_ = Pipeline(
            [
                ("decaftransformer", self._transformer(layers[best.layer], seed).fit(X)),
                ("dropoutfeatures", space.scaler),
                ("linearsvc", model),
            ]
        )
        self.classes_, self.layer_, self.C_ = model.classes_, best.layer, best.C
        self.best_fold_scores_, self.bad_images_ = best.scores, np.flatnonzero(~good)
        self.best_score_ = float(np.mean(best.scores)) if best.scores else np.nan
        self._keep_cv_predictions(best.decisions, good)
        return self

    def predict_proba(self, X):
        """Compute the probability of each class.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray of shape (n_images, n_classes)
            Columns in the order of `classes_`; each row sums to 1.
        """
        check_is_fitted(self)
        return probabilities(self.decision_function(X), self.temperature_)

    def decision_function(self, X):
        """Compute the decision values of the support vector machine.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray of shape (n_images,) or (n_images, n_classes)
            Columns in the order of `classes_`; with two classes, positive values mean the second.
        """
        check_is_fitted(self)
        features = self._transform(X)
        good = ~np.isnan(features).any(axis=1)
        n_columns = len(self.classes_) if len(self.classes_) > 2 else 1
        decisions = np.full((len(features), n_columns), np.nan)
        if good.any():
            decisions[good] = self.pipeline_[1:].decision_function(features[good]).reshape(-1, n_columns)
        return decisions if n_columns > 1 else decisions[:, 0]

    @property
    def n_features_in_(self):
        """Number of columns of a table or data frame."""
        return self.pipeline_[0].n_features_in_

    @property
    def feature_names_in_(self):
        """Names of the columns of a data frame."""
        return self.pipeline_[0].feature_names_in_

    def __sklearn_is_fitted__(self):
        return hasattr(self, "pipeline_")

    def _transform(self, X):
        """Compute features with the current parameters that do not affect the features."""
        names = ("on_error", "batch_size", "n_jobs", "memory", "verbose")
        transformer = copy(self.pipeline_[0]).set_params(**{name: getattr(self, name) for name in names})
        return transformer.transform(X)

    def _check_targets(self, X, y, sample_weight):
        """Check y and the weights before photos are read."""
        n_images = len(find_rows(X)[1])
        y = self._check_classes(y, n_images)
        if len(classes := np.unique(y)) == 1:
            raise ValueError(f"DeCAFClassifier needs photos of at least 2 classes; y has 1 class, {classes[0]}")
        return y, _check_sample_weight(sample_weight, np.empty((n_images, 1)))

    def _candidate_layers(self, seed):
        """Names of the candidates, and the blobs of each."""
        # The transformer draws the seed of random filters from this seed in the same way.
        network = resolve_network(self.weights, draw_seed(seed), self.precision)
        if self.layer != "auto":
            blobs = resolve_blobs(self.layer, network)
            return {"+".join(blobs): blobs}
        layers = {layer: [layer] for layer in _AUTO_LAYERS if layer in network.blob_shapes}
        if not layers:
            raise ValueError(f"{network!r} has none of the layers {', '.join(_AUTO_LAYERS)}; set layer")
        return layers

    def _transformer(self, layer, seed):
        names = PhotoEstimator._parameter_constraints
        return DeCAFTransformer(
            layer, dropout=False, random_state=seed, **{name: getattr(self, name) for name in names}
        )

    def _row_spaces(self, layers, blocks):
        """The principal axes of the features of each layer, which take minutes for many thousand images."""
        spaces = {}
        with progress_bar(len(layers), self.verbose, unit="layers", name="preparing") as progress:
            for layer, block in zip(layers, blocks, strict=True):
                spaces[layer] = _RowSpace(block)
                progress.update()
        return spaces

    def _svm_path(self, rows, y, grid, sample_weight):
        return svm_path(rows, y, grid, sample_weight, self.class_weight)

    def _choose(self, spaces, y, sample_weight, seed):
        """Cross-validate the candidates and return the best; the first one without a cross-validation."""
        grid = _AUTO_C if self.C == "auto" else (self.C,)
        candidates, splits = [], self._splits(y, seed)
        if splits:
            n_fits = len(spaces) * len(grid) * len(splits)
            with progress_bar(n_fits, self.verbose, unit="fits", name="choosing") as progress:
                for layer, space in spaces.items():
                    candidates += self._cross_validate(layer, space.rows, y, sample_weight, grid, splits, progress)
        elif len(spaces) * len(grid) > 1 and isinstance(self.cv, Integral | None):
            warn_user("a class has 1 image, so there is no cross-validation to choose the layer and C with")
        self.cv_results_ = {
            "layer": [one.layer for one in candidates],
            "C": [one.C for one in candidates],
            "mean_test_score": [float(np.mean(one.scores)) for one in candidates],
            "std_test_score": [float(np.std(one.scores)) for one in candidates],
        }
        default = _Candidate(next(iter(spaces)), _DEFAULT_C if self.C == "auto" else self.C, (), None)
        return max(candidates, key=lambda one: np.mean(one.scores), default=default)

    def _keep_cv_predictions(self, decisions, good):
        """Set attributes from the cross-validation's decision values of the good images."""
        self.cv_predictions_ = self.cv_probabilities_ = None
        if decisions is not None:
            self.cv_probabilities_ = np.full((len(good), len(self.classes_)), np.nan)
            self.cv_probabilities_[good] = probabilities(decisions, self.temperature_)
            self.cv_predictions_ = self.classes_[np.zeros(len(good), int)]
            self.cv_predictions_[good] = self.classes_[decisions.argmax(axis=1)]
            if not good.all():
                self.cv_predictions_[~good] = self._no_class()

    def _splits(self, y, seed):
        """Training and test rows of each fold; none if a class has a single image."""
        if not isinstance(self.cv, Integral | None):
            return list(check_cv(self.cv, y, classifier=True).split(np.zeros((len(y), 1)), y))
        folds = min(self.cv or 5, *np.unique(y, return_counts=True)[1])
        return list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(y, y)) if folds > 1 else []

    def _cross_validate(self, layer, rows, y, sample_weight, grid, splits, progress):
        """The candidates of a layer."""
        classes, scores = np.unique(y), {C: [] for C in grid}
        decisions = {C: np.full((len(y), len(classes)), -np.inf) for C in grid}
        for train, test in splits:
            columns = np.searchsorted(classes, np.unique(y[train]))  # a fold of the user's own may lack classes
            path = self._svm_path(rows[train], y[train], grid, sample_weight[train])
            for C, hyperplanes in zip(grid, path, strict=True):
                decisions[C][test] = -np.inf
                decisions[C][np.ix_(test, columns)] = one_column_per_class(_decisions(rows[test], hyperplanes))
                predicted = classes[decisions[C][test].argmax(axis=1)]
                scores[C].append(accuracy_score(y[test], predicted, sample_weight=sample_weight[test]))
                progress.update()
        tested_once = np.array_equal(np.sort(np.concatenate([test for _, test in splits])), np.arange(len(y)))
        return [_Candidate(layer, C, tuple(scores[C]), decisions[C] if tested_once else None) for C in grid]


class _RowSpace(PrincipalAxes):
    """The principal axes of scaled features."""

    def __init__(self, features):
        self.scaler = DropoutFeatures()
        super().__init__(self.scaler.fit_transform(features))

    def in_features(self, model, hyperplanes, classes):
        """Give a linear model for features the hyperplanes that were fitted in these axes."""
        weights = hyperplanes @ self.axes.T
        model.coef_, model.intercept_, model.classes_ = weights[:, :-1], weights[:, -1], classes
        model.n_features_in_ = model.coef_.shape[1]
        return model


def _decisions(rows, hyperplanes):
    """Decision values as `LinearSVC` returns them."""
    decisions = rows @ hyperplanes.T
    return decisions if len(hyperplanes) > 1 else decisions[:, 0]
