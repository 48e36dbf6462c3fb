"""Training on one of two domains, and hiding labels of the target."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from sklearn.base import MetaEstimatorMixin, _fit_context, clone, is_classifier
from sklearn.utils import _safe_indexing, check_consistent_length, get_tags
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_method_params, _estimator_has, check_is_fitted

from skdecaf._utils.delegation import DelegatedPredictions
from skdecaf._utils.documented import DocumentedEstimator
from skdecaf._utils.sample_domain import UNKNOWN, check_domains, hidden_labels
from skdecaf._utils.warnings import warn_user
from skdecaf.model_selection._splits import check_labels


def mask_target_labels(y, train, test):
    """Hide the labels of the test samples.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Classes, none of which is -1 or missing.
    train, test : array-like of int
        Training and test rows, as from ``DomainAdaptationSplit(..., transductive=True)``, where test rows are among
        the training rows.

    Returns
    -------
    ndarray of shape (n_samples,)
        A copy of y with -1 in the rows of `test`, or None if classes are strings or other objects. Unsigned and
        boolean classes become int64. Fit on its rows `train`, and compare predictions with y.

    Raises
    ------
    ValueError
        If a class is already -1, a label is missing (None or NaN), or no row of `train` keeps its label.

    See Also
    --------
    DomainAdaptationSplit : Makes such splits.

    Notes
    -----
    A method that adapts to the target then sees the features of the test samples, but not their labels.
    `DomainSelector` skips rows with a hidden label. `~sklearn.model_selection.cross_val_score` hides nothing: write
    the loop over the splits yourself.

    Examples
    --------
    >>> from skdecaf.model_selection import mask_target_labels
    >>> mask_target_labels([0, 1, 0, 1], train=[0, 1, 2, 3], test=[2, 3])
    array([ 0,  1, -1, -1])
    """
    y = check_labels(y)
    dtype = y.dtype if y.dtype.kind in "if" else np.int64 if y.dtype.kind in "ub" else object
    masked = np.array(y, dtype=dtype)
    if masked.dtype != object and np.any(masked == UNKNOWN):
        raise ValueError("y has a class -1, which here means an unknown label; give that class another number")
    train, test = (np.arange(len(y))[rows] for rows in (train, test))
    masked[test] = None if masked.dtype == object else UNKNOWN
    if np.isin(train, test).all():
        raise ValueError("all rows of train are also in test, so that no label is left to learn from")
    return masked


class DomainSelector(DelegatedPredictions, MetaEstimatorMixin, DocumentedEstimator):
    """Train an estimator on the samples of one domain.

    Parameters
    ----------
    estimator : estimator
        The estimator to train; it is cloned.
    train_on : {"source", "target", "both"}, default="source"
        The domain whose samples are used in `fit`.

    Attributes
    ----------
    estimator_ : estimator
        The trained clone.
    classes_ : ndarray of shape (n_classes,)
        The class labels, if the estimator is a classifier.
    n_features_in_ : int
        Number of features seen during `fit`, if the estimator has this attribute.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`, if the estimator has this attribute.

    See Also
    --------
    DomainAdaptationSplit : Splits with samples of both domains to train on.

    Notes
    -----
    These are the rows S, T and ST of Table 1 (Section 4.2 of the paper).

    `fit` receives the domains as `sample_domain`, directly or by metadata routing, which requests it by default.
    Without it all samples are used, with a warning unless `train_on` is "both". A classifier does not see samples
    whose label `mask_target_labels` has hidden: -1 or None in the target.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.svm import LinearSVC
    >>> from skdecaf.model_selection import DomainSelector
    >>> X, y = np.array([[0.0], [1.0], [5.0], [9.0]]), np.array([0, 1, 0, 1])
    >>> domains = [1, 1, -2, -2]
    >>> for train_on in ("source", "target"):
    ...     model = DomainSelector(LinearSVC(), train_on).fit(X, y, sample_domain=domains)
    ...     print(train_on, model.predict([[3.0]]))
    source [1]
    target [0]
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit"])],
        "train_on": [StrOptions({"source", "target", "both"})],
    }

    __metadata_request__fit = {"sample_domain": True}

    def __init__(self, estimator, train_on="source"):
        self.estimator = estimator
        self.train_on = train_on

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sample_domain=None, **params):
        """Train a clone of the estimator on the samples of the chosen domain.

        Parameters
        ----------
        X : array-like, sparse matrix, frame or list of length n_samples
            What the estimator takes.
        y : array-like of shape (n_samples,), default=None
            What the estimator takes.
        sample_domain : array-like of shape (n_samples,), default=None
            Domains: 0 or more for the source, less than 0 for the target. None uses all samples, with a warning if
            `train_on` is one domain.
        **params : dict
            Further metadata, routed to the estimator.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If no sample belongs to the chosen domain, or lengths differ.
        """
        params = self._routed("fit", sample_domain, params)
        if sample_domain is not None:
            check_consistent_length(X, y, sample_domain)
            rows = self._rows(y, sample_domain)
            params = _check_method_params(X, params, indices=rows)
            X, y = _safe_indexing(X, rows), None if y is None else _safe_indexing(y, rows)
        elif self.train_on != "both":
            warn_user(
                f"train_on={self.train_on!r}, but fit was given no sample_domain, so all samples are trained on; pass "
                "it to fit, or to cross-validation in params"
            )
        self.estimator_ = clone(self.estimator).fit(X, y, **params)
        return self

    def _rows(self, y, sample_domain):
        """Rows of the chosen domain, without those whose label is hidden."""
        in_source = check_domains(sample_domain) >= 0
        chosen = {"source": in_source, "target": ~in_source, "both": np.ones_like(in_source)}[self.train_on]
        if not chosen.any():
            sign = "0 or more" if self.train_on == "source" else "less than 0"
            raise ValueError(
                f"train_on={self.train_on!r}, but none of the {len(chosen)} samples is of the {self.train_on}, where "
                f"sample_domain is {sign}"
            )
        if y is not None and is_classifier(self.estimator):
            chosen = chosen & ~hidden_labels(y, in_source, self.train_on)
        if not chosen.any():
            raise ValueError(f"train_on={self.train_on!r}, but all labels of its samples are hidden")
        return np.flatnonzero(chosen)

    def _routed(self, method, sample_domain, params):
        """Metadata for a method of the estimator."""
        if not _routing_enabled():
            return params
        if sample_domain is not None:
            params = {**params, "sample_domain": sample_domain}
        return dict(process_routing(self, method, **params)["estimator"][method])

    @property
    def n_features_in_(self):
        """Number of features seen during `fit`."""
        return self.estimator_.n_features_in_

    @property
    def feature_names_in_(self):
        """Names of features seen during `fit`."""
        return self.estimator_.feature_names_in_

    @available_if(_estimator_has("score"))
    def score(self, X, y=None, **params):
        """Score the trained estimator on samples of any domain.

        Parameters
        ----------
        X : array-like, sparse matrix, frame or list of length n_samples
        y : array-like of shape (n_samples,), default=None
        **params : dict
            Metadata, routed to the estimator's `score`.

        Returns
        -------
        float
        """
        check_is_fitted(self)
        return self.estimator_.score(X, y, **self._routed("score", None, params))

    def get_metadata_routing(self):
        """Get the metadata routing.

        Returns
        -------
        MetadataRouter
        """
        methods = MethodMapping().add(caller="fit", callee="fit").add(caller="score", callee="score")
        return MetadataRouter(owner=self).add_self_request(self).add(estimator=self.estimator, method_mapping=methods)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.estimator_type, tags.input_tags, tags.target_tags = (
            inner.estimator_type,
            inner.input_tags,
            inner.target_tags,
        )
        tags.classifier_tags, tags.regressor_tags = inner.classifier_tags, inner.regressor_tags
        return tags
