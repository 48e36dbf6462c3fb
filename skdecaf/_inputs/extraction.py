"""From images to blobs: decode, resize, crop and compute, chunk by chunk in threads."""

# SPDX-License-Identifier: BSD-3-Clause
import json
import sys
import threading
from contextlib import closing, nullcontext
from functools import cached_property

import numpy as np

from skdecaf._feature_cache import CachedRows, check_memory
from skdecaf._forward import arithmetic, plan_forward_pass
from skdecaf._inputs.sources import load_reduced_image, warn_if_out_of_range
from skdecaf._utils.threads import resolve_n_jobs
from skdecaf._utils.warnings import warn_user
from skdecaf.images import ImageError, cut_windows, fit_image, map_chunks
from skdecaf.images.decoding import decoder_version
from skdecaf.images.digests import is_path

N_VIEWS = {"center": 1, "ten": 10}

# A large JPEG may be reduced while it is decoded, to a size that is so many times the one that it is resized to: twice
# leaves features of some photos below a cosine of 0.999 to those of the full size, three times none of those tried.
_FAST_DECODE_REMAINS = 3


class BlobExtractor:
    """Computes blobs of photos, side by side in one row each.

    Parameters
    ----------
    estimator : estimator instance
        Its ``resize``, ``crops``, ``fast_decode``, ``on_error``, ``batch_size``, ``n_jobs``, ``memory`` and
        ``verbose`` are read, as in `DeCAFTransformer`.
    network : Network
    blobs : sequence of str
    value_range : tuple (low, high) or None
        Of images whose dtype does not say it.
    """

    def __init__(self, estimator, network, blobs, value_range):
        self.network, preprocessing = network, network.preprocessing
        self.blobs = tuple(blobs)
        self.sizes = [int(np.prod(network.blob_shapes[blob])) for blob in self.blobs]
        check_memory(estimator)
        self.memory = estimator.memory
        self.least_side = _FAST_DECODE_REMAINS * max(preprocessing.resize) if estimator.fast_decode else None
        self.value_range, self.on_error, self.verbose = value_range, estimator.on_error, estimator.verbose
        self.n_threads = resolve_n_jobs(estimator.n_jobs)
        self.crops, self.n_views = estimator.crops, N_VIEWS[estimator.crops]
        self.chunk_size = max(1, estimator.batch_size // self.n_views)
        self._fit_options = {
            "size": preprocessing.resize,
            "policy": estimator.resize or preprocessing.policy,
            "resample": preprocessing.resample,
        }

    @cached_property
    def forward(self):
        """The forward pass, planned when something is to be computed."""
        return plan_forward_pass(self.network, self.blobs)

    def run(self, images, errors, keep=True, look=None):
        """Compute all rows.

        Parameters
        ----------
        images : Images
        errors : dict of int to ImageError
            Rows that are known to be bad. Those that turn out bad are added.
        keep : bool
            Whether to return the rows.
        look : callable, optional
            Called in the order of the rows with each chunk of good rows, (n, size) float32.

        Returns
        -------
        ndarray of shape (n, size), float32, or None
            Bad rows are NaN.
        """
        n, width = len(images), sum(self.sizes)
        out = np.empty((n, width), np.float32) if keep else None
        # With few images every thread gets its share; with fewer images than threads, they meet inside the layers.
        chunk_size = max(1, min(self.chunk_size, -(-n // self.n_threads)))
        self._threads_inside = max(1, self.n_threads // max(1, -(-n // chunk_size)))
        starts = range(0, n, chunk_size)
        with (
            progress_bar(n, self.verbose) as progress,
            self._open_cache() as cached,
            # An error here must not leave threads at work for as long as someone holds its traceback.
            closing(self._chunks(images, errors, cached, chunk_size)) as chunks,
        ):
            for start, (rows, features, bad) in zip(starts, chunks, strict=True):
                errors.update(bad)
                if look is not None and rows:
                    look(features)
                if keep and rows:
                    out[_as_slice(rows)] = features
                if progress is not None:
                    progress.update(min(chunk_size, n - start))
        if keep:
            out[list(errors)] = np.nan
        self._warn_of(images, errors)
        warn_if_out_of_range(images, self.value_range)
        return out

    def _chunks(self, images, errors, cached, chunk_size):
        """Yield blobs of the good rows of each chunk: (rows, features, errors of the bad ones)."""
        n, start = len(images), 0
        # While the cache has everything there is nothing to compute, and threads would only be in each other's way.
        while cached and start < n:
            identities, features = self._look_up(images, errors, cached, start, min(start + chunk_size, n))
            if not features.keys() >= set(identities.values()):
                break
            yield self._complete(images, cached, identities, features, threading.Event())
            start += chunk_size

        def work(first, last, cancelled):
            found = self._look_up(images, errors, cached, start + first, start + last)
            return self._complete(images, cached, *found, cancelled)

        yield from map_chunks(work, max(0, n - start), chunk_size, self.n_threads)

    def _look_up(self, images, errors, cached, start, stop):
        """Identities of the rows of one chunk that are not known to be bad, and the features that the cache has."""
        identities = {i: self._identity(images, i, cached) for i in range(start, stop) if i not in errors}
        found = cached.find({identity for i, identity in identities.items() if identity != i}) if cached else {}
        return identities, found

    def _complete(self, images, cached, identities, features, cancelled):
        """Rows of one chunk, those computed that the cache does not have."""
        n_found = len(features)
        pixels, bad = self._load_missing(images, identities, features, cancelled)
        rows = [i for i in identities if i not in bad]
        if not rows or cancelled.is_set():
            return [], None, bad
        if pixels:
            blobs = self.forward.run(np.concatenate(list(pixels.values())), n_threads=self._threads_inside).values()
            computed = np.hstack([self._average_views(blob) for blob in blobs])
            features.update(zip(pixels, computed, strict=True))
        if cached:
            lasting = self._lasting(images, identities, pixels, cached)
            cached.keep({identity: features[identity] for identity in lasting})
            cached.count(hits=n_found, misses=len(pixels))
        return rows, np.stack([features[identities[i]] for i in rows]), bad

    def _identity(self, images, i, cached):
        """What an image's features are known by: without a cache, or where it cannot be read, its place in X."""
        try:
            return cached.identity(images[i], self.value_range if i in images.unscaled else None) if cached else i
        except ImageError:
            return i  # to load it will tell why

    def _load_missing(self, images, identities, features, cancelled):
        """Views of each image that has no features yet: (dict of identity to views, errors of the bad ones)."""
        pixels, bad = {}, {}
        for i, identity in identities.items():
            if cancelled.is_set():
                break
            if identity in features or identity in pixels:
                continue
            try:
                pixels[identity] = self._views(*load_reduced_image(images, i, self.value_range, self.least_side))
            except ImageError as error:
                if self.on_error == "raise":
                    raise
                bad[i] = error
        return pixels, bad

    def _lasting(self, images, identities, pixels, cached):
        """Identities of loaded images that the cache may keep: of files that have not changed meanwhile.

        Those of quite another range of values are left out too, since every run has to warn of them.
        """
        for i, identity in identities.items():
            if identity == i or identity not in pixels or i in images.far_rows:
                continue
            if not is_path(images[i]) or self._identity(images, i, cached) == identity:
                yield identity

    def _views(self, pixels, box):
        """The crops of one image, of which a mean image is already subtracted."""
        pixels = fit_image(pixels, **self._fit_options, box=box)
        if self.network.preprocessing.flip:
            pixels = pixels[::-1]
        if self.network.mean_image is not None:
            pixels = pixels - self.network.mean_image
        return cut_windows(pixels, self.network.preprocessing.crop, self.crops)

    def _average_views(self, blob):
        if self.n_views == 1:
            return blob
        return blob.reshape(-1, self.n_views, blob.shape[1]).mean(axis=1)

    def _open_cache(self):
        """Open the cache for rows of these blobs; without one, None."""
        if self.memory is None:
            return nullcontext()
        decoding = decoder_version(), self.least_side, self._fit_options["policy"], self.crops
        recipe = [self.network.fingerprint, *decoding, arithmetic()]
        return CachedRows(self.memory, json.dumps(recipe), dict(zip(self.blobs, self.sizes, strict=True)))

    def _warn_of(self, images, errors):
        if errors:
            first = ", ".join(images.name(i) for i in sorted(errors)[:3])
            more = ", …" if len(errors) > 3 else ""
            warn_user(f"{len(errors)} of {len(images)} images cannot be read; their results are NaN: {first}{more}")


def _as_slice(rows):
    """Rows without a gap as a slice, to which NumPy copies several times faster."""
    return slice(rows[0], rows[-1] + 1) if rows[-1] - rows[0] == len(rows) - 1 else rows


def progress_bar(n, verbose):
    """A tqdm bar over n images, if asked for; a line every ten seconds where nobody watches a terminal."""
    if not verbose:
        # Not a bar that is disabled: tqdm's lock is shared with forked processes, and one that is killed keeps it.
        return nullcontext()
    from tqdm.auto import tqdm

    interval = 0.1 if sys.stderr.isatty() else 10
    return tqdm(total=n, unit=" images", desc="skdecaf", mininterval=interval)
