"""Max-margin domain transform: a map from the target to the source that is learned together with the classifiers."""

# SPDX-License-Identifier: BSD-3-Clause
import warnings
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from skdecaf._linear_model.linear_algebra import singular_axes
from skdecaf._linear_model.squared_hinge import SquaredHinge
from skdecaf._utils.documented import DocumentedEstimator
from skdecaf._utils.dtypes import FLOAT_DTYPES
from skdecaf._utils.sample_domain import hidden_labels
from skdecaf.domain_adaptation._base import source_rows, split_domains


@dataclass(frozen=True)
class _Map:
    """The map I + left_axes core right_axes', of rows that are columns of what it is multiplied by."""

    left_axes: np.ndarray
    core: np.ndarray
    right_axes: np.ndarray

    def rows(self, X):
        """Map rows."""
        return X + ((X @ self.right_axes) @ self.core.T) @ self.left_axes.T

    def hyperplanes(self, hyperplanes):
        """Hyperplanes that have the scores of the given ones on mapped rows."""
        return hyperplanes + ((hyperplanes @ self.left_axes) @ self.core) @ self.right_axes.T


class _Alternation:
    """Both steps of the method, on rows that end with a constant 1 or are rotated from such."""

    def __init__(self, source, target, source_signs, target_signs, C_source, C_target, gamma):
        self.source, self.target = source, target
        self.target_signs = target_signs
        self.signs = np.hstack([source_signs, target_signs])
        self.C = np.repeat([C_source, C_target], [len(source), len(target)])
        self.map_cost = C_target if gamma is None else gamma / 2
        self.right_axes = singular_axes(target)[1]

    def identity(self):
        nothing = np.zeros((self.source.shape[1], 0))
        return _Map(nothing, np.zeros((0, self.right_axes.shape[1])), self.right_axes)

    def learn_hyperplanes(self, start, given):
        """One-versus-rest SVMs on rows of the source and mapped rows of the target."""
        return self._svm(given).minimise(start)

    def learn_map(self, hyperplanes, start):
        """The map that is closest to the identity at the cost of its errors."""
        left_axes = singular_axes(hyperplanes)[1]
        problem = SquaredHinge(
            self.target @ self.right_axes,
            self.target_signs,
            self.map_cost,
            left=hyperplanes @ left_axes,
            offset=hyperplanes @ self.target.T,
        )
        core = problem.minimise(left_axes.T @ start.left_axes @ start.core)
        return _Map(left_axes, core, self.right_axes)

    def objective(self, hyperplanes, given):
        """Objective that both steps minimise."""
        return self._svm(given).value(hyperplanes) + np.vdot(given.core, given.core) / 2

    def _svm(self, given):
        return SquaredHinge(np.concatenate([self.source, given.rows(self.target)]), self.signs, self.C)


class MaxMarginDomainTransform(ClassifierMixin, DocumentedEstimator):
    """Linear SVMs for the source, and a linear map that brings the few labelled rows of the target to their right side.

    One-versus-rest SVMs and the map W from the target to the source are learned in turns: the SVMs on rows of the
    source and mapped rows of the target, then the smallest change of the map that puts the rows of the target on the
    right side of all hyperplanes [1]_.

    It helps if the source has many labels and the target a few. Unlike `FeatureAugmentation`, it learns one map for
    all classes, so that it serves classes of which the target has no label, too.

    Parameters
    ----------
    C_source : float, default=1.0
        Cost of an error on a row of the source.
    C_target : float, default=1.0
        Cost of an error on a row of the target.
    gamma : float, default=None
        Twice the cost of an error while the map is learned. None is 2 * `C_target`, with which both steps descend one
        objective. The authors' released code has ``gamma=1e-4``, which keeps the map close to the identity.
    max_iter : int, default=100
        Largest number of turns. The authors' released code has 2.
    tol : float, default=1e-3
        With ``gamma=None``, stop after a turn in which the objective falls by less than this share of it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels.
    coef_ : float64 ndarray of shape (n_classes, n_features_in_), or ``(1, n_features_in_)`` of two classes
        Hyperplanes for rows of the target: those of the source after the map.
    intercept_ : float64 ndarray of shape (n_classes,) or (1,)
        Their constants.
    source_coef_, source_intercept_ : float64 ndarray
        Hyperplanes for rows of the source.
    objective_ : float64 ndarray of shape (2 * n_iter_,)
        The objective after each step, SVMs and map in turns; it falls with ``gamma=None``.
    n_iter_ : int
        Number of turns.
    has_target_ : bool
        Whether `fit` saw rows of the target. Without labelled ones the map is the identity, and this is a linear SVM.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during `fit`, if they are all strings.

    See Also
    --------
    FeatureAugmentation : Weights of each domain beside common ones, for any linear classifier.
    sklearn.svm.LinearSVC : The SVM that this is without a target.

    Notes
    -----
    With a constant 1 appended to each row, xs of the source and xt of the target, hyperplanes t_k and the signs y of
    one class versus the rest, the objective is

        ½ ‖W - I‖² + ½ Σ ‖t_k‖² + C_source Σ max(0, 1 - y t_k xs)² + C_target Σ max(0, 1 - y t_k W xt)².

    Each step finds the minimum over the hyperplanes, or over W. The objective is not convex in both, so the end is a
    local minimum, the one that is reached from the SVM on the rows as they are. With `gamma` the second step counts
    the errors with `gamma` / 2 instead of `C_target`, and the objective need not fall.

    Two classes have one hyperplane. The memory is linear in samples and in features: W differs from the identity by
    products of hyperplanes and labelled rows of the target, and all is computed in the subspace that rows span.

    Costs mean what they do in `~sklearn.svm.LinearSVC`, so scale features first; ``DropoutFeatures(rate=0)`` does.

    References
    ----------
    .. [1] Hoffman, Rodner, Donahue, Darrell and Saenko, "Efficient Learning of Domain-invariant Image
       Representations", ICLR 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from skdecaf.domain_adaptation import MaxMarginDomainTransform
    >>> X = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> y, domains = np.array([0, 1, 0, 1]), [1, 1, -2, -2]  # the target is turned by a right angle
    >>> model = MaxMarginDomainTransform().fit(X, y, sample_domain=domains)
    >>> model.predict([[0.1, 2.0], [0.1, -2.0]])
    array([0, 1])
    >>> model.predict([[2.0, 0.1], [-2.0, 0.1]], sample_domain=[1, 1])
    array([0, 1])
    """

    _parameter_constraints = {
        "C_source": [Interval(Real, 0, None, closed="neither")],
        "C_target": [Interval(Real, 0, None, closed="neither")],
        "gamma": [Interval(Real, 0, None, closed="neither"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
    }

    __metadata_request__fit = {"sample_domain": True}
    __metadata_request__predict = {"sample_domain": True}
    __metadata_request__decision_function = {"sample_domain": True}

    def __init__(self, C_source=1.0, C_target=1.0, *, gamma=None, max_iter=100, tol=1e-3):
        self.C_source = C_source
        self.C_target = C_target
        self.gamma = gamma
        self.max_iter = max_iter
        self.tol = tol

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_domain=None):
        """Learn hyperplanes and the map.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of both domains.
        y : array-like of shape (n_samples,)
            Class labels. Rows of the target whose label is hidden, -1 or None, are left out, see
            `~skdecaf.model_selection.mask_target_labels`.
        sample_domain : array-like of shape (n_samples,), default=None
            Domains: 0 or more for the source, less than 0 for the target. None takes all rows as the source.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If no row is of the source, or there are fewer than two classes.
        """
        X, y, in_source = self._labelled_rows(X, y, sample_domain)
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"fit needs samples of at least 2 classes; got one class, {self.classes_[0]!r}")
        signs = np.where(numbers == np.arange(len(self.classes_))[:, np.newaxis], 1.0, -1.0)
        if len(self.classes_) == 2:
            signs = signs[1:]
        with_one = np.hstack([X, np.ones((len(X), 1))])
        axes = singular_axes(with_one)[1]
        hyperplanes, found = self._alternate(with_one @ axes, signs, in_source)
        self.source_coef_, self.source_intercept_ = _coefficients(hyperplanes @ axes.T)
        self.coef_, self.intercept_ = _coefficients(found.hyperplanes(hyperplanes) @ axes.T)
        return self

    def _labelled_rows(self, X, y, sample_domain):
        """Rows with a label, their labels, and which of them are of the source."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        in_source = split_domains(sample_domain, X)
        self.has_target_ = not in_source.all()
        labelled = ~hidden_labels(y, in_source, "both")
        return X[labelled], y[labelled], in_source[labelled]

    def _alternate(self, rows, signs, in_source):
        """Hyperplanes and map, for rows in coordinates of the subspace that they span."""
        parts = rows[in_source], rows[~in_source], signs[:, in_source], signs[:, ~in_source]
        turns = _Alternation(*parts, self.C_source, self.C_target, self.gamma)
        hyperplanes, found, objective = None, turns.identity(), []
        for _ in range(self.max_iter if len(parts[1]) else 1):
            hyperplanes = turns.learn_hyperplanes(hyperplanes, found)
            objective.append(turns.objective(hyperplanes, found))
            if len(parts[1]):
                found = turns.learn_map(hyperplanes, found)
            objective.append(turns.objective(hyperplanes, found))
            if self._has_settled(objective):
                break
        else:
            if self.gamma is None and len(parts[1]):
                warnings.warn(
                    f"the objective still falls after max_iter={self.max_iter} turns", ConvergenceWarning, stacklevel=3
                )
        self.objective_, self.n_iter_ = np.array(objective), len(objective) // 2
        return hyperplanes, found

    def _has_settled(self, objective):
        if self.gamma is not None or len(objective) < 4:
            return False
        return objective[-3] - objective[-1] <= self.tol * objective[-1]

    def decision_function(self, X, sample_domain=None):
        """Scores of the classes: the signed distance to each hyperplane, times its norm.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        sample_domain : array-like of shape (n_samples,), default=None
            Domains: 0 or more for the source, less than 0 for the target. None takes all rows as the target if `fit`
            saw one, else as the source.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or (n_samples,) of two classes
            Of two classes, positive scores are the second's. float32 if X is, else float64.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=FLOAT_DTYPES, reset=False)
        in_source = np.full(len(X), not self.has_target_) if sample_domain is None else source_rows(sample_domain, X)
        scores = np.empty((len(X), len(self.coef_)), dtype=X.dtype)
        for rows, coef, intercept in (
            (in_source, self.source_coef_, self.source_intercept_),
            (~in_source, self.coef_, self.intercept_),
        ):
            if rows.any():
                part = X if rows.all() else X[rows]
                scores[rows] = part @ coef.T.astype(X.dtype, copy=False) + intercept.astype(X.dtype, copy=False)
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X, sample_domain=None):
        """Predict classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        sample_domain : array-like of shape (n_samples,), default=None
            Domains: 0 or more for the source, less than 0 for the target. None takes all rows as the target if `fit`
            saw one, else as the source.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        scores = self.decision_function(X, sample_domain=sample_domain)
        return self.classes_[(scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)]


def _coefficients(hyperplanes):
    """Weights of features, and of the constant 1 that ends each row."""
    return hyperplanes[:, :-1], hyperplanes[:, -1]
