"""A linear support vector machine with probabilities."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.svm import LinearSVC

_DEFAULT_TEMPERATURE = 0.3  # if nothing can be calibrated


class ScaledLinearSVC(LinearSVC):
    """A `~sklearn.svm.LinearSVC` with probabilities: the softmax of its decision values over `temperature_`."""

    temperature_ = _DEFAULT_TEMPERATURE

    def predict_proba(self, X):
        """Compute the probability of each class, as an ndarray of shape (n_samples, n_classes)."""
        return probabilities(self.decision_function(X), self.temperature_)


def one_column_per_class(decisions):
    """Decision values of two classes, which scikit-learn gives in one column, as two."""
    return np.stack([-decisions, decisions], axis=1) if decisions.ndim == 1 else decisions


def probabilities(decisions, temperature):
    """The softmax of decision values over a temperature, one column per class."""
    return softmax(one_column_per_class(decisions) / temperature, axis=1)


def fit_temperature(decisions, y, sample_weight):
    """The temperature at which the softmax of decision values gives the classes the highest likelihood."""
    if decisions is None or np.isinf(decisions).any():
        return _DEFAULT_TEMPERATURE
    right = np.searchsorted(np.unique(y), y)

    def loss(log_temperature):
        logs = log_softmax(decisions / np.exp(log_temperature), axis=1)
        return -np.average(logs[np.arange(len(y)), right], weights=sample_weight)

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.01), np.log(100)), method="bounded").x))
