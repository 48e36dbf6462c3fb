"""Singular values and vectors of tall and wide matrices."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from scipy.linalg import eigh

# Smallest square of a singular value over the largest: smaller ones are rounding errors.
_MIN_RATIO = 1e-12


def singular_axes(X):
    """Compute singular values and right singular vectors by the smaller of the two Gram matrices.

    This is many times as fast as an SVD, and exact unless a value is tiny compared with the largest; tiny values are
    left out.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)

    Returns
    -------
    values : float64 ndarray of shape (rank,)
        In descending order.
    axes : float64 ndarray of shape (n_features, rank)
    """
    X = np.asarray(X, dtype=np.float64)
    wide = X.shape[0] < X.shape[1]
    squares, vectors = eigh(X @ X.T if wide else X.T @ X)
    squares, vectors = squares[::-1], vectors[:, ::-1]
    kept = squares > _MIN_RATIO * max(squares.max(initial=0), 0)
    values, vectors = np.sqrt(squares[kept]), vectors[:, kept]
    return values, (X.T @ vectors) / values if wide else vectors
