"""The linear SVM of the tables: liblinear's problem, solved several times as fast where there are many classes."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from skdecaf._linear_model import linear_svm
from skdecaf._linear_model.linear_svm import PrincipalAxes


class LinearSVM(ClassifierMixin, BaseEstimator):
    """One-versus-rest SVMs with the squared hinge loss and a penalised constant, as `LinearSVC` has by default.

    All classes are trained together, by Newton's method in the principal axes of the rows, so that there are no more
    unknowns than rows.

    Parameters
    ----------
    C : float, default=1.0
    """

    def __init__(self, C=1.0):
        self.C = C

    def fit(self, X, y):
        """Train on dense rows X with classes y."""
        [fitted] = svm_path(X, y, [self.C])
        self.classes_, self.hyperplanes_ = fitted.classes_, fitted.hyperplanes_
        return self

    def predict(self, X):
        """Predict classes."""
        scores = X @ self.hyperplanes_[:, :-1].T + self.hyperplanes_[:, -1]
        best = scores.argmax(axis=1) if scores.shape[1] > 1 else (scores[:, 0] > 0).astype(int)
        return self.classes_[best]


def svm_path(X, y, grid):
    """Train SVMs for several C, each from where the last one ended, after one decomposition of the rows.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
    y : ndarray of shape (n,)
    grid : sequence of float
        Values of C, which should rise.

    Yields
    ------
    LinearSVM
        A fitted one for each value.
    """
    space = PrincipalAxes(X)
    for C, hyperplanes in zip(grid, linear_svm.svm_path(space.rows, y, grid), strict=True):
        model = LinearSVM(C)
        model.classes_, model.hyperplanes_ = np.unique(y), hyperplanes @ space.axes.T
        yield model
