"""The paper's linear classifiers, with and without dropout, and their constants."""

# SPDX-License-Identifier: BSD-3-Clause
import warnings

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skdecaf._dropout import DropoutFeatures
from skdecaf._dropout_classifier import DropoutClassifier
from skdecaf._paper.linear_svm import LinearSVM, svm_path
from skdecaf.model_selection import mean_per_class_accuracy_score

CLASSIFIERS = ("LogReg", "SVM")
# The SVM's score on trained features stops changing at 10.
C_GRID = {"LogReg": (1.0, 10.0, 100.0, 1000.0), "SVM": (0.01, 0.1, 1.0, 10.0)}
FIXED_C = {"LogReg": 100.0, "SVM": 1.0}  # for protocols that choose no parameters
N_MASKS = 20

# Forms of dropout, and their suffix in the names of rows.
DROPOUT = {"none": "", "masks": " + dropout", "expected": " + expected dropout", "mask": " + one mask"}
PAPER_FORMS = ("none", "masks")

_RATE = 0.5
# With masks, features are multiplied by 1 - rate in prediction, which scales the effective weights. This factor of C
# makes their penalty that of a classifier without masks.
_C_WITH_MASKS = 1 / (1 - _RATE) ** 2
_STEP = {"LogReg": 3.0, "SVM": 0.3}  # of stochastic gradient descent, for rows with a norm near 1
_LOSS = {"LogReg": "log_loss", "SVM": "squared_hinge"}
CONSTANTS = (C_GRID, FIXED_C, N_MASKS, _RATE, _STEP, _LOSS)  # what scores depend on, besides arguments


def scaling():
    """Scale all features by one factor, so that the training rows have a root mean square norm of 1."""
    return DropoutFeatures(rate=0)


def linear_model(name, C):
    """Logistic regression, or a one-versus-rest SVM with the squared hinge loss.

    Parameters
    ----------
    name : {"LogReg", "SVM"}
    C : float

    Returns
    -------
    classifier
    """
    if name == "LogReg":
        return LogisticRegression(C=C, max_iter=1000)
    return LinearSVM(C)


def stochastic_model(name, C, n_rows, random_state, *, n_epochs=N_MASKS, n_jobs=None):
    """A one-versus-rest `linear_model`, trained by averaged stochastic gradient descent.

    Parameters
    ----------
    name : {"LogReg", "SVM"}
    C : float
    n_rows : int
        Number of training rows, which converts C to the penalty of `SGDClassifier`.
    random_state : int
    n_epochs : int
        Number of presentations of each row; averaging skips the first quarter.
    n_jobs : int or None
        Number of threads, at most one per class.

    Returns
    -------
    classifier
    """
    return SGDClassifier(
        loss=_LOSS[name],
        alpha=1 / (C * n_rows),
        learning_rate="constant",
        eta0=_STEP[name],
        average=max(1, n_epochs * n_rows // 4),
        random_state=random_state,
        n_jobs=n_jobs,
    )


def under_masks(name, C, n_rows, random_state, **options):
    """A classifier trained under a fresh mask at each presentation, for scaled rows without dropout.

    Parameters
    ----------
    name, C, n_rows, random_state, **options : as for `stochastic_model`

    Returns
    -------
    DropoutClassifier
    """
    model = stochastic_model(name, C * _C_WITH_MASKS, n_rows, random_state, **options)
    return DropoutClassifier(model, _RATE, n_draws=N_MASKS, random_state=random_state)


def classifier(name, C, dropout, n_rows, random_state):
    """A pipeline from raw activations to labels.

    Parameters
    ----------
    name : {"LogReg", "SVM"}
    C : float
        Value for training without masks.
    dropout : {"none", "masks", "expected", "mask"}
        A key of `DROPOUT`.
    n_rows : int
        Number of training rows.
    random_state : int

    Returns
    -------
    Pipeline
    """
    if dropout == "expected":
        return make_pipeline(DropoutFeatures(_RATE), linear_model(name, C))
    if dropout == "masks":  # stochastic steps skip zeros, and many activations are zero
        sparse = FunctionTransformer(csr_matrix, accept_sparse=True)
        return make_pipeline(scaling(), sparse, under_masks(name, C, n_rows, random_state))
    if dropout == "mask":
        mask = DropoutFeatures(_RATE, mode="mask", random_state=random_state)
        return make_pipeline(scaling(), mask, linear_model(name, C * _C_WITH_MASKS))
    return make_pipeline(scaling(), linear_model(name, C))


def score(model, X, y, train, test):
    """Train a clone on some rows, and compute the mean per-class accuracy on others.

    Parameters
    ----------
    model : classifier
    X : ndarray of shape (n, n_features)
    y : ndarray of shape (n,)
    train, test : ndarray of int

    Returns
    -------
    float
        A percentage.
    """
    with warnings.catch_warnings():
        # Logistic regression with the largest C may stop after 1000 steps; its predictions stop changing long before.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Some points of Figure 4 have one photo per class.
        warnings.filterwarnings("ignore", "The number of unique classes")
        model = clone(model).fit(X[train], y[train])
    return 100 * float(mean_per_class_accuracy_score(y[test], model.predict(X[test])))


def choose_C(name, X, y, train, validation, random_state):
    """Choose the C of the grid that is best on validation rows, without dropout; the smallest if several are.

    Parameters
    ----------
    name : {"LogReg", "SVM"}
    X : ndarray of shape (n, n_features)
    y : ndarray of shape (n,)
    train, validation : ndarray of int
    random_state : int

    Returns
    -------
    C : float
    validation_score : float
        A percentage.
    """
    grid = C_GRID[name]
    if name == "SVM":
        scores = _scores_along(grid, X, y, train, validation)
    else:
        models = [classifier(name, C, "none", len(train), random_state) for C in grid]
        scores = [score(model, X, y, train, validation) for model in models]
    best = int(np.argmax(scores))
    return grid[best], scores[best]


def _scores_along(grid, X, y, train, validation):
    """What `score` gives of the SVMs without dropout, which share one decomposition of the rows."""
    scale = scaling().fit(X[train])
    rows = scale.transform(X[validation])
    models = svm_path(scale.transform(X[train]), y[train], grid)
    return [100 * float(mean_per_class_accuracy_score(y[validation], model.predict(rows))) for model in models]
