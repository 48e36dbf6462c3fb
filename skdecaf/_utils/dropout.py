"""Dropout of the entries of a matrix: random masks, and the scale that averages over all masks."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from scipy import sparse
from sklearn.utils import gen_batches

_RANDOM_BLOCK = 2**18  # random numbers drawn at a time, of 8 bytes each


def without_duplicates(X):
    """Return a sparse matrix with one stored value per entry, because stored values are squared and dropped."""
    if sparse.issparse(X) and not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def add_squares(sums, X):
    """Add the squares of each column of X to `sums`, in float64.

    Rows are added one after another, so the result does not depend on how rows are split into several X.

    Parameters
    ----------
    sums : float64 ndarray of shape (n_features,) or float
        Sums over earlier rows; 0.0 if there are none.
    X : {ndarray, csr or csc sparse matrix} of shape (n_samples, n_features)

    Returns
    -------
    sums : float64 ndarray of shape (n_features,)
        A new array.
    """
    if sparse.issparse(X):
        entries = X.tocoo(copy=False)
        squares = np.square(entries.data, dtype=np.float64)
        return sums + np.bincount(entries.col, weights=squares, minlength=X.shape[1])
    sums = np.full(X.shape[1], sums) if np.isscalar(sums) else sums.copy()
    for row in X:
        sums += np.square(row, dtype=np.float64)
    return sums


def update_second_moment(second_moment, n_samples, X):
    """Update the mean square of each feature with further rows.

    Parameters
    ----------
    second_moment : float64 ndarray of shape (n_features,) or float
        Mean squares over earlier rows; 0.0 if there were none.
    n_samples : int
        Number of earlier rows.
    X : {ndarray, csr or csc sparse matrix} of shape (n_new, n_features)
        Further rows, possibly none.

    Returns
    -------
    second_moment : float64 ndarray of shape (n_features,)
        Mean squares over all rows; zeros if there were none.
    n_samples : int
        Number of all rows.
    """
    with np.errstate(over="ignore"):  # reported below
        sums = add_squares(second_moment * n_samples, X)
    n_samples += X.shape[0]
    if not np.isfinite(sums.sum()):
        raise ValueError(
            f"Feature {sums.argmax()} is too large: the sum of the squares overflows float64. "
            "Scale the features down first."
        )
    return sums / max(n_samples, 1), n_samples


def expected_scale(second_moment, rate):
    """Compute the factor per feature that replaces averaging over all masks (see `DropoutFeatures`).

    Parameters
    ----------
    second_moment : float64 ndarray of shape (n_features,)
        Mean square of each feature over the training rows, as from `update_second_moment`.
    rate : float in [0, 1)
        Probability with which a feature is dropped.

    Returns
    -------
    scale : float64 ndarray of shape (n_features,)
        Positive and finite, even for features that are zero everywhere; ones if all features are.
    """
    mean = second_moment.mean()
    if mean == 0:
        return np.ones_like(second_moment)
    relative = second_moment / mean
    penalty = rate / (1 - rate) * relative + 0.25  # of dropout and of the model, on the square of each weight
    return 1 / np.sqrt(mean * penalty * np.sum(relative / penalty))


def drop_entries(X, rate, random_state):
    """Set each entry of X to zero with probability `rate`, in place, and return X; NaN stays NaN.

    The mask is drawn row by row, so parts of X that share one `random_state` get the mask of the whole. In a sparse
    matrix it is drawn for the stored entries only.

    Parameters
    ----------
    X : {ndarray of shape (n_samples, n_features), csr or csc sparse matrix without duplicates}
        Changed in place.
    rate : float in [0, 1)
        Probability with which an entry is dropped.
    random_state : numpy.random.RandomState
        Draws one number per entry.

    Returns
    -------
    X : {ndarray, sparse matrix}
        The same object.
    """
    values = X.data[:, np.newaxis] if sparse.issparse(X) else X
    for rows in gen_batches(len(values), max(1, _RANDOM_BLOCK // values.shape[1])):
        values[rows] *= random_state.random_sample(values[rows].shape) >= rate
    if sparse.issparse(X):
        X.eliminate_zeros()
    return X
