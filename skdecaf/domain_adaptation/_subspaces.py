"""Principal axes of a domain, and how many of them two domains share."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from scipy.linalg import qr, svdvals

from skdecaf._linear_model.linear_algebra import singular_axes

_ORTHOGONAL = 1e-3  # a disagreement that is this close to 1 counts as 1


def centred(X):
    """Rows without their mean, in float64."""
    return X - X.mean(axis=0, dtype=np.float64)


def principal_axes(centred_rows):
    """Principal axes as the columns of an array of shape (n_features, rank), by falling variance.

    If all rows are zero, it is the first axis of the features, so that there is one.
    """
    axes = singular_axes(centred_rows)[1]
    return axes if axes.shape[1] else np.eye(len(axes), 1)


def orthonormal(axes):
    """Columns that span the same subspace, orthonormal to the last bit."""
    return qr(axes, mode="economic")[0]


def subspace_dimension(source_axes, target_axes, both_axes):
    """Dimension of subspaces by the subspace disagreement measure of Gong et al. 2012.

    Parameters
    ----------
    source_axes, target_axes, both_axes : ndarray of shape (n_features, rank)
        Principal axes of the source, of the target, and of both together; the ranks may differ.

    Returns
    -------
    int
        The smallest dimension at which both domains have a direction at a right angle to the subspace of both
        together; where there is none, the largest that was tried: half of the features, or the smallest rank.
    """
    largest = min(len(source_axes) // 2, *(axes.shape[1] for axes in (source_axes, target_axes, both_axes)))
    cosines = [axes[:, :largest].T @ both_axes[:, :largest] for axes in (source_axes, target_axes)]
    for d in range(1, largest):
        # The largest principal angle of two subspaces has the smallest singular value as its cosine.
        least = np.clip([svdvals(matrix[:d, :d])[-1] for matrix in cosines], 0, 1)
        if np.mean(np.sqrt(1 - least**2)) >= 1 - _ORTHOGONAL:
            return d
    return max(1, largest)


def domain_axes(source, target, n_components):
    """Bases of the source and of the target, with `n_components` columns each, or as many as both have.

    Parameters
    ----------
    source : ndarray of shape (n_source, n_features)
    target : ndarray of shape (n_target, n_features) or None
        None takes the basis of the source twice.
    n_components : int or None
        None chooses it by `subspace_dimension`.

    Returns
    -------
    source_axes, target_axes : float64 ndarray of shape (n_features, n_components)
        Orthonormal columns.
    """
    domains = [centred(rows) for rows in (source, target) if rows is not None]
    source_axes, target_axes = principal_axes(domains[0]), principal_axes(domains[-1])
    if n_components is None:
        both_axes = principal_axes(np.concatenate(domains))  # in which the difference of the means is no direction
        n_components = subspace_dimension(source_axes, target_axes, both_axes)
    n_components = min(n_components, source_axes.shape[1], target_axes.shape[1])
    return tuple(orthonormal(axes[:, :n_components]) for axes in (source_axes, target_axes))
