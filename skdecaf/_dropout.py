"""Dropout on features as a scikit-learn transformer: one random mask, or the average over all masks."""

# SPDX-License-Identifier: BSD-3-Clause
from numbers import Real

import numpy as np
from scipy import sparse
from sklearn.base import OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.sparsefuncs import inplace_column_scale
from sklearn.utils.validation import check_is_fitted, validate_data

from skdecaf._utils.documented import DocumentedEstimator
from skdecaf._utils.dropout import drop_entries, expected_scale, update_second_moment, without_duplicates
from skdecaf._utils.dtypes import FLOAT_DTYPES


class DropoutFeatures(OneToOneFeatureMixin, TransformerMixin, DocumentedEstimator):
    """Dropout as a step between features and a linear classifier.

    Dropout [1]_ is training under noise that sets each feature to zero with probability `rate`. This step applies
    either a scale per feature, equivalent to averaging over all masks in a linear model, or one random mask.

    Parameters
    ----------
    rate : float in [0, 1), default=0.5
        Probability with which a feature is dropped. The paper's rate is 1/2.

    mode : {"expected", "mask"}, default="expected"
        - "expected" scales each feature by a factor learned in `fit`; it is not random, and `fit_transform(X)` equals
          `fit(X).transform(X)`.
        - "mask" is the paper's procedure: `fit_transform` sets each entry to zero with probability `rate`, and
          `transform` multiplies by `1 - rate`. The two differ on purpose, so use `fit_transform` for training rows, as
          a pipeline does.

    random_state : int, RandomState instance or None, default=None
        Seeds the mask that `fit_transform` draws when `mode="mask"`. Pass an int for the same mask every time.

    Attributes
    ----------
    scale_ : float64 ndarray of shape (n_features_in_,)
        Factors by which `transform` multiplies the features.

    second_moment_ : float64 ndarray of shape (n_features_in_,)
        Mean square of each feature over the training rows. Only with `mode="expected"`.

    n_samples_seen_ : int
        Number of training rows.

    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during `fit`, if they are all strings.

    See Also
    --------
    DropoutClassifier : Trains a classifier on fresh masks at every presentation.

    Notes
    -----
    Let m_j be the mean square of feature j over the training rows and rho = rate / (1 - rate). On average over the
    masks, dropping features puts the penalty rho * sum_j m_j w_j ** 2 on the weights w of a linear model under the
    squared loss; under other losses it does so to second order, with weights on the samples [2]_ that are left out
    here. An additional L2 penalty of mean(m) / 4 limits the scale of weak features. If features are divided by
    sqrt(rho * m_j + mean(m) / 4), the two penalties become the L2 penalty that a linear classifier already has. All
    features are then divided by the root mean square norm of the training rows,
    sqrt(sum_j m_j / (rho * m_j + mean(m) / 4)). At that scale linear models are near their best with their default `C`.
    With `rate=0` the result is X divided by its root mean square norm. Features that are zero everywhere stay zero.

    "mask" follows Section 4.1 of the paper [3]_: half of the features are set to zero in training, and all are
    multiplied by 1/2 in prediction. A batch solver sees each sample under one mask only, which costs accuracy;
    `DropoutClassifier` draws fresh masks. In sparse input the mask is drawn for the stored entries only, so it differs
    from the mask of an equal dense array.

    float32 and float64 keep their dtype, others become float64; sparse input stays sparse.

    References
    ----------
    .. [1] Hinton et al., "Improving neural networks by preventing co-adaptation of feature detectors", 2012.
    .. [2] Wager, Wang and Liang, "Dropout Training as Adaptive Regularization", NIPS 2013.
    .. [3] Donahue et al., "DeCAF: A Deep Convolutional Activation Feature for Generic Visual Recognition", ICML 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from skdecaf import DropoutFeatures
    >>> X = np.array([[9.0, 0.0, 1.0], [7.0, 2.0, 0.0], [8.0, 1.0, 2.0]])
    >>> DropoutFeatures().fit_transform(X).round(2)
    array([[0.92, 0.  , 0.32],
           [0.71, 0.63, 0.  ],
           [0.81, 0.32, 0.63]])
    >>> masked = DropoutFeatures(mode="mask", random_state=0)
    >>> masked.fit_transform(X)
    array([[9., 0., 1.],
           [7., 0., 0.],
           [0., 1., 2.]])
    >>> masked.transform(X)
    array([[4.5, 0. , 0.5],
           [3.5, 1. , 0. ],
           [4. , 0.5, 1. ]])
    """

    _parameter_constraints = {
        "rate": [Interval(Real, 0, 1, closed="left")],
        "mode": [StrOptions({"expected", "mask"})],
        "random_state": ["random_state"],
    }

    def __init__(self, rate=0.5, *, mode="expected", random_state=None):
        self.rate = rate
        self.mode = mode
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the scale of each feature.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : None
            Ignored.

        Returns
        -------
        self : DropoutFeatures
            The fitted step.

        Raises
        ------
        ValueError
            If X is empty, or holds NaN, infinity or values whose squares overflow float64.
        """
        return self._learn(X, first=True)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None):
        """Learn the scale of each feature from further rows; several calls have the result of one `fit` with all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Further training rows.
        y : None
            Ignored.

        Returns
        -------
        self : DropoutFeatures
            The fitted step.

        Raises
        ------
        ValueError
            As for `fit`, or if earlier rows were seen with `mode="mask"` and the mode is now "expected".
        """
        return self._learn(X, first=not hasattr(self, "scale_"))

    def _learn(self, X, first):
        X = self._checked(X, reset=first)
        n_before = 0 if first else self.n_samples_seen_
        if self.mode == "mask":
            self.n_samples_seen_ = n_before + X.shape[0]
            self.scale_ = np.full(X.shape[1], 1.0 - self.rate)
            vars(self).pop("second_moment_", None)  # of an earlier mode
        elif not first and not hasattr(self, "second_moment_"):
            raise ValueError("mode was changed to 'expected' after rows were seen with 'mask'; call fit with all rows")
        else:
            moment_before = 0.0 if first else self.second_moment_
            self.second_moment_, self.n_samples_seen_ = update_second_moment(moment_before, n_before, X)
            self.scale_ = expected_scale(self.second_moment_, self.rate)
        return self

    def fit_transform(self, X, y=None):
        """Learn the scale of each feature and apply it; with `mode="mask"`, draw and apply a mask.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : None
            Ignored.

        Returns
        -------
        X_new : {ndarray, sparse matrix} of shape (n_samples, n_features)
            A new array, float32 if X is, else float64.
        """
        self.fit(X)
        X = self._checked(X, reset=False, copy=True)
        if self.mode == "mask":
            return drop_entries(X, self.rate, check_random_state(self.random_state))
        return self._scaled(X)

    def transform(self, X):
        """Multiply each feature by its scale.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of features, possibly none.

        Returns
        -------
        X_new : {ndarray, sparse matrix} of shape (n_samples, n_features)
            A new array, float32 if X is, else float64.
        """
        check_is_fitted(self)
        return self._scaled(self._checked(X, reset=False, copy=True, ensure_min_samples=0))

    def _checked(self, X, **options):
        return without_duplicates(validate_data(self, X, accept_sparse=("csr", "csc"), dtype=FLOAT_DTYPES, **options))

    def _scaled(self, X):
        if sparse.issparse(X):
            inplace_column_scale(X, self.scale_)
        else:
            X *= self.scale_
        return X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
