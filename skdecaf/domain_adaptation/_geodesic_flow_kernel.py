"""Geodesic flow kernel: inner products over all subspaces between those of two domains."""

# SPDX-License-Identifier: BSD-3-Clause
from numbers import Integral

import numpy as np
from scipy.linalg import svd
from sklearn.base import ClassNamePrefixFeaturesOutMixin
from sklearn.utils._param_validation import Interval

from skdecaf.domain_adaptation._base import DomainTransformer
from skdecaf.domain_adaptation._subspaces import domain_axes


def geodesic_flow(source_axes, target_axes):
    """Integrate projections onto the subspaces of the geodesic flow from one subspace to another.

    Parameters
    ----------
    source_axes, target_axes : float64 ndarray of shape (n_features, d)
        Orthonormal bases.

    Returns
    -------
    projection : float64 ndarray of shape (n_features, 2 * d)
        M, with which the kernel is x' M M' z.
    angles : float64 ndarray of shape (d,)
        Principal angles between the subspaces, in radians, from the smallest.
    """
    left, cosines, right = svd(source_axes.T @ target_axes)
    along = source_axes @ left
    # What is left of each principal vector of the target has the length of the sine, which tells small angles better
    # than the cosine does.
    across = target_axes @ right.T - along * cosines
    sines = np.linalg.norm(across, axis=0)
    angles = np.arctan2(sines, cosines)
    across /= np.where(sines > 0, sines, 1)
    weights = _flow_weights(angles)
    root = _square_roots(*weights)
    return np.hstack([along * root[i] + across * root[i + 1] for i in range(2)]), angles


def _flow_weights(angles):
    """Integrals from 0 to 1 of cos² ta, cos ta sin ta and sin² ta over t, for each angle a."""
    sinc = np.sinc(2 * angles / np.pi)
    return (1 + sinc) / 2, np.sin(angles) * np.sinc(angles / np.pi) / 2, (1 - sinc) / 2


def _square_roots(a, b, c):
    """Symmetric square roots of the matrices [[a, b], [b, c]], none of which is zero, by their entries."""
    determinant = np.sqrt(np.maximum(a * c - b**2, 0))
    scale = np.sqrt(a + c + 2 * determinant)
    return (a + determinant) / scale, b / scale, (c + determinant) / scale


class GeodesicFlowKernel(ClassNamePrefixFeaturesOutMixin, DomainTransformer):
    """Compare rows in all subspaces on the way from the source to the target.

    Both domains are described by the subspace of their main variation. The geodesic flow turns one into the other at
    constant speed; the kernel averages inner products over all subspaces that it passes [1]_. What both domains share
    counts in full, and what only one of them has counts less.

    It helps if no row of the target has a label, many rows without one are at hand, and features are hand-made or
    weak. On features of a deep network a linear classifier on the features as they are is often better, and is so in
    Table 1 of the DeCAF paper [2]_, as few dimensions carry less than all of them.

    Parameters
    ----------
    n_components : int, default=None
        Dimension of the subspaces, at most: there are no more than the directions in which the rows of each domain
        vary. None takes the smallest dimension at which both domains have a direction at a right
        angle to the subspace of both together (the subspace disagreement measure).

    Attributes
    ----------
    projection_ : float64 ndarray of shape (n_features_in_, 2 * n_components_)
        The kernel is x' G z with G = ``projection_ @ projection_.T``.
    angles_ : float64 ndarray of shape (n_components_,)
        Principal angles between the subspaces, in radians, from the smallest.
    source_components_, target_components_ : float64 ndarray of shape (n_components_, n_features_in_)
        Orthonormal bases of the subspaces, which are those of the first principal components.
    n_components_ : int
        Dimension of the subspaces.
    has_target_ : bool
        Whether `fit` saw rows of the target. Without, both subspaces are that of the source.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during `fit`, if they are all strings.

    See Also
    --------
    DomainScaler : The usual step before it.
    SubspaceAlignment : Maps one subspace onto the other.

    Notes
    -----
    `transform` multiplies rows by the square root of the kernel, ``2 * n_components_`` numbers for each, on which any
    method of Euclidean space works: a linear classifier, or nearest neighbours, as in [1]_. `kernel` gives the same
    inner products for ``SVC(kernel="precomputed")``. Neither forms the matrix G, and neither centres the rows: in [1]_
    each feature has the mean 0 and the variance 1 in each domain, as `DomainScaler` makes it.

    The kernel learns from rows of the target without labels. If these are the rows for the test, it is transductive.

    References
    ----------
    .. [1] Gong, Shi, Sha and Grauman, "Geodesic Flow Kernel for Unsupervised Domain Adaptation", CVPR 2012.
    .. [2] Donahue et al., "DeCAF: A Deep Convolutional Activation Feature for Generic Visual Recognition", ICML 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from skdecaf.domain_adaptation import GeodesicFlowKernel
    >>> X = np.array([[1.0, 0.0], [-1.0, 0.0], [1.0, 1.0], [-1.0, -1.0]])  # lines 45 degrees apart
    >>> flow = GeodesicFlowKernel(n_components=1).fit(X, sample_domain=[1, 1, -2, -2])
    >>> np.degrees(flow.angles_).round(1)
    array([45.])
    >>> flow.kernel(np.eye(2)).round(4)
    array([[0.8183, 0.3183],
           [0.3183, 0.1817]])
    """

    _parameter_constraints = {"n_components": [Interval(Integral, 1, None, closed="left"), None]}
    _min_samples = 2

    def __init__(self, n_components=None):
        self.n_components = n_components

    def kernel(self, X, Z=None):
        """Compute the kernel between rows, of any domain.

        Parameters
        ----------
        X : array-like of shape (n_samples_X, n_features)
        Z : array-like of shape (n_samples_Z, n_features), default=None
            None takes X.

        Returns
        -------
        ndarray of shape (n_samples_X, n_samples_Z)
            float32 if both are, else float64.
        """
        mapped = np.asarray(self.transform(X))  # whatever the container that `set_output` chose
        return mapped @ (mapped if Z is None else np.asarray(self.transform(Z))).T

    def _learn(self, source, target):
        source_axes, target_axes = domain_axes(source, target, self.n_components)
        self.source_components_, self.target_components_ = source_axes.T, target_axes.T
        self.n_components_ = source_axes.shape[1]
        self.projection_, self.angles_ = geodesic_flow(source_axes, target_axes)

    def _map(self, X, of_target):
        return X @ self.projection_.astype(X.dtype, copy=False)

    @property
    def _n_features_out(self):
        return self.projection_.shape[1]
