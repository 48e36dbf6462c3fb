"""What all transformers of this package share: rows of two domains in, rows of one feature space out."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from scipy import sparse
from sklearn.base import TransformerMixin, _fit_context
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from skdecaf._utils.documented import DocumentedEstimator
from skdecaf._utils.dtypes import FLOAT_DTYPES
from skdecaf._utils.sample_domain import check_domains


def source_rows(sample_domain, X):
    """Tell which rows are of the source, as a boolean array of shape (n_samples,)."""
    in_source = check_domains(sample_domain) >= 0
    check_consistent_length(X, in_source)
    return in_source


def split_domains(sample_domain, X):
    """Tell which rows `fit` is to take as the source: all of them where no domains are given."""
    if sample_domain is None:
        return np.ones(X.shape[0], dtype=bool)
    in_source = source_rows(sample_domain, X)
    if not in_source.any():
        raise ValueError("no sample is of the source, where sample_domain is 0 or more; fit needs both domains")
    return in_source


class DomainTransformer(TransformerMixin, DocumentedEstimator):
    """Base class: `_learn` sees the rows of each domain in `fit`, `_map` maps rows of one domain in `transform`.

    Attributes
    ----------
    has_target_ : bool
        Whether `fit` saw rows of the target.
    """

    __metadata_request__fit = {"sample_domain": True}
    __metadata_request__transform = {"sample_domain": True}

    _accept_sparse = False
    _min_samples = 1  # of each domain

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_domain=None):
        """Learn from rows of both domains.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of both domains. No labels are needed, so rows of the target without a label serve as well.
        y : ignored
        sample_domain : array-like of shape (n_samples,), default=None
            Domains: 0 or more for the source, less than 0 for the target. None takes all rows as the source.

        Returns
        -------
        self
        """
        X = self._checked(X, reset=True, ensure_min_samples=self._min_samples)
        in_source = split_domains(sample_domain, X)
        self._check_sizes(in_source)
        self.has_target_ = not in_source.all()
        self._learn(X[in_source], X[~in_source] if self.has_target_ else None)
        return self

    def transform(self, X, sample_domain=None):
        """Map rows of either domain.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        sample_domain : array-like of shape (n_samples,), default=None
            Domains: 0 or more for the source, less than 0 for the target. None takes all rows as the target if `fit`
            saw one, else as the source.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out)
            float32 if X is, else float64.
        """
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        if sample_domain is None:
            return self._map(X, of_target=self.has_target_)
        in_source = source_rows(sample_domain, X)
        if in_source.all() or not in_source.any():
            return self._map(X, of_target=not in_source.any())
        return self._interleaved(X, in_source)

    def fit_transform(self, X, y=None, sample_domain=None):
        """Learn from rows of both domains, and map them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of both domains.
        y : ignored
        sample_domain : array-like of shape (n_samples,), default=None
            Domains: 0 or more for the source, less than 0 for the target. None takes all rows as the source.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out)
            float32 if X is, else float64.
        """
        return self.fit(X, y, sample_domain=sample_domain).transform(X, sample_domain=sample_domain)

    def _learn(self, source, target):
        """Learn from the rows of the source and those of the target; the latter are None where there are none."""
        raise NotImplementedError

    def _map(self, X, of_target):
        """Map rows of one domain."""
        raise NotImplementedError

    def _interleaved(self, X, in_source):
        """Map rows of both domains, each at its place."""
        parts = [self._map(X[rows], of_target) for rows, of_target in ((in_source, False), (~in_source, True))]
        places = np.argsort(np.concatenate([np.flatnonzero(in_source), np.flatnonzero(~in_source)]))
        joined = sparse.vstack(parts, format="csr") if sparse.issparse(parts[0]) else np.concatenate(parts)
        return joined[places]

    def _checked(self, X, **options):
        accept_sparse = "csr" if self._accept_sparse else False
        return validate_data(self, X, accept_sparse=accept_sparse, dtype=FLOAT_DTYPES, **options)

    def _check_sizes(self, in_source):
        sizes = {"source": np.count_nonzero(in_source), "target": np.count_nonzero(~in_source)}
        for domain, n in sizes.items():
            if 0 < n < self._min_samples:
                raise ValueError(f"fit needs at least {self._min_samples} samples of the {domain}; got {n}")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self._accept_sparse
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
