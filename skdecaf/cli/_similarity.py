"""Cosine distances between the features of photos."""

# SPDX-License-Identifier: BSD-3-Clause
import os
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.preprocessing import normalize

from skdecaf._utils.progress import progress_bar
from skdecaf._utils.warnings import collect_unreadable
from skdecaf.cli._photos import PhotoFiles, find_photos

_CHUNK_BYTES = 64 * 2**20  # of a block of the distance matrix
_DECIMALS = 6  # rounding errors of float32 are smaller


class Neighbors(NamedTuple):
    """What `nearest_photos` returns."""

    n_photos: int
    of_query: dict  # query: list of (photo, distance), the nearest first
    left_out: dict


class Duplicates(NamedTuple):
    """What `duplicate_groups` returns."""

    n_photos: int
    groups: list  # of lists of (photo, distance to the nearest photo of the group)
    left_out: dict


def list_folder(folder):
    """List the photos of a folder and its subfolders, and check that it is one."""
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{folder!r} is not a folder; give a folder of photos")
    return find_photos([folder])


def nearest_photos(photos, queries, transformer, k):
    """Find the nearest photos to each query by the cosine distance of their features.

    Parameters
    ----------
    photos, queries : list of str
        A query that is one of the photos is not its own neighbour.
    transformer : DeCAFTransformer
        Fitted here on all photos. With ``on_error="nan"``, photos that cannot be read are left out.
    k : int
        Number of neighbours, at most.

    Returns
    -------
    Neighbors
        n_photos (that were read, without queries), of_query and left_out (path: reason).

    Raises
    ------
    ImageError
        If a photo cannot be read, with ``on_error="raise"``.
    ValueError
        If none of the photos, or none of the queries, can be read.
    """
    read, rows, left_out = unit_features(list(dict.fromkeys([*photos, *queries])), transformer)
    n_photos = sum(photo not in left_out for photo in photos)  # they are first
    queries = [query for query in dict.fromkeys(queries) if query not in left_out]
    if not n_photos or not queries:
        raise ValueError(f"none of the {'photos to search for' if n_photos else 'photos of the folder'} can be read")
    index = {photo: i for i, photo in enumerate(read)}
    files = np.array([os.path.realpath(photo) for photo in read], dtype=object)
    of_query = {}
    size = _chunk_size(n_photos)
    with progress_bar(len(queries), transformer.verbose, name="searching", delay=1) as bar:
        for start in range(0, len(queries), size):
            chunk = queries[start : start + size]
            distances = cosine_distances(rows[[index[query] for query in chunk]], rows[:n_photos])
            for query, row in zip(chunk, distances, strict=True):
                row[files[:n_photos] == files[index[query]]] = np.inf
                best = [j for j in np.argsort(row, kind="stable")[:k] if row[j] < np.inf]
                of_query[query] = [(read[j], float(row[j])) for j in best]
                bar.update()
    return Neighbors(n_photos, of_query, left_out)


def duplicate_groups(photos, transformer, threshold):
    """Group photos that are connected by cosine distances up to a threshold.

    Parameters
    ----------
    photos : list of str
    transformer : DeCAFTransformer
        As for `nearest_photos`.
    threshold : float

    Returns
    -------
    Duplicates
        n_photos (that were read), groups of at least two photos and left_out (path: reason).

    Raises
    ------
    ImageError
        If a photo cannot be read, with ``on_error="raise"``.
    ValueError
        If no photo can be read.
    """
    read, rows, left_out = unit_features(photos, transformer)
    n, size = len(read), _chunk_size(len(read))
    labels, nearest = np.arange(n), np.full(n, np.inf)
    with progress_bar(n, transformer.verbose, name="comparing", delay=1) as bar:
        for start in range(0, n, size):
            stop = min(start + size, n)
            distances = cosine_distances(rows[start:stop], rows[start:])
            np.fill_diagonal(distances, np.inf)
            nearest[start:stop] = np.minimum(nearest[start:stop], distances.min(axis=1))
            nearest[start:] = np.minimum(nearest[start:], distances.min(axis=0))
            i, j = np.nonzero(distances <= threshold)
            edges = coo_array((np.ones(len(i), bool), (labels[start + i], labels[start + j])), shape=(n, n))
            labels = connected_components(edges, directed=False)[1][labels]
            bar.update(stop - start)
    groups = {}
    for photo, label, distance in zip(read, labels.tolist(), nearest.tolist(), strict=True):
        groups.setdefault(label, []).append((photo, distance))
    return Duplicates(n, [group for group in groups.values() if len(group) > 1], left_out)


def unit_features(photos, transformer):
    """The photos that can be read, their features with unit norm, and the others (path: reason)."""
    with collect_unreadable() as errors:
        features = transformer.fit_transform(PhotoFiles(photos))
    good = [i for i in range(len(photos)) if i not in errors]
    if not good:
        raise ValueError(f"none of the {len(photos)} photos can be read")
    if errors:
        features = features[good]
    left_out = {photos[i]: str(errors[i]) for i in sorted(errors)}
    return [photos[i] for i in good], normalize(features, copy=False), left_out


def _chunk_size(n_columns):
    return max(1, _CHUNK_BYTES // (4 * n_columns))


def cosine_distances(rows, others):
    """Cosine distances of unit rows, where equal photos have distance 0."""
    return np.maximum(np.round(1 - rows @ others.T, _DECIMALS), 0)
