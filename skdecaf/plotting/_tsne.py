"""Reduction of features to points in a plane, by t-SNE."""

# SPDX-License-Identifier: BSD-3-Clause
import io
import re
import sys
from contextlib import contextmanager, redirect_stdout

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.random_projection import GaussianRandomProjection
from sklearn.utils import check_array
from threadpoolctl import threadpool_limits

from skdecaf._utils.progress import progress_bar

_MAX_COLUMNS = 512  # wider features are projected first
_FEW = 500  # photos; for fewer, threads slow t-SNE down
_MAX_ITER = 1000  # the default, which has another form before scikit-learn 1.7
_WITH_ITERATIONS = 2  # level of t-SNE's messages


def embed(features, embedder, random_state, verbose=False):
    """Reduce features to points in a plane, by the embedder or by t-SNE, which may show a progress bar."""
    features = check_array(features, ensure_min_samples=2)
    if embedder is not None:
        return np.asarray(clone(embedder).fit_transform(features))
    if features.shape[1] > _MAX_COLUMNS:
        features = GaussianRandomProjection(_MAX_COLUMNS, random_state=random_state).fit_transform(features)
    perplexity = min(30, (len(features) - 1) / 3)
    start = _start(features, random_state)
    tsne = TSNE(perplexity=perplexity, init=start, max_iter=_MAX_ITER, random_state=random_state)
    with threadpool_limits(1 if len(features) < _FEW else None, user_api="openmp"), _bar_of_iterations(tsne, verbose):
        # An array even if scikit-learn is configured to return frames.
        return np.asarray(tsne.fit_transform(features))


def _start(features, random_state):
    """The start of t-SNE: two principal components, scaled as t-SNE scales them, or random if there are not two.

    By default t-SNE starts equal rows at NaN, and crashes the interpreter.
    """
    if features.shape[1] < 2:
        return "random"
    pca = PCA(2, svd_solver="randomized", random_state=random_state).set_output(transform="default")
    with np.errstate(all="ignore"):
        components = pca.fit_transform(features).astype(np.float32, copy=False)
        components = components / np.std(components[:, 0]) * 1e-4
    return components if np.isfinite(components).all() else "random"


@contextmanager
def _bar_of_iterations(tsne, verbose):
    """Show a progress bar while t-SNE runs, which tells of its iterations only by printing."""
    if not verbose:
        yield
        return
    tsne.set_params(verbose=_WITH_ITERATIONS)
    with (
        progress_bar(tsne.max_iter, unit="iterations", name="t-SNE") as bar,
        redirect_stdout(_Iterations(bar)) as printed,
    ):
        yield
        bar.update(tsne.max_iter - printed.done)  # it may have ended early


class _Iterations(io.TextIOBase):
    """Standard output in which messages of t-SNE advance a bar, and everything else passes."""

    def __init__(self, bar):
        self.done, self._bar, self._stdout, self._skips_line_end = 0, bar, sys.stdout, False

    def write(self, text):
        if text.startswith("[t-SNE]"):
            if found := re.match(r"\[t-SNE\] Iteration (\d+)", text):
                self._bar.update(int(found[1]) - self.done)
                self.done = int(found[1])
        elif not (text == "\n" and self._skips_line_end):
            self._stdout.write(text)
        self._skips_line_end = text.startswith("[t-SNE]")
        return len(text)

    def flush(self):
        self._stdout.flush()
