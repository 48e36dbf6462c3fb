"""Subspace alignment: turn the principal axes of the source onto the principal axes of the target."""

# SPDX-License-Identifier: BSD-3-Clause
from numbers import Integral

from sklearn.base import ClassNamePrefixFeaturesOutMixin
from sklearn.utils._param_validation import Interval

from skdecaf.domain_adaptation._base import DomainTransformer
from skdecaf.domain_adaptation._subspaces import domain_axes


class SubspaceAlignment(ClassNamePrefixFeaturesOutMixin, DomainTransformer):
    """Project each domain onto its own principal axes, and turn those of the source onto those of the target.

    Rows of the source become x Ps Ps' Pt, rows of the target x Pt, where the columns of Ps and Pt are the first
    principal axes of the domains [1]_. It helps if no row of the target has a label, many rows without one are at
    hand, and a few directions carry what the classes differ in.

    Parameters
    ----------
    n_components : int, default=None
        Number of principal axes, and of features of the output, at most: there are no more than the directions in
        which the rows of each domain vary. None takes the smallest dimension at which both
        domains have a direction at a right angle to the subspace of both together (the subspace disagreement measure,
        see `GeodesicFlowKernel`), which is cautious: 80 is common where the domains have hundreds of rows.

    Attributes
    ----------
    alignment_ : float64 ndarray of shape (n_components_, n_components_)
        Ps' Pt; the identity where `fit` saw no target.
    source_components_, target_components_ : float64 ndarray of shape (n_components_, n_features_in_)
        The principal axes, as rows.
    n_components_ : int
        Number of principal axes.
    has_target_ : bool
        Whether `fit` saw rows of the target.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during `fit`, if they are all strings.

    See Also
    --------
    DomainScaler : The usual step before it.
    GeodesicFlowKernel : Compares rows in all subspaces between the two.

    Notes
    -----
    Rows are not centred: in [1]_ each feature has the mean 0 and the variance 1 in each domain, as `DomainScaler` makes
    it.

    References
    ----------
    .. [1] Fernando, Habrard, Sebban and Tuytelaars, "Unsupervised Visual Domain Adaptation Using Subspace Alignment",
       ICCV 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from skdecaf.domain_adaptation import SubspaceAlignment
    >>> X = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> alignment = SubspaceAlignment(n_components=1).fit(X + X[:, ::-1] / 4, sample_domain=[1, 1, -2, -2])
    >>> alignment.alignment_.round(2)
    array([[0.47]])
    """

    _parameter_constraints = {"n_components": [Interval(Integral, 1, None, closed="left"), None]}
    _min_samples = 2

    def __init__(self, n_components=None):
        self.n_components = n_components

    def _learn(self, source, target):
        source_axes, target_axes = domain_axes(source, target, self.n_components)
        self.source_components_, self.target_components_ = source_axes.T, target_axes.T
        self.n_components_ = source_axes.shape[1]
        self.alignment_ = source_axes.T @ target_axes

    def _map(self, X, of_target):
        axes = self.target_components_.T if of_target else self.source_components_.T @ self.alignment_
        return X @ axes.astype(X.dtype, copy=False)

    @property
    def _n_features_out(self):
        return self.n_components_
