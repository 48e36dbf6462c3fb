"""Codebooks: typical local descriptors, found by k-means in a sample of those of the training photos."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from sklearn.cluster import MiniBatchKMeans
from sklearn.utils import check_random_state

from skdecaf._utils.progress import progress_bar
from skdecaf.baselines._base import PhotoDescriptor, grey, limited
from skdecaf.baselines._local_descriptors import opencv

_BATCH = 4096  # descriptors


class CodebookDescriptor(PhotoDescriptor):
    """Base class: `_local` gives places and descriptors in a grey photo, and `fit` learns their codebook.

    Subclasses set ``n_words``, ``max_side``, ``n_descriptors`` and ``random_state``.
    """

    def _require_packages(self):
        opencv(type(self).__name__)

    def _learn(self, checked):
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        per_photo = -(-self.n_descriptors // max(1, len(checked.images) - len(checked.errors)))

        def sample(pixels, box, i):
            descriptors = self._local(self._grey(pixels, box))[1]
            if len(descriptors) <= per_photo:
                return descriptors
            return np.random.default_rng((seed, i)).choice(descriptors, per_photo, replace=False)

        samples = [drawn for _, drawn in self._each(sample, checked)]
        if not sum(map(len, samples)):
            raise ValueError('the photos have no interest points; LLC, and descriptor="dense_sift", need none')
        sampled = np.concatenate(samples)
        n_words = min(self.n_words, len(sampled))
        means = MiniBatchKMeans(n_words, batch_size=_BATCH, n_init=1, random_state=seed)
        with progress_bar(1, self.verbose, unit="codebooks", name="k-means") as bar:
            self.codebook_ = means.fit(sampled).cluster_centers_
            bar.update()

    def _local(self, photo):
        """Places and descriptors of a grey photo."""
        raise NotImplementedError

    def _grey(self, pixels, box):
        """A grey photo of 8 bits whose longer side has at most ``max_side`` pixels."""
        return np.clip(np.rint(grey(limited(pixels, box, self.max_side))), 0, 255).astype(np.uint8)

    def _min_side(self):
        return self.max_side


def nearest_words(descriptors, codebook, n):
    """Indices of the n nearest words of each descriptor, in no order, as an array of shape (n_descriptors, n)."""
    squares = np.einsum("ij,ij->i", codebook, codebook) - 2 * descriptors @ codebook.T
    if n == 1:
        return squares.argmin(axis=1)[:, np.newaxis]
    return (
        np.argpartition(squares, n - 1, axis=1)[:, :n]
        if n < len(codebook)
        else np.tile(np.arange(len(codebook)), (len(descriptors), 1))
    )
