"""Correlation alignment: the source gets the covariance of the target."""

# SPDX-License-Identifier: BSD-3-Clause
from numbers import Real

import numpy as np
from sklearn.base import OneToOneFeatureMixin
from sklearn.utils._param_validation import Interval

from skdecaf._linear_model.linear_algebra import singular_axes
from skdecaf.domain_adaptation._base import DomainTransformer
from skdecaf.domain_adaptation._subspaces import centred


class CORAL(OneToOneFeatureMixin, DomainTransformer):
    """Give the rows of the source the covariance of the target.

    Rows of the source are whitened by their own covariance, and coloured by that of the target; rows of the target
    stay as they are [1]_. It helps if no row of the target has a label, the features are correlated differently in the
    two domains, and each domain has more rows than features, so that their correlations are known well. With fewer
    rows it may do harm, and a larger `reg` is safer. It keeps the number and the meaning of the features.

    Parameters
    ----------
    reg : float, default=1.0
        What is added to the diagonals of the covariances, in squared units of the features. 1 is the value of [1]_ for
        features of variance 1, as `DomainScaler` makes them. The larger, the less rows are changed.

    Attributes
    ----------
    has_target_ : bool
        Whether `fit` saw rows of the target. Without, rows are left as they are.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during `fit`, if they are all strings.

    See Also
    --------
    DomainScaler : The usual step before it; alone, it matches means and variances.

    Notes
    -----
    With Cs and Ct the covariances of source and target, rows of the source are multiplied by
    (Cs + reg I)^(-1/2) (Ct + reg I)^(1/2). Means are not touched. Neither covariance is formed where features
    outnumber rows: the memory is linear in both.

    References
    ----------
    .. [1] Sun, Feng and Saenko, "Return of Frustratingly Easy Domain Adaptation", AAAI 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from skdecaf.domain_adaptation import CORAL
    >>> rng = np.random.default_rng(0)
    >>> source, target = rng.normal(size=(200, 2)), rng.normal(size=(200, 2)) @ [[3.0, 0.0], [1.0, 1.0]]
    >>> X, domains = np.concatenate([source, target]), np.repeat([1, -2], 200)
    >>> aligned = CORAL(reg=1e-6).fit_transform(X, sample_domain=domains)
    >>> np.allclose(np.cov(aligned[:200].T), np.cov(target.T), rtol=1e-4)
    True
    """

    _parameter_constraints = {"reg": [Interval(Real, 0, None, closed="neither")]}
    _min_samples = 2

    def __init__(self, reg=1.0):
        self.reg = reg

    def _learn(self, source, target):
        self._powers = [] if target is None else [self._power(source, -0.5), self._power(target, 0.5)]

    def _power(self, X, exponent):
        """A power of the regularised covariance, relative to that of `reg` alone: axes, and what each adds to 1."""
        values, axes = singular_axes(centred(X))
        return axes, (values**2 / (len(X) - 1) / self.reg + 1) ** exponent - 1

    def _map(self, X, of_target):
        if of_target:
            return X.copy()
        mapped = X.astype(np.float64)  # a copy
        for axes, added in self._powers:
            mapped += ((mapped @ axes) * added) @ axes.T
        return mapped.astype(X.dtype, copy=False)
