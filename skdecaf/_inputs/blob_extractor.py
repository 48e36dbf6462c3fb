"""From images to blobs: decode, resize, crop and compute, chunk by chunk in threads."""

# SPDX-License-Identifier: BSD-3-Clause
import json
import threading
from contextlib import closing, nullcontext
from dataclasses import dataclass, fields
from functools import cached_property
from typing import NamedTuple

import numpy as np

from skdecaf._feature_cache import CachedRows
from skdecaf._forward import numerics_version, plan_forward_pass
from skdecaf._inputs.sources import load_image, warn_unreadable
from skdecaf._inputs.value_range import warn_if_out_of_range
from skdecaf._utils.progress import progress_bar
from skdecaf._utils.threaded_map import map_chunks
from skdecaf._utils.threads import resolve_n_jobs
from skdecaf.images import ImageError
from skdecaf.images._decoding import decoder_version
from skdecaf.images._digests import fits_in_memory, may_change, source_digest
from skdecaf.images._pixel_budget import pixel_budget
from skdecaf.images._preparing import min_side, prepare_image

_N_CROPS = {"center": 1, "scales": 2, "ten": 10}


@dataclass(frozen=True)
class ExtractionOptions:
    """Parameters of estimators on photos that affect how blobs are computed; documented in `DeCAFTransformer`."""

    crops: str
    resize: str | None
    fast_decode: bool
    on_error: str
    batch_size: int
    n_jobs: int | None
    verbose: object
    memory: object = None

    @classmethod
    def of(cls, estimator):
        """Take the options from an estimator's parameters."""
        parameters = estimator.get_params(deep=False)
        return cls(**{field.name: parameters[field.name] for field in fields(cls) if field.name in parameters})


class _Chunk(NamedTuple):
    """Results of consecutive images."""

    rows: list  # of the good images
    features: np.ndarray  # one row per good image
    errors: dict  # row -> ImageError, of images that could not be loaded
    out_of_range: list  # rows whose values lie far outside the value range
    n_cached: int  # images whose features were in the cache


class BlobExtractor:
    """Computes blobs of photos, one row per photo with the blobs side by side.

    Parameters
    ----------
    network : Network
    blobs : sequence of str
    value_range : tuple (low, high) or None
        Black and white of images whose dtype does not define them.
    options : ExtractionOptions
    """

    def __init__(self, network, blobs, value_range, options):
        self.network = network
        self.blobs = tuple(blobs)
        self.sizes = [network.blob_sizes[blob] for blob in self.blobs]
        self.value_range, self.options = value_range, options
        self.min_side = min_side(network.preprocessing, options.fast_decode)
        self.n_threads = resolve_n_jobs(options.n_jobs)
        self.n_crops = _N_CROPS[options.crops]
        self.chunk_size = max(1, options.batch_size // self.n_crops)

    @cached_property
    def forward(self):
        """The forward pass, planned when it is first needed."""
        return plan_forward_pass(self.network, self.blobs)

    def starts(self, n_images):
        """The first image of each chunk, a range."""
        # A few images are shared out evenly; if there are fewer images than threads, threads share the layers.
        return range(0, n_images, max(1, min(self.chunk_size, -(-n_images // self.n_threads))))

    def run(self, checked, *, callback=None, return_features=True):
        """Compute the features of all images.

        Parameters
        ----------
        checked : CheckedImages
        callback : callable, optional
            Called for each chunk of images in order, with the features of the good ones, (n, size) float32, and the
            errors of the bad ones by row.
        return_features : bool
            Whether to collect and return the features.

        Returns
        -------
        features : ndarray of shape (n_images, size), float32, or None
            Bad rows are NaN.
        errors : dict of int to ImageError
            All bad rows.
        """
        n, errors, out_of_range = len(checked.images), dict(checked.errors), []
        out = np.empty((n, sum(self.sizes)), np.float32) if return_features else None
        starts = self.starts(n)
        with (
            progress_bar(n, self.options.verbose) as progress,
            self._open_cache() as cached,
            # An error in this loop stops the threads, even while someone holds its traceback.
            closing(self._chunks(checked, cached, starts.step)) as chunks,
        ):
            for start, chunk in zip(starts, chunks, strict=True):
                stop = min(start + starts.step, n)
                errors.update(chunk.errors)
                out_of_range += chunk.out_of_range
                if callback is not None:
                    callback(chunk.features, {i: errors[i] for i in range(start, stop) if i in errors})
                if return_features and chunk.rows:
                    out[_as_slice(chunk.rows)] = chunk.features
                if chunk.n_cached:
                    progress.skip(chunk.n_cached)
                progress.update(stop - start - chunk.n_cached)
        if return_features:
            out[list(errors)] = np.nan
        warn_unreadable(checked.images, errors, "; their results are NaN")
        warn_if_out_of_range(checked.images, out_of_range, self.value_range)
        return out, errors

    def _chunks(self, checked, cached, chunk_size):
        """Yield the results of each chunk."""
        n, start = len(checked.images), 0
        threads_per_pass = max(1, self.n_threads // max(1, -(-n // chunk_size)))
        # While the cache has all features there is nothing to compute, and threads would only wait for each other.
        while cached and start < n:
            expected_keys, features = self._look_up(checked, cached, start, min(start + chunk_size, n))
            if not features.keys() >= set(expected_keys.values()):
                break
            yield self._complete(checked, cached, expected_keys, features, threading.Event(), threads_per_pass)
            start += chunk_size

        def work(first, last, cancelled):
            found = self._look_up(checked, cached, start + first, start + last)
            return self._complete(checked, cached, *found, cancelled, threads_per_pass)

        yield from map_chunks(work, max(0, n - start), chunk_size, self.n_threads)

    def _look_up(self, checked, cached, start, stop):
        """Identities of the rows of one chunk that are not known to be bad, and the features found in the cache."""
        expected_keys = {
            i: self._expected_key(checked, i, cached) for i in range(start, stop) if i not in checked.errors
        }
        found = cached.find({expected for i, expected in expected_keys.items() if expected != i}) if cached else {}
        return expected_keys, found

    def _complete(self, checked, cached, expected_keys, features, cancelled, n_threads):
        """Compute the features of one chunk that were not found in the cache."""
        n_found, n_cached = len(features), sum(key in features for key in expected_keys.values())
        crops, actual_keys, bad, out_of_range = self._load_missing(checked, expected_keys, features, cached, cancelled)
        rows = [i for i in expected_keys if i not in bad]
        if not rows or cancelled.is_set():
            return _Chunk([], np.empty((0, sum(self.sizes)), np.float32), bad, out_of_range, n_cached)
        if crops:
            blobs = self.forward.run(np.concatenate(list(crops.values())), n_threads=n_threads).values()
            computed = np.hstack([self._average_crops(blob) for blob in blobs])
            features.update(zip(crops, computed, strict=True))
        if cached:
            cached.store({key: features[expected] for expected, key in actual_keys.items()})
            cached.count(hits=n_found, misses=len(crops))
        return _Chunk(rows, np.stack([features[expected_keys[i]] for i in rows]), bad, out_of_range, n_cached)

    def _expected_key(self, checked, i, cached):
        """The cache's key for an image; its row if there is no cache, or the image is too large or cannot be read."""
        if not cached or not fits_in_memory(checked.images[i]):
            return i
        try:
            return self._key(checked, i, cached, source_digest(checked.images[i]))
        except ImageError:
            return i  # loading it raises the error

    def _key(self, checked, i, cached, digest):
        return cached.identity(digest, self.value_range if i in checked.unscaled else None)

    def _load_missing(self, checked, expected_keys, features, cached, cancelled):
        """Load images without features.

        Returns their crops and their actual keys by expected key, errors by row, and the rows out of range. The actual
        key differs if the file has changed meanwhile. Rows without an expected key are not stored. Nor are rows out of
        range, because every run has to warn about them.
        """
        crops, actual_keys, bad, out_of_range = {}, {}, {}, []
        for i, expected in expected_keys.items():
            if cancelled.is_set():
                break
            if expected in features or expected in crops:
                continue
            try:
                with_digest = expected != i and may_change(checked.images[i])
                loaded, crops[expected] = self._load(checked.images, i, with_digest)
            except ImageError as error:
                if self.options.on_error == "raise":
                    raise
                bad[i] = error
                continue
            if loaded.out_of_range:
                out_of_range.append(i)
            elif expected != i:
                actual_keys[expected] = self._key(checked, i, cached, loaded.digest) if loaded.digest else expected
        return crops, actual_keys, bad, out_of_range

    def _load(self, images, i, with_digest):
        """Load an image and cut its crops; all threads share the budget of pixels."""
        with pixel_budget.reservation() as reserve:
            loaded = load_image(images, i, self.value_range, self.min_side, with_digest=with_digest, reserve=reserve)
            options = {"resize": self.options.resize, "crops": self.options.crops, "box": loaded.box}
            network = self.network
            crops = prepare_image(loaded.pixels, network.preprocessing, **options, mean_image=network.mean_image)
            return loaded._replace(pixels=None), crops

    def _average_crops(self, blob):
        if self.n_crops == 1:
            return blob
        return blob.reshape(-1, self.n_crops, blob.shape[1]).mean(axis=1)

    def _open_cache(self):
        """Open the cache for rows of these blobs; None without a cache."""
        if self.options.memory is None:
            return nullcontext()
        policy = self.options.resize or self.network.preprocessing.policy
        decoding = decoder_version(), self.min_side, policy, self.options.crops
        recipe = [self.network.fingerprint, *decoding, numerics_version()]
        return CachedRows(self.options.memory, json.dumps(recipe), dict(zip(self.blobs, self.sizes, strict=True)))


def _as_slice(rows):
    """Rows without a gap as a slice, to which NumPy copies several times faster."""
    return slice(rows[0], rows[-1] + 1) if rows[-1] - rows[0] == len(rows) - 1 else rows
