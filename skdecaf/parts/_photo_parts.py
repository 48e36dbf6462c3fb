"""A photo with the boxes of a thing and of its parts."""

# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from skdecaf.images import describe


@dataclass(frozen=True, slots=True, eq=False)
class PhotoParts:
    """A photo with the box of a thing, and the boxes of its parts. It holds no pixels.

    Parameters
    ----------
    photo : str, PathLike, bytes-like, binary file, PIL image or ndarray
        As for `skdecaf.images.decode`.
    box : array-like of shape (4,)
        Numbers x and y of the upper left corner, width and height, in pixels of the upright photo, as in the ``boxes``
        of `skdecaf.datasets.fetch_cub200`.
    parts : array-like of shape (n_parts, 4)
        A box for each part; NaN in all four numbers for a part that is missing.
    scores : array-like of shape (n_parts,), default=None
        How certain each part is. NaN if unknown; None means that all are.
    component : int, default=0
        Which pose or view it is, from 0.
    score : float, default=NaN
        How certain the detection is.
    key_points : array-like of shape (n_key_points, 3), default=None
        Position x, y and whether it is visible, for each annotated point, as in the ``parts`` of
        `skdecaf.datasets.fetch_cub200`. `PartPooler.fit` learns from them.

    Raises
    ------
    ValueError
        If a box is not made of finite numbers or has no area, or an array has another shape.

    See Also
    --------
    photo_parts : Makes one for each row of several arrays.

    Examples
    --------
    >>> from skdecaf.parts import PhotoParts
    >>> PhotoParts("bird.jpg", (40, 20, 100, 60), [(45, 22, 20, 15), (50, 30, 80, 45)]).parts.shape
    (2, 4)
    """

    photo: object
    box: np.ndarray
    parts: np.ndarray
    scores: np.ndarray = None
    component: int = 0
    score: float = np.nan
    key_points: np.ndarray = None

    def __post_init__(self):
        box, parts = _numbers("box", self.box, (4,)), _numbers("parts", self.parts, (None, 4))
        scores = np.full(len(parts), np.nan) if self.scores is None else _numbers("scores", self.scores, (len(parts),))
        _check_box("box", box)
        for i in np.flatnonzero(~np.isnan(parts).all(axis=1)):
            _check_box(f"box of part {i}", parts[i])
        if not isinstance(self.component, Integral) or self.component < 0:
            raise ValueError(f"component is {self.component!r}, not a whole number from 0")
        values = {"box": box, "parts": parts, "scores": scores, "component": int(self.component)}
        if self.key_points is not None:
            values["key_points"] = _checked_key_points(self.key_points)
        for name, value in {**values, "score": float(self.score)}.items():
            object.__setattr__(self, name, value)


def photo_parts(photos, boxes, parts, *, scores=None, components=None, key_points=None):
    """Put photos, boxes and parts together, one `PhotoParts` per photo.

    Parameters
    ----------
    photos : sequence of length n_photos
        Paths or other sources of images.
    boxes : array-like of shape (n_photos, 4)
        Boxes x, y, width and height.
    parts : array-like of shape (n_photos, n_parts, 4)
        Boxes of parts; NaN for missing parts.
    scores : array-like of shape (n_photos, n_parts), default=None
        Scores of parts.
    components : array-like of int of shape (n_photos,), default=None
        Components; None means 0 for all.
    key_points : array-like of shape (n_photos, n_key_points, 3), default=None
        Position x, y and whether it is visible.

    Returns
    -------
    ndarray of shape (n_photos,), dtype object

    Raises
    ------
    ValueError
        If the arrays differ in length, or a row is not valid; the message names the row.

    Examples
    --------
    >>> from skdecaf.parts import photo_parts
    >>> rows = photo_parts(["bird.jpg"], [(40, 20, 100, 60)], [[(45, 22, 20, 15)]])
    >>> rows[0].photo
    'bird.jpg'
    """
    columns = {"boxes": boxes, "parts": parts, "scores": scores, "components": components, "key_points": key_points}
    for name, column in columns.items():
        if column is not None and len(column) != len(photos):
            raise ValueError(f"there are {len(photos)} photos, but {name} has {len(column)} rows")
    names = {"boxes": "box", "components": "component"}
    rows = np.empty(len(photos), dtype=object)
    for i, photo in enumerate(photos):
        values = {names.get(name, name): column[i] for name, column in columns.items() if column is not None}
        try:
            rows[i] = PhotoParts(photo, **values)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{row_name(i, photo)}: {error}") from None
    return rows


def row_name(i, photo):
    """Name a row for messages: ``row 17 ('cats/1.jpg')``."""
    return f"row {i} ({described})" if (described := describe(photo)) else f"row {i}"


def check_rows(X, n_parts=None):
    """List the rows of X, which are `PhotoParts` with the same number of parts.

    Parameters
    ----------
    X : sequence of PhotoParts
    n_parts : int, default=None
        Number of parts that `fit` saw; None takes that of the first row.

    Returns
    -------
    list of PhotoParts
    """
    if isinstance(X, PhotoParts) or not hasattr(X, "__len__"):
        raise TypeError(f"X must be a sequence of PhotoParts, as from photo_parts; got {type(X).__name__}")
    if hasattr(X, "columns") and X.shape[1:] == (1,):
        X = X.iloc[:, 0]
    rows = list(X)
    for i, row in enumerate(rows):
        if not isinstance(row, PhotoParts):
            raise TypeError(f"row {i} of X is of type {type(row).__name__}, not PhotoParts, as from photo_parts")
        n_parts = len(row.parts) if n_parts is None else n_parts
        if len(row.parts) != n_parts:
            raise ValueError(f"{row_name(i, row.photo)} has {len(row.parts)} parts; there must be {n_parts}")
    return rows


def _numbers(name, values, shape):
    array = np.array(values, dtype=np.float64)
    if array.ndim != len(shape) or any(want not in (None, side) for want, side in zip(shape, array.shape, strict=True)):
        wanted = ", ".join("n" if side is None else str(side) for side in shape)
        raise ValueError(f"{name} has the shape {array.shape}, not ({wanted}{',' * (len(shape) == 1)})")
    return array


def _check_box(name, box):
    if not np.isfinite(box).all():
        raise ValueError(f"the {name} is {_text(box)}, not finite numbers")
    if not (box[2:] > 0).all():
        raise ValueError(f"the {name} is {_text(box)} (x, y, width, height), which has no area")


def _checked_key_points(values):
    points = _numbers("key_points", values, (None, 3))
    wrong = np.flatnonzero((points[:, 2] != 0) & ~np.isfinite(points).all(axis=1))
    if len(wrong):
        raise ValueError(f"key point {wrong[0]} is {_text(points[wrong[0]])}, not finite numbers")
    return points


def _text(numbers):
    return f"({', '.join(f'{number:g}' for number in numbers)})"
