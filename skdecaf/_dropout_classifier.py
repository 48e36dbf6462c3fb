"""A classifier trained under dropout: many random masks of the same samples."""

# SPDX-License-Identifier: BSD-3-Clause
from inspect import signature
from numbers import Integral, Real

import numpy as np
from sklearn.base import ClassifierMixin, MetaEstimatorMixin, _fit_context, clone, is_classifier
from sklearn.utils import check_random_state, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metadata_routing import (
    UNUSED,
    MetadataRouter,
    MethodMapping,
    _raise_for_params,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_method_params,
    _check_sample_weight,
    _estimator_has,
    validate_data,
)

from skdecaf._utils.delegation import DelegatedPredictions
from skdecaf._utils.documented import DocumentedEstimator
from skdecaf._utils.dropout import drop_entries, without_duplicates
from skdecaf._utils.dtypes import FLOAT_DTYPES
from skdecaf._utils.progress import progress_bar


class DropoutClassifier(DelegatedPredictions, MetaEstimatorMixin, ClassifierMixin, DocumentedEstimator):
    """Train a classifier under dropout, with many random masks of each sample.

    In training each feature of each sample is set to zero with probability `rate`, with a new mask at every
    presentation. In prediction features are multiplied by `1 - rate`.

    Parameters
    ----------
    estimator : classifier
        The classifier to train. It is cloned; set its `random_state` if it has one.

    rate : float in [0, 1), default=0.5
        Probability with which a feature is dropped. The paper's rate is 1/2.

    n_draws : int, default=10
        Number of masks of each sample in `fit`.

    solver : {"auto", "stack", "epochs"}, default="auto"
        - "stack" calls `estimator.fit` once, on `n_draws` masked copies of X. Each sample has the weight `1 / n_draws`,
          so `C` keeps its meaning. It needs `n_draws` times the memory of X. If the estimator's `fit` takes no
          `sample_weight`, the copies have no weights and count as `n_draws` times as many samples: use a smaller `C`.
        - "epochs" calls `estimator.partial_fit` `n_draws` times, each with one masked copy of X. Use more draws than
          with "stack", because each is one pass of a stochastic solver. It needs twice the memory of X.
        - "auto" is "epochs" if the estimator has `partial_fit`, otherwise "stack". An estimator that rejects
          `partial_fit` with its parameters, as `SGDClassifier(class_weight="balanced")` does, needs "stack".

    random_state : int, RandomState instance or None, default=None
        Seeds the masks. Pass an int for the same masks in every `fit`.

    verbose : bool, default=False
        Whether `fit` shows a progress bar of the draws with the solver "epochs". With "stack" the bar has one step, the
        call of the estimator, which may have a `verbose` of its own.

    Attributes
    ----------
    estimator_ : classifier
        The trained clone of `estimator`. It expects features multiplied by `scale_`.

    classes_ : ndarray of shape (n_classes,)
        The class labels.

    scale_ : float
        Factor of the features in prediction, `1 - rate`.

    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during `fit`, if they are all strings.

    See Also
    --------
    DropoutFeatures : Dropout as a step in front of a linear classifier; its default averages over all masks.

    Notes
    -----
    Section 4.1 of the paper [1]_ trains linear classifiers on features of which half are set to zero, and multiplies
    features by 1/2 in prediction, following [2]_. Use it on raw features, after `DeCAFTransformer(dropout=False)`.

    X may be sparse if the estimator takes sparse input. Further arguments of the estimator's `fit` are passed by
    metadata routing; `sample_weight` is passed without routing too. With routing, set the requests of the method that
    is called: `set_partial_fit_request` for "epochs", `set_fit_request` for "stack". Put a grid search around this
    classifier, not inside it, where copies of one sample would be in both the training and the test part of a split.

    References
    ----------
    .. [1] Donahue et al., "DeCAF: A Deep Convolutional Activation Feature for Generic Visual Recognition", ICML 2014.
    .. [2] Hinton et al., "Improving neural networks by preventing co-adaptation of feature detectors", 2012.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skdecaf import DropoutClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X = X / 16
    >>> classifier = DropoutClassifier(LogisticRegression(), n_draws=5, random_state=0)
    >>> classifier.fit(X[:300], y[:300]).predict(X[300:305])
    array([7, 3, 5, 1, 0])
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict"])],
        "rate": [Interval(Real, 0, 1, closed="left")],
        "n_draws": [Interval(Integral, 1, None, closed="left")],
        "solver": [StrOptions({"auto", "stack", "epochs"})],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # These go to the estimator; only `score` uses sample weights itself.
    __metadata_request__fit = {"sample_weight": UNUSED}
    __metadata_request__partial_fit = {"sample_weight": UNUSED, "classes": UNUSED}

    def __init__(self, estimator, rate=0.5, *, n_draws=10, solver="auto", random_state=None, verbose=False):
        self.estimator = estimator
        self.rate = rate
        self.n_draws = n_draws
        self.solver = solver
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, **params):
        """Train a clone of the estimator under `n_draws` masks.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples; None is 1 each.
        **params : dict
            Further metadata, routed to the estimator.

        Returns
        -------
        self : DropoutClassifier
            The trained classifier.

        Raises
        ------
        ValueError
            If the estimator is not a classifier, or `solver="epochs"` and it has no `partial_fit`.
        """
        if self.solver == "epochs" and not hasattr(self.estimator, "partial_fit"):
            raise ValueError(
                f"solver='epochs' needs an estimator with partial_fit; {type(self.estimator).__name__} has no "
                "partial_fit: use solver='stack'."
            )
        X, y = self._checked_training_set(X, y, reset=True)
        params = self._routed("fit", sample_weight, params)
        estimator, random_state = clone(self.estimator), check_random_state(self.random_state)
        if self._method_of_fit() == "fit":
            self._fit_stack(estimator, random_state, X, y, params)
        else:
            params["classes"] = np.unique(y)
            with progress_bar(self.n_draws, self.verbose, unit="draws", name="training") as progress:
                for _ in range(self.n_draws):
                    self._partial_fit_masked(estimator, random_state, X, y, params)
                    progress.update()
        return self._set_fitted(estimator, random_state)

    @available_if(_estimator_has("partial_fit"))
    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y, classes=None, sample_weight=None, **params):
        """Train the estimator further by one `partial_fit`, under one fresh mask.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Class labels.
        classes : array-like of shape (n_classes,), default=None
            All classes, needed in the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples; None is 1 each.
        **params : dict
            Further metadata, routed to the estimator.

        Returns
        -------
        self : DropoutClassifier
            The trained classifier.
        """
        first = not hasattr(self, "estimator_")
        X, y = self._checked_training_set(X, y, reset=first)
        params = self._routed("partial_fit", sample_weight, params)
        if classes is not None:
            params["classes"] = classes
        estimator = clone(self.estimator) if first else self.estimator_
        random_state = check_random_state(self.random_state) if first else self._random_state
        self._partial_fit_masked(estimator, random_state, X, y, params)
        return self._set_fitted(estimator, random_state) if first else self

    def _checked_training_set(self, X, y, reset):
        if not is_classifier(self.estimator):
            raise ValueError(f"estimator must be a classifier, which {type(self.estimator).__name__} is not")
        X, y = validate_data(self, X, y, reset=reset, **self._input_options())
        check_classification_targets(y)
        return without_duplicates(X), y

    def _input_options(self):
        takes_sparse = get_tags(self.estimator).input_tags.sparse
        return {"accept_sparse": "csr" if takes_sparse else False, "dtype": FLOAT_DTYPES}

    def _set_fitted(self, estimator, random_state):
        """Set the fitted attributes, at the end of a fit that did not fail."""
        self.estimator_ = estimator
        self.scale_ = 1.0 - self.rate
        self._random_state = random_state  # partial_fit continues to draw from it
        return self

    def _fit_stack(self, estimator, random_state, X, y, params):
        if "sample_weight" in params or "sample_weight" in signature(estimator.fit).parameters:
            params["sample_weight"] = _check_sample_weight(params.get("sample_weight"), X) / self.n_draws
        rows = np.tile(np.arange(X.shape[0]), self.n_draws)
        masked = drop_entries(X[rows], self.rate, random_state)
        with progress_bar(1, self.verbose, unit="fits", name="training") as progress:
            estimator.fit(masked, y[rows], **_check_method_params(X, params, indices=rows))
            progress.update()

    def _partial_fit_masked(self, estimator, random_state, X, y, params):
        estimator.partial_fit(drop_entries(X.copy(), self.rate, random_state), y, **params)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "estimator_")  # n_features_in_ is there after a fit that failed, too

    def _prepared(self, X):
        X = validate_data(self, X, reset=False, **self._input_options())
        return X * X.dtype.type(self.scale_)

    def _method_of_fit(self):
        """Return the name of the estimator's method that `fit` calls."""
        by_epochs = self.solver == "epochs" or (self.solver == "auto" and hasattr(self.estimator, "partial_fit"))
        return "partial_fit" if by_epochs else "fit"

    def _routed(self, method, sample_weight, params):
        """Collect the arguments of the estimator's method beside X and y."""
        _raise_for_params(params, self, method)
        if sample_weight is not None:
            params = {**params, "sample_weight": sample_weight}
        if not _routing_enabled():
            return params
        callee = self._method_of_fit() if method == "fit" else method
        return dict(process_routing(self, method, **params)["estimator"][callee])

    def get_metadata_routing(self):
        """Return the routing of metadata.

        Returns
        -------
        routing : MetadataRouter
            The requests of this object and its estimator.
        """
        to_estimator = (
            MethodMapping()
            .add(caller="fit", callee=self._method_of_fit())
            .add(caller="partial_fit", callee="partial_fit")
        )
        return (
            MetadataRouter(owner=self).add_self_request(self).add(estimator=self.estimator, method_mapping=to_estimator)
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags.sparse = inner.input_tags.sparse
        tags.input_tags.positive_only = inner.input_tags.positive_only
        if inner.classifier_tags is not None:
            tags.classifier_tags.multi_class = inner.classifier_tags.multi_class
        return tags
