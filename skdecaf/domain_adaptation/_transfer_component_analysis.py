"""Transfer component analysis: features in which rows vary, while the means of the two domains agree."""

# SPDX-License-Identifier: BSD-3-Clause
from numbers import Integral, Real

import numpy as np
from scipy.linalg import eigh
from sklearn.base import ClassNamePrefixFeaturesOutMixin
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.utils._param_validation import Interval, StrOptions

from skdecaf._linear_model.linear_algebra import singular_axes
from skdecaf.domain_adaptation._base import DomainTransformer

_MIN_EIGENVALUE = 1e-12  # of the largest one


def transfer_components(values, vectors, in_source, n_components, reg):
    """Solve the eigenvalue problem of transfer component analysis.

    Parameters
    ----------
    values : float64 ndarray of shape (rank,)
        Eigenvalues of the kernel matrix K.
    vectors : float64 ndarray of shape (n_samples, rank)
        Its eigenvectors.
    in_source : bool ndarray of shape (n_samples,)
        Which rows are of the source; all of them where there is no target.
    n_components : int
    reg : float

    Returns
    -------
    float64 ndarray of shape (rank, n_components)
        Weights of the eigenvectors: columns of ``vectors @ weights`` maximise the variance of K a over
        reg a'a + (difference of the domains' means along K a)², suitably scaled, and K a has the variance 1.
    """
    n = len(vectors)
    mapped = vectors * values  # K in these coordinates
    centred = mapped - mapped.mean(axis=0)
    between = np.zeros(mapped.shape[1])
    if not in_source.all():
        between = mapped[in_source].mean(axis=0) - mapped[~in_source].mean(axis=0)
        between /= np.sqrt(1 / np.count_nonzero(in_source) + 1 / np.count_nonzero(~in_source))
    # What divides is reg I + between between', whose root is that of a matrix of rank one.
    square = between @ between
    shrink = 1 - np.sqrt(reg / (reg + square))
    direction = between / np.sqrt(square) if square > 0 else between
    whitened = centred - shrink * np.outer(centred @ direction, direction)
    n_components = min(n_components, whitened.shape[1])
    last = whitened.shape[1] - 1
    variances, axes = eigh(whitened.T @ whitened, subset_by_index=[last + 1 - n_components, last])
    variances, axes = variances[::-1], axes[:, ::-1]
    kept = variances > _MIN_EIGENVALUE * variances[0]
    kept[0] = True  # so that there is one where all rows are equal
    axes = axes[:, kept]
    weights = axes - shrink * np.outer(direction, direction @ axes)
    scale = np.sqrt(np.maximum(variances[kept], 0) / n)
    return weights / np.where(scale > 0, scale, 1)


def _with_signs(matrix):
    """Make the entry of the largest absolute value positive in each column: an eigenvector has no sign of its own."""
    return matrix * np.sign(np.take_along_axis(matrix, np.abs(matrix).argmax(axis=0)[np.newaxis], axis=0))


class TransferComponentAnalysis(ClassNamePrefixFeaturesOutMixin, DomainTransformer):
    """Find features in which rows differ as much as possible, and the means of the domains as little.

    The distance of the means, in the space of a kernel, is the maximum mean discrepancy; the features keep it small
    [1]_. It helps if no row of the target has a label, many rows without one are at hand, and both domains have
    about the same mix of classes.

    Parameters
    ----------
    n_components : int, default=30
        Number of features of the output, at most: there are no more than the kernel has dimensions.
    reg : float, default=1.0
        Penalty on the weights. The smaller, the closer the means of the domains.
    kernel : {"linear", "poly", "rbf", "laplacian", "sigmoid", "cosine"}, default="linear"
        The kernel.
    gamma : float, default=None
        Of the kernels "poly", "rbf", "laplacian" and "sigmoid"; None is 1 / n_features.
    degree : float, default=3
        Of the kernel "poly".
    coef0 : float, default=1
        Of the kernels "poly" and "sigmoid".

    Attributes
    ----------
    projection_ : float64 ndarray of shape (n_features_in_, n_components_)
        What rows are multiplied by. Only with the linear kernel.
    dual_coef_ : float64 ndarray of shape (n_samples, n_components_)
        What kernels with the training rows are multiplied by. Only with other kernels.
    X_fit_ : ndarray of shape (n_samples, n_features_in_)
        The training rows. Only with other kernels.
    n_components_ : int
        Number of features of the output.
    has_target_ : bool
        Whether `fit` saw rows of the target. Without, the features are those of kernel PCA.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during `fit`, if they are all strings.

    See Also
    --------
    DomainScaler : Removes the difference of the means altogether, feature by feature.
    CORAL : Keeps all features.

    Notes
    -----
    Rows should have about the norm 1, as `~sklearn.preprocessing.Normalizer` makes it, for `reg` to mean what it does
    in [1]_. With K the kernel matrix of all n rows, H = I - 11'/n and e = 1/n_source for rows of the source and
    -1/n_target for those of the target, the features are K a for the leading solutions a of

        K H K a = v (K e e' K / e'e + reg I) a.

    Each has the variance 1 over the training rows, where [1]_ has 1/n.

    With the linear kernel, time and memory are those of the smaller of the numbers of rows and features; other
    kernels take the memory of n² numbers, and keep the training rows.

    References
    ----------
    .. [1] Pan, Tsang, Kwok and Yang, "Domain Adaptation via Transfer Component Analysis", IEEE Transactions on Neural
       Networks 22(2), 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from skdecaf.domain_adaptation import TransferComponentAnalysis
    >>> rng = np.random.default_rng(0)
    >>> X, domains = rng.normal(size=(100, 2)), np.repeat([1, -2], 50)
    >>> X[domains < 0] += [5, 0]  # the domains differ in the first feature
    >>> components = TransferComponentAnalysis(n_components=1, reg=0.01).fit(X, sample_domain=domains)
    >>> components.projection_.round(2)
    array([[0.03],
           [1.06]])
    """

    _parameter_constraints = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "reg": [Interval(Real, 0, None, closed="neither")],
        "kernel": [StrOptions({"linear", "poly", "rbf", "laplacian", "sigmoid", "cosine"})],
        "gamma": [Interval(Real, 0, None, closed="left"), None],
        "degree": [Interval(Real, 0, None, closed="left")],
        "coef0": [Interval(Real, None, None, closed="neither")],
    }

    def __init__(self, n_components=30, *, reg=1.0, kernel="linear", gamma=None, degree=3, coef0=1):
        self.n_components = n_components
        self.reg = reg
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0

    def _learn(self, source, target):
        X = source if target is None else np.concatenate([source, target])
        in_source = np.arange(len(X)) < len(source)
        for name in ("projection_", "dual_coef_", "X_fit_"):  # of another kernel
            vars(self).pop(name, None)
        if self.kernel == "linear":
            singular_values, axes = singular_axes(X)
            values, vectors = singular_values**2, (X @ axes) / singular_values
        else:
            values, vectors = eigh(self._kernel(X, X).astype(np.float64))
            kept = values > _MIN_EIGENVALUE * max(values[-1], 0)
            values, vectors = values[kept], vectors[:, kept]
        if not len(values):
            raise ValueError("all rows are zero in the space of the kernel, so that there is nothing to analyse")
        weights = transfer_components(values, vectors, in_source, self.n_components, self.reg)
        if self.kernel == "linear":
            self.projection_ = _with_signs((axes * singular_values) @ weights)
        else:
            self.dual_coef_, self.X_fit_ = _with_signs(vectors @ weights), X
        self.n_components_ = weights.shape[1]

    def _map(self, X, of_target):
        if self.kernel == "linear":
            return X @ self.projection_.astype(X.dtype, copy=False)
        return (self._kernel(X, self.X_fit_) @ self.dual_coef_).astype(X.dtype, copy=False)

    def _kernel(self, X, Z):
        params = {"gamma": self.gamma, "degree": self.degree, "coef0": self.coef0}
        return pairwise_kernels(X, Z, metric=self.kernel, filter_params=True, **params)

    @property
    def _n_features_out(self):
        return self.n_components_
