"""From images to blobs: decode, resize, crop and compute, chunk by chunk in threads."""

# SPDX-License-Identifier: BSD-3-Clause
import sys
from contextlib import closing

import numpy as np
from tqdm import tqdm

from skdecaf._forward import plan_forward_pass
from skdecaf._inputs import load_image, warn_if_out_of_range
from skdecaf._threads import resolve_n_jobs
from skdecaf._warnings import warn_user
from skdecaf.images import ImageError, cut_windows, fit_image, map_chunks

N_VIEWS = {"center": 1, "ten": 10}


class BlobExtractor:
    """Computes blobs of photos, side by side in one row each.

    Parameters
    ----------
    estimator : estimator instance
        Its ``resize``, ``crops``, ``on_error``, ``batch_size``, ``n_jobs`` and ``verbose`` are read, as in
        `DeCAFTransformer`.
    network : Network
    blobs : sequence of str
    value_range : tuple (low, high) or None
        Of images whose dtype does not say it.
    """

    def __init__(self, estimator, network, blobs, value_range):
        self.network, preprocessing = network, network.preprocessing
        self.forward = plan_forward_pass(network, blobs)
        self.sizes = [int(np.prod(network.blob_shapes[blob])) for blob in self.forward.blobs]
        self.value_range, self.on_error, self.verbose = value_range, estimator.on_error, estimator.verbose
        self.n_threads = resolve_n_jobs(estimator.n_jobs)
        self.crops, self.n_views = estimator.crops, N_VIEWS[estimator.crops]
        self.chunk_size = max(1, estimator.batch_size // self.n_views)
        self._fit_options = {
            "size": preprocessing.resize,
            "policy": estimator.resize or preprocessing.policy,
            "resample": preprocessing.resample,
        }

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
        # With few images every thread gets its share.
        chunk_size = max(1, min(self.chunk_size, -(-n // self.n_threads)))

        def work(start, stop, cancelled):
            return self._chunk(images, range(start, stop), errors, cancelled)

        starts = range(0, n, chunk_size)
        # An error here must not leave threads at work for as long as someone holds its traceback.
        with self._progress(n) as progress, closing(map_chunks(work, n, chunk_size, self.n_threads)) as chunks:
            for start, (rows, features, bad) in zip(starts, chunks, strict=True):
                errors.update(bad)
                if look is not None and rows:
                    look(features)
                if keep and rows:
                    out[rows] = features
                progress.update(min(chunk_size, n - start))
        if keep:
            out[list(errors)] = np.nan
        self._warn_of(images, errors)
        warn_if_out_of_range(images, self.value_range)
        return out

    def _chunk(self, images, indices, errors, cancelled):
        """Blobs of the good rows of one chunk: (rows, features, errors of the bad ones)."""
        rows, pixels, bad = [], [], {}
        for i in indices:
            if cancelled.is_set():
                return [], None, {}
            if i in errors:
                continue
            try:
                pixels.append(self._views(load_image(images, i, self.value_range)))
                rows.append(i)
            except ImageError as error:
                if self.on_error == "raise":
                    raise
                bad[i] = error
        if not rows or cancelled.is_set():
            return [], None, bad
        blobs = self.forward.run(np.concatenate(pixels)).values()
        return rows, np.hstack([self._average_views(blob) for blob in blobs]), bad

    def _views(self, pixels):
        """The crops of one image, of which a mean image is already subtracted."""
        pixels = fit_image(pixels, **self._fit_options)
        if self.network.preprocessing.flip:
            pixels = pixels[::-1]
        if self.network.mean_image is not None:
            pixels = pixels - self.network.mean_image
        return cut_windows(pixels, self.network.preprocessing.crop, self.crops)

    def _average_views(self, blob):
        if self.n_views == 1:
            return blob
        return blob.reshape(-1, self.n_views, blob.shape[1]).mean(axis=1)

    def _progress(self, n):
        """A tqdm bar; a line every ten seconds where nobody watches a terminal."""
        if not self.verbose:
            return tqdm(disable=True)
        from tqdm.auto import tqdm as notebook_or_terminal_bar

        interval = 0.1 if sys.stderr.isatty() else 10
        return notebook_or_terminal_bar(total=n, unit=" images", desc="skdecaf", mininterval=interval)

    def _warn_of(self, images, errors):
        if errors:
            first = ", ".join(images.name(i) for i in sorted(errors)[:3])
            more = ", …" if len(errors) > 3 else ""
            warn_user(f"{len(errors)} of {len(images)} images cannot be read; their results are NaN: {first}{more}")
