"""Standardisation of each domain by itself."""

# SPDX-License-Identifier: BSD-3-Clause
from sklearn.base import OneToOneFeatureMixin
from sklearn.preprocessing import StandardScaler

from skdecaf.domain_adaptation._base import DomainTransformer


class DomainScaler(OneToOneFeatureMixin, DomainTransformer):
    """Give each feature the mean 0 and the variance 1 in each domain.

    The simplest adaptation, and the usual first step of the others: it removes what lighting, cameras or backgrounds
    do to all photos of a domain alike. It helps if both domains have about the same mix of classes. It needs no
    labels, and a fair number of rows of the target, without labels or with.

    Parameters
    ----------
    with_mean : bool, default=True
        Whether to subtract the mean of the domain.
    with_std : bool, default=True
        Whether to divide by the standard deviation in the domain; a constant feature is divided by 1.

    Attributes
    ----------
    source_scaler_ : StandardScaler
        Of the source.
    target_scaler_ : StandardScaler
        Of the target; that of the source where `fit` saw no target.
    has_target_ : bool
        Whether `fit` saw rows of the target.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during `fit`, if they are all strings.

    See Also
    --------
    CORAL : Matches correlations of features, too.
    GeodesicFlowKernel : Wants rows that are standardised like this.

    Notes
    -----
    If the mix of classes differs between the domains, their means differ for a good reason, and removing the difference
    hurts. The mean of a few labelled rows of the target is not reliable: pass rows without labels, too.

    Examples
    --------
    >>> import numpy as np
    >>> from skdecaf.domain_adaptation import DomainScaler
    >>> X = np.array([[0.0], [2.0], [50.0], [70.0]])
    >>> DomainScaler().fit_transform(X, sample_domain=[1, 1, -2, -2])
    array([[-1.],
           [ 1.],
           [-1.],
           [ 1.]])
    """

    _parameter_constraints = {"with_mean": ["boolean"], "with_std": ["boolean"]}

    def __init__(self, with_mean=True, with_std=True):
        self.with_mean = with_mean
        self.with_std = with_std

    def _learn(self, source, target):
        self.source_scaler_ = self._scaler().fit(source)
        self.target_scaler_ = self.source_scaler_ if target is None else self._scaler().fit(target)

    def _scaler(self):
        scaler = StandardScaler(with_mean=self.with_mean, with_std=self.with_std)
        return scaler.set_output(transform="default")  # only the `set_output` of DomainScaler chooses the container

    def _map(self, X, of_target):
        return (self.target_scaler_ if of_target else self.source_scaler_).transform(X)
