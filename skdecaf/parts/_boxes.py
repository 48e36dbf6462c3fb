"""Boxes of parts: from key points, and how well they agree with others."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from sklearn.utils import check_consistent_length

# Numbers of the key points of CUB-200-2011, in the order of its part_names: back, beak, belly, breast, crown, forehead,
# left eye, left leg, left wing, nape, right eye, right leg, right wing, tail, throat.
BIRD_PARTS = {"head": (1, 4, 5, 6, 9, 10, 14), "body": (0, 2, 3, 7, 8, 9, 11, 12, 13, 14)}


def key_point_boxes(key_points, boxes, groups, *, margin=0.1, min_side=0.2):
    """Make a box around each group of key points.

    Parameters
    ----------
    key_points : array-like of shape (n_photos, n_key_points, 3)
        Position x, y and whether it is visible, as in the ``parts`` of `skdecaf.datasets.fetch_cub200`.
    boxes : array-like of shape (n_photos, 4)
        Boxes x, y, width and height of the thing, which set the scale of ``margin`` and ``min_side``.
    groups : sequence of sequences of int, or dict with these as values
        The numbers of the key points of each part, such as `BIRD_PARTS`.
    margin : float, default=0.1
        How far a box extends beyond its key points on all sides, in units of the square root of the area of the box
        of the thing.
    min_side : float, default=0.2
        The smallest width and height of a box, in these units.

    Returns
    -------
    ndarray of shape (n_photos, n_parts, 4), float64
        Boxes x, y, width and height, cut at the box of the thing; NaN where no key point of the group is visible in
        that box.

    Raises
    ------
    ValueError
        If the arrays do not fit each other, or a group is empty or names a key point that does not exist.

    Examples
    --------
    >>> from skdecaf.parts import key_point_boxes
    >>> points = [[(30, 30, 1), (50, 40, 1), (0, 0, 0)]]
    >>> key_point_boxes(points, [(0, 0, 100, 100)], [(0, 1), (2,)]).tolist()
    [[[20.0, 20.0, 40.0, 30.0], [nan, nan, nan, nan]]]
    """
    key_points, boxes = np.asarray(key_points, dtype=np.float64), np.asarray(boxes, dtype=np.float64)
    check_consistent_length(key_points, boxes)
    if key_points.ndim != 3 or key_points.shape[2] != 3 or boxes.shape != (len(boxes), 4):
        raise ValueError(
            f"key_points has the shape {key_points.shape} and boxes {boxes.shape}, not (n, n_points, 3) and (n, 4)"
        )
    groups = check_groups(groups, key_points.shape[1])
    sizes = np.sqrt(boxes[:, 2] * boxes[:, 3])[:, np.newaxis]
    return np.stack([_box_around(key_points[:, group], boxes, sizes, margin, min_side) for group in groups], axis=1)


def _box_around(points, boxes, sizes, margin, min_side):
    visible = points[..., 2:] > 0
    low = np.where(visible, points[..., :2], np.inf).min(axis=1) - margin * sizes
    high = np.where(visible, points[..., :2], -np.inf).max(axis=1) + margin * sizes
    is_seen = visible.any(axis=(1, 2))
    low[~is_seen] = high[~is_seen] = 0
    missing = np.maximum(0, min_side * sizes - (high - low)) / 2
    low, high = low - missing, high + missing
    low, high = np.maximum(low, boxes[:, :2]), np.minimum(high, boxes[:, :2] + boxes[:, 2:])
    found = np.concatenate([low, high - low], axis=1)
    found[~is_seen | (high <= low).any(axis=1)] = np.nan
    return found


def check_groups(groups, n_key_points):
    """List groups of numbers of key points, each checked against the number of key points."""
    listed = [list(group) for group in (groups.values() if isinstance(groups, dict) else groups)]
    for i, group in enumerate(listed):
        wrong = [point for point in group if not 0 <= point < n_key_points]
        if wrong or not group:
            what = f"names key point {wrong[0]}" if wrong else "is empty"
            raise ValueError(f"group {i} {what}; the key points are 0 to {n_key_points - 1}")
    return listed


def box_overlap(a, b):
    """Intersection over union of pairs of boxes.

    Parameters
    ----------
    a, b : array-like of shape (..., 4)
        Boxes x, y, width and height; the leading dimensions are broadcast.

    Returns
    -------
    ndarray of shape (...), float64
        From 0 to 1; NaN where a box is NaN.

    Examples
    --------
    >>> from skdecaf.parts import box_overlap
    >>> box_overlap([[0, 0, 2, 2], [4, 4, 1, 1]], [0, 0, 2, 1]).tolist()
    [0.5, 0.0]
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    low = np.maximum(a[..., :2], b[..., :2])
    sides = np.maximum(0, np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:]) - low)
    shared = sides.prod(axis=-1)
    return shared / (a[..., 2] * a[..., 3] + b[..., 2] * b[..., 3] - shared)


def correct_parts(expected, found, *, threshold=0.5):
    """Share of annotated parts whose boxes were found, the "percentage of correct parts" (PCP).

    Parameters
    ----------
    expected, found : array-like of shape (n_photos, n_parts, 4)
        Boxes x, y, width and height. Parts whose expected box is NaN do not count; a box that is NaN was not found.
    threshold : float, default=0.5
        Intersection over union from which a box is correct.

    Returns
    -------
    ndarray of shape (n_parts,), float64
        From 0 to 1 for each part; NaN for a part that no photo has.

    Examples
    --------
    >>> from skdecaf.parts import correct_parts
    >>> correct_parts([[(0, 0, 4, 4)], [(9, 9, 2, 2)]], [[(0, 0, 4, 3)], [(0, 0, 2, 2)]]).tolist()
    [0.5]
    """
    overlap = box_overlap(expected, found)
    is_annotated = ~np.isnan(np.asarray(expected, dtype=np.float64)).any(axis=-1)
    n_annotated = is_annotated.sum(axis=0)
    n_correct = ((overlap >= threshold) & is_annotated).sum(axis=0)
    return np.where(n_annotated > 0, n_correct / np.maximum(n_annotated, 1), np.nan)


def mean_boxes(boxes, parts):
    """The mean place and size of each part relative to the box of the thing.

    Parameters
    ----------
    boxes : ndarray of shape (n_photos, 4)
    parts : ndarray of shape (n_photos, n_parts, 4)

    Returns
    -------
    ndarray of shape (n_parts, 4), float64
        Boxes x, y, width and height in units of the width and height of the box, from its upper left corner.
    """
    sides = np.tile(boxes[:, np.newaxis, 2:], 2)
    corners = np.pad(boxes[:, :2], ((0, 0), (0, 2)))[:, np.newaxis]
    return np.nanmean((parts - corners) / sides, axis=0)


def place_boxes(relative, boxes):
    """The inverse of `mean_boxes`: boxes of parts in photos with these boxes."""
    sides = np.tile(boxes[:, np.newaxis, 2:], 2)
    return relative * sides + np.pad(boxes[:, :2], ((0, 0), (0, 2)))[:, np.newaxis]
