"""Linear models under the squared hinge loss, many at once, by Newton's method."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

_MAX_STEPS = 200
_MAX_INNER = 1000
_ROUNDING = 50  # gradients are exact to so many units in the last place of the gradient at zero
_SHORTEST = 1e-6  # a step that has to be shorter than this one is lost in rounding
_DECREASE = 1e-4  # of what the slope promises, below which a step is halved


def _as_type(value, dtype):
    return np.asarray(value, dtype)[()]


class SquaredHinge:
    """The convex function ½‖W‖² + Σ weights (1 - signs · scores)₊² of a matrix W, with scores = L W R' + offset.

    With L the identity it is a linear support vector machine for each row of W, one class versus the rest. With other
    L the rows of W depend on each other.

    Parameters
    ----------
    right : ndarray of shape (n_samples, n_right)
        R. The solver is fastest if its columns are principal axes. All is computed in its dtype, float64 or float32.
    signs : float64 ndarray of shape (n_left, n_samples)
        1 and -1.
    weights : float64 ndarray that broadcasts to the shape of `signs`
        Positive.
    left : float64 ndarray of shape (n_left, n_inner), default=None
        L; None is the identity.
    offset : float64 ndarray of the shape of `signs`, default=0.0
        Added to the scores.
    """

    def __init__(self, right, signs, weights, left=None, offset=0.0):
        self.right, self.left = right, left
        self.signs = signs.astype(right.dtype, copy=False)
        self.weights, self.offset = (_as_type(value, right.dtype) for value in (weights, offset))
        n_inner = len(signs) if left is None else left.shape[1]
        self.shape = (n_inner, right.shape[1])
        self._diagonal = 1 + self._adjoint_of_squares(np.broadcast_to(2 * self.weights, signs.shape))

    def scores(self, W):
        """Scores of W without the offset, of shape (n_left, n_samples)."""
        product = W @ self.right.T
        return product if self.left is None else self.left @ product

    def value(self, W):
        """The function of W."""
        return self._value(np.vdot(W, W), self.scores(W) + self.offset)

    def minimise(self, start=None, tol=1e-8):
        """Find the minimum.

        Parameters
        ----------
        start : float64 ndarray, default=None
            Where to begin; None is zero.
        tol : float, default=1e-8
            The gradient's norm at the end, relative to that of W, which bounds the relative error of W. It is never
            below what rounding leaves.

        Returns
        -------
        float64 ndarray of shape (n_inner, n_right)
        """
        dtype = self.right.dtype
        W = np.zeros(self.shape, dtype) if start is None else start.copy()
        scores = self.scores(W) + self.offset
        at_zero = self._gradient(np.zeros(self.shape, dtype), np.broadcast_to(self.offset, self.signs.shape))
        rounding = _ROUNDING * np.finfo(dtype).eps * np.linalg.norm(at_zero)
        for _ in range(_MAX_STEPS):
            gradient = self._gradient(W, scores)
            norm = np.linalg.norm(gradient)
            least = max(tol * np.linalg.norm(W), rounding)
            if norm <= least:
                break
            curvature = np.where(self.signs * scores < 1, 2 * self.weights, 0)
            # The nearer the minimum, the more exactly a step is computed: far away, the set of errors changes anyway.
            direction = self._newton_direction(gradient, curvature, max(least / 3, 0.1 * norm))
            W, scores, length = self._step(W, scores, direction, np.vdot(gradient, direction))
            if length < _SHORTEST:
                break
        return W

    def _value(self, square_norm, scores):
        slack = np.maximum(1 - self.signs * scores, 0)
        return square_norm / 2 + np.sum(self.weights * slack**2, dtype=np.float64)

    def _gradient(self, W, scores):
        slack = np.maximum(1 - self.signs * scores, 0)
        return W - self._adjoint(2 * self.weights * self.signs * slack)

    def _adjoint(self, values):
        return (values if self.left is None else self.left.T @ values) @ self.right

    def _adjoint_of_squares(self, values):
        return (values if self.left is None else (self.left**2).T @ values) @ self.right**2

    def _newton_direction(self, gradient, curvature, tol):
        """Solve for the step by conjugate gradients, preconditioned by the diagonal of the largest curvature."""
        direction = np.zeros_like(gradient)
        residual = -gradient
        preconditioned = residual / self._diagonal
        search, product = preconditioned, np.vdot(residual, preconditioned)
        for _ in range(_MAX_INNER):
            curved = search + self._adjoint(curvature * self.scores(search))
            step = product / np.vdot(search, curved)
            direction += step * search
            residual -= step * curved
            if np.linalg.norm(residual) <= tol:
                break
            preconditioned = residual / self._diagonal
            previous, product = product, np.vdot(residual, preconditioned)
            search = preconditioned + (product / previous) * search
        return direction

    def _step(self, W, scores, direction, slope):
        """Go as far as the function falls: the whole step, or a half, a quarter and so on."""
        change = self.scores(direction)
        squares = np.vdot(W, W), 2 * np.vdot(W, direction), np.vdot(direction, direction)
        before, length = self._value(squares[0], scores), 1.0
        while length >= _SHORTEST:
            square_norm = squares[0] + length * squares[1] + length**2 * squares[2]
            if self._value(square_norm, scores + length * change) <= before + _DECREASE * length * slope:
                break
            length /= 2
        return W + length * direction, scores + length * change, length
