"""Prediction methods of meta-estimators."""

# SPDX-License-Identifier: BSD-3-Clause
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _estimator_has, check_is_fitted


class DelegatedPredictions:
    """Mixin of meta-estimators that delegates prediction to `estimator_`, if it has the method."""

    @property
    def classes_(self):
        """The class labels."""
        return self.estimator_.classes_

    @available_if(_estimator_has("predict"))
    def predict(self, X):
        """Predict with the trained estimator.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or what else the estimator takes
            The samples.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Class labels, for a classifier.
        """
        return self._delegate("predict", X)

    @available_if(_estimator_has("predict_proba"))
    def predict_proba(self, X):
        """Predict class probabilities, if the estimator does.

        Parameters
        ----------
        X : as in `predict`
            The samples.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Columns in the order of `classes_`.
        """
        return self._delegate("predict_proba", X)

    @available_if(_estimator_has("predict_log_proba"))
    def predict_log_proba(self, X):
        """Predict logarithms of class probabilities, if the estimator does.

        Parameters
        ----------
        X : as in `predict`
            The samples.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            Columns in the order of `classes_`.
        """
        return self._delegate("predict_log_proba", X)

    @available_if(_estimator_has("decision_function"))
    def decision_function(self, X):
        """Compute the estimator's decision values, if it has any.

        Parameters
        ----------
        X : as in `predict`
            The samples.

        Returns
        -------
        values : ndarray of shape (n_samples,) or (n_samples, n_classes)
            What the estimator's method returns.
        """
        return self._delegate("decision_function", X)

    def _delegate(self, method, X):
        check_is_fitted(self)
        return getattr(self.estimator_, method)(self._prepared(X))

    def _prepared(self, X):
        """X as the trained estimator takes it."""
        return X
