"""Scikit-learn's callbacks, which version 1.9 brought: they are told of every fit and of its parts."""

# SPDX-License-Identifier: BSD-3-Clause
from contextlib import contextmanager

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn before 1.9
    CallbackSupportMixin = object


class CallbacksMixin(CallbackSupportMixin):
    """Mixin of estimators whose fit goes through batches."""

    @contextmanager
    def _fit_task(self, X, n_batches):
        """Tell the callbacks of the fit in this block.

        Yields
        ------
        callable
            Called without arguments at the end of each batch, to tell the callbacks of it.
        """
        if not getattr(self, "_skl_callbacks", None):
            yield lambda: None
            return
        fit = self._init_callback_context(max_subtasks=n_batches)
        batches = (fit.subcontext(task_name="batch").call_on_fit_task_begin(estimator=self) for _ in range(n_batches))
        fit.call_on_fit_task_begin(estimator=self, X=X)
        batch = next(batches, None)

        def end_batch():
            nonlocal batch
            batch.call_on_fit_task_end(estimator=self)
            batch = next(batches, None)

        yield end_batch
        fit.call_on_fit_task_end(estimator=self, X=X)
