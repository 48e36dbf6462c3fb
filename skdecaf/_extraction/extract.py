"""The public function `extract`."""

# SPDX-License-Identifier: BSD-3-Clause
import os
from collections import Counter
from itertools import chain, islice
from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.base import clone

from skdecaf._decaf import DeCAFTransformer
from skdecaf._extraction.feature_files import FORMATS, suffix
from skdecaf._extraction.photos import StreamedImages, stream_photos, value_range_of
from skdecaf._extraction.shards import extract_to_shards
from skdecaf._extraction.single_file import check_outputs, extract_to_file
from skdecaf._inputs.sources import check_images
from skdecaf._utils.photo_folders import instead_of_photos, warn_of_ignored
from skdecaf._utils.progress import progress_bar

_CHECKED_FIRST = 100


class Extraction(NamedTuple):
    """What `extract` did.

    Attributes
    ----------
    n_rows : int
        Number of photos with features.
    n_features : int
    n_resumed : int
        Number of photos that earlier calls finished.
    left_out : dict of int to str
        With ``on_error="nan"``, the number of each photo that could not be read, and the reason.
    files : list of str
        Paths of the finished files: one, or the shards in order.
    n_busy : int
        Number of shards that other processes were computing at the end.
    """

    n_rows: int
    n_features: int
    n_resumed: int
    left_out: dict
    files: list
    n_busy: int


def extract(
    images, out, transformer=None, *, shard_size=None, overwrite=False, verbose=False, report=lambda message: None
):
    """Write features of any number of photos to disk, in little memory and through any interruption.

    Photos are read one after another, and features are written as they are computed. If the process is killed, call the
    function again with the same arguments: it repeats at most one batch for each thread.

    Parameters
    ----------
    images : iterable of images, or str
        Paths, URLs or other images in a list, array or frame as for `DeCAFTransformer.fit`; an iterator over them, such
        as a generator, of which only a few are held at a time; or the path of a folder or of a ``.tar`` file, whose
        photos are taken.
    out : str or PathLike
        Its ending chooses the format: ``.npy`` (with names in ``<out>.json`` beside it), ``.npz``, ``.csv``,
        ``.parquet`` (extra "parquet") or ``.zarr`` (extra "zarr").
    transformer : DeCAFTransformer, optional
        Chooses layer, network and other options. It must have ``dropout=False``, as the scale that dropout learns
        depends on the training photos; apply `DropoutFeatures` to the features that you train on. With
        ``on_error="nan"``, photos that cannot be read are left out and reported. None is
        ``DeCAFTransformer(dropout=False)``.
    shard_size : int, optional
        Number of photos in each file. ``out`` is then a folder with the files ``000000.npy``, ``000001.npy`` and so
        on. Any number of processes, on one machine or on several that share the folder, may call the function at once
        with the same arguments: each computes the shards that no other computes or has finished.
    overwrite : bool, default=False
        Whether the output may replace a file. Finished shards are always kept.
    verbose : bool, default=False
        Whether to show a progress bar.
    report : callable, optional
        Called with sentences about what an earlier call left.

    Returns
    -------
    Extraction
        A named tuple (n_rows, n_features, n_resumed, left_out, files, n_busy).

    Raises
    ------
    ImageError
        If a photo cannot be read, with ``on_error="raise"``; finished rows stay stored.
    TypeError
        If the transformer is not a `DeCAFTransformer`.
    ValueError
        If the transformer has dropout, no photo can be read, or the folder holds shards of other photos or with other
        options.

    Warns
    -----
    UserWarning
        If files of a folder or a ``.tar`` file are ignored because their names do not end like those of photos.

    See Also
    --------
    FeatureCache : Keeps activations by content, for the parameter `memory` of estimators.

    Notes
    -----
    Rows have the order of the photos. Float images have no known values of black and white: give the transformer a
    `value_range` if `images` is an iterator.

    Until a file is complete, finished rows are kept in ``<file>.part``. In a folder of shards, ``_manifest`` has a JSON
    file for each finished shard: the number of its first photo, its numbers of photos and rows, and the photos that
    were left out.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from sklearn.datasets import load_sample_images
    >>> from skdecaf import extract
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     done = extract(load_sample_images().images, os.path.join(folder, "features.npy"))
    ...     features = np.load(done.files[0], mmap_mode="r")
    >>> features.shape
    (2, 2048)
    """
    out = os.fspath(out)
    if suffix(out) not in FORMATS:
        raise ValueError(f"out={out!r} must end in {', '.join(FORMATS)}")
    if shard_size is not None and not (isinstance(shard_size, Integral) and shard_size > 0):
        raise ValueError(f"shard_size must be a positive number of photos, or None; got {shard_size!r}")
    if shard_size is None:
        check_outputs(out, overwrite)
    transformer = _fitted(transformer, images)
    ignored = Counter()
    photos = _checked_first(stream_photos(images, ignored), transformer.on_error)
    n_features = len(transformer.get_feature_names_out())
    total = len(images) if hasattr(images, "__len__") and not isinstance(images, str) else None
    with progress_bar(total, verbose) as bar:
        arguments = photos, out, transformer, bar, report
        if shard_size is not None:
            n_rows, n_resumed, left_out, files, n_busy = extract_to_shards(shard_size, *arguments)
        else:
            n_rows, n_resumed, left_out = extract_to_file(*arguments, verbose=verbose)
            files, n_busy = [out], 0
    if n_rows == 0 and n_busy == 0:
        if not left_out:
            raise ValueError(f"no photos to extract features from{instead_of_photos(ignored)}")
        first = left_out[min(left_out)]
        raise ValueError(f"none of the {len(left_out)} photos can be read; the first: {first}")
    if ignored:
        warn_of_ignored(os.fspath(images), ignored)
    return Extraction(n_rows, n_features, n_resumed, left_out, files, n_busy)


def _checked_first(photos, on_error):
    """Check the first photos before the work, since a wrong path is often wrong for all; return all."""
    first = list(islice(photos, _CHECKED_FIRST))
    check_images(StreamedImages(first), on_error)
    return chain(first, photos)


def _fitted(transformer, images):
    """A fitted clone of the transformer, which needs no photo if it is told the value range."""
    transformer = DeCAFTransformer(dropout=False) if transformer is None else clone(transformer)
    if not isinstance(transformer, DeCAFTransformer):
        raise TypeError(f"transformer must be a DeCAFTransformer, not {type(transformer).__name__}")
    if transformer.dropout is not False:
        raise ValueError(f"extract needs a transformer with dropout=False; got dropout={transformer.dropout!r}")
    transformer.set_params(value_range=value_range_of(images, transformer.value_range), verbose=False)
    return transformer.fit([np.zeros((1, 1), np.uint8)])
