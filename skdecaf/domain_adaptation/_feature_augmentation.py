"""Feature augmentation: a copy of the features for both domains, and one for each."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from scipy import sparse
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from skdecaf.domain_adaptation._base import DomainTransformer, source_rows

_BLOCKS = ("shared", "source", "target")


class FeatureAugmentation(DomainTransformer):
    """Give a linear classifier weights that both domains share, and weights of each domain.

    A row x of the source becomes (x, x, 0), a row of the target (x, 0, x) [1]_. It helps if both domains have
    labels, some features mean the same in both, and others do not: the weights of the target take up what its few
    labels say differently. Without labels of the target, it does nothing.

    Attributes
    ----------
    has_target_ : bool
        Whether `fit` saw rows of the target.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during `fit`, if they are all strings.

    See Also
    --------
    MaxMarginDomainTransform : Learns a map from the target to the source, also from few labels.

    Notes
    -----
    An L2 penalty on the augmented weights (w, u, v) draws the classifiers of the two domains, w + u and w + v, towards
    each other.

    Three times as many features cost memory and time. `kernel` computes the inner products of augmented rows without
    them: k(x, z) doubled within a domain, and once across domains. It suits wide features, such as the 4096 of DeCAF6,
    with ``SVC(kernel="precomputed")``, and takes kernels other than the linear one.

    Several sources, with different numbers of 0 or more, count as one; so do several targets. Sparse rows stay sparse.

    References
    ----------
    .. [1] Daumé III, "Frustratingly Easy Domain Adaptation", ACL 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from skdecaf.domain_adaptation import FeatureAugmentation
    >>> X = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> augmentation = FeatureAugmentation()
    >>> augmentation.fit_transform(X, sample_domain=[1, -2])
    array([[1., 2., 1., 2., 0., 0.],
           [3., 4., 0., 0., 3., 4.]])
    >>> augmentation.transform([[5.0, 6.0]])  # the target's
    array([[5., 6., 0., 0., 5., 6.]])
    >>> augmentation.kernel(X, X_domain=[1, -2])
    array([[10., 11.],
           [11., 50.]])
    """

    _parameter_constraints = {}
    _accept_sparse = True

    def kernel(self, X, Z=None, X_domain=None, Z_domain=None, *, metric="linear", **params):
        """Compute the kernel of augmented rows without augmenting them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples_X, n_features)
        Z : {array-like, sparse matrix} of shape (n_samples_Z, n_features), default=None
            None takes X, and `X_domain`.
        X_domain, Z_domain : array-like of shape (n_samples,), default=None
            Domains: 0 or more for the source, less than 0 for the target. None takes all rows as the target if `fit`
            saw one, else as the source.
        metric : str or callable, default="linear"
            The kernel k of plain rows, as for `~sklearn.metrics.pairwise.pairwise_kernels`.
        **params : dict
            Parameters of k, such as ``gamma``.

        Returns
        -------
        ndarray of shape (n_samples_X, n_samples_Z)
            2 k(x, z) for rows of one domain, k(x, z) for rows of different domains.

        Examples
        --------
        A support vector machine on the kernel between rows for the test and rows for training:

        >>> import numpy as np
        >>> from sklearn.svm import SVC
        >>> from skdecaf.domain_adaptation import FeatureAugmentation
        >>> X, y, domains = np.array([[0.0], [1.0], [5.0], [9.0]]), [0, 1, 0, 1], [1, 1, -2, -2]
        >>> augmentation = FeatureAugmentation().fit(X, sample_domain=domains)
        >>> svm = SVC(kernel="precomputed", C=10).fit(augmentation.kernel(X, X_domain=domains), y)
        >>> svm.predict(augmentation.kernel([[6.0], [8.0]], X, Z_domain=domains))
        array([0, 1])
        """
        check_is_fitted(self)
        if Z is None:
            Z, Z_domain = X, X_domain
        X, Z = (self._checked(rows, reset=False) for rows in (X, Z))
        in_source = [self._in_source(rows, given) for rows, given in ((X, X_domain), (Z, Z_domain))]
        plain = pairwise_kernels(X, Z, metric=metric, **params)
        plain[np.equal.outer(*in_source)] *= 2
        return plain

    def get_feature_names_out(self, input_features=None):
        """Name the features: those of each block have a prefix, "shared", "source" or "target".

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features; None takes those seen during `fit`, or x0, x1, ….

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        return np.array([f"{block}_{name}" for block in _BLOCKS for name in names], dtype=object)

    def _learn(self, source, target):
        pass

    def _map(self, X, of_target):
        if sparse.issparse(X):
            nothing = type(X)(X.shape, dtype=X.dtype)
            return sparse.hstack([X, nothing, X] if of_target else [X, X, nothing], format="csr")
        nothing = np.zeros_like(X)
        return np.hstack([X, nothing, X] if of_target else [X, X, nothing])

    def _in_source(self, X, domains):
        return np.full(X.shape[0], not self.has_target_) if domains is None else source_rows(domains, X)
