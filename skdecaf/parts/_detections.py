"""Boxes of parts in a CSV file."""

# SPDX-License-Identifier: BSD-3-Clause
import csv
import os
from pathlib import Path

import numpy as np

from skdecaf._utils.files import atomic_write
from skdecaf.parts._photo_parts import PhotoParts

_COLUMNS = ("photo", "part", "x", "y", "width", "height")
_OPTIONAL = ("score", "component")
_BOX = "box"  # the name of the thing's own box


def read_detections(path, part_names=None, *, folder=None):
    """Read boxes of parts from a CSV file.

    Parameters
    ----------
    path : str or PathLike
        A UTF-8 text file with a header and one line per box. The columns ``photo``, ``part``, ``x``, ``y``, ``width``
        and ``height`` must be there, ``score`` and ``component`` may be; others are ignored. The part ``"box"`` is
        the box of the thing, and the component is read from its line.
    part_names : sequence of str, default=None
        Names of the parts in the order of the result; parts that a photo lacks are NaN. None takes all parts of the
        file in alphabetical order.
    folder : str or PathLike, default=None
        Folder to which relative paths of photos refer; None is that of the file.

    Returns
    -------
    rows : ndarray of shape (n_photos,), dtype object
        A `PhotoParts` for each photo, in the order in which photos first appear.
    part_names : list of str

    Raises
    ------
    ValueError
        If a column is missing, a value is not a number, a box is there twice, a photo has no line for its ``"box"``, or
        a part is not among ``part_names``; the message names the file and the line.

    See Also
    --------
    write_detections : Writes such a file.

    Examples
    --------
    >>> from skdecaf.parts import read_detections
    >>> rows, names = read_detections("detections.csv")  # doctest: +SKIP
    """
    path = Path(path)
    folder = path.parent if folder is None else folder
    photos = {}
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"{str(path)!r} has no column {missing[0]!r}; the first line must name the columns")
        for line in reader:
            where = f"{str(path)!r}, line {reader.line_num}"
            boxes = photos.setdefault(line["photo"], {})
            if line["part"] in boxes:
                raise ValueError(f"{where}: {line['part']!r} of {line['photo']!r} was there before")
            boxes[line["part"]] = _values(line, where), where
    seen = sorted({part for boxes in photos.values() for part in boxes} - {_BOX})
    part_names = seen if part_names is None else list(part_names)
    rows = np.empty(len(photos), dtype=object)
    for i, (photo, boxes) in enumerate(photos.items()):
        rows[i] = _row(os.path.join(folder, photo), boxes, part_names, path)
    return rows, part_names


def write_detections(path, rows, part_names, *, folder=None):
    """Write boxes of parts to a CSV file.

    Parameters
    ----------
    path : str or PathLike
        The file, written atomically.
    rows : sequence of PhotoParts
        Their photos must be paths.
    part_names : sequence of str
        Names of the parts.
    folder : str or PathLike, default=None
        Folder to which the written paths are relative; None is that of the file.

    Raises
    ------
    ValueError
        If a photo is not a path, or the number of names differs from that of parts; the message names the row.

    Examples
    --------
    >>> from skdecaf.parts import photo_parts, write_detections
    >>> rows = photo_parts(["birds/1.jpg"], [(40, 20, 100, 60)], [[(45, 22, 20, 15)]])
    >>> write_detections("detections.csv", rows, ["head"])  # doctest: +SKIP
    """
    folder = Path(path).parent if folder is None else folder
    lines = []
    for i, row in enumerate(rows):
        if not isinstance(row.photo, str | os.PathLike):
            raise ValueError(f"the photo of row {i} is of type {type(row.photo).__name__}, not a path")
        if len(part_names) != len(row.parts):
            raise ValueError(f"row {i} ({os.fspath(row.photo)!r}) has {len(row.parts)} parts, not {len(part_names)}")
        photo = os.path.relpath(row.photo, folder)
        lines.append((photo, _BOX, *row.box.tolist(), row.score, row.component))
        for name, box, score in zip(part_names, row.parts.tolist(), row.scores, strict=True):
            if not np.isnan(box).any():
                lines.append((photo, name, *box, score, row.component))
    with atomic_write(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow((*_COLUMNS, *_OPTIONAL))
        writer.writerows([["" if value != value else value for value in line] for line in lines])


def _values(line, where):
    """x, y, width, height, score and component of a line."""
    values = []
    for name in (*_COLUMNS[2:], *_OPTIONAL):
        text = line.get(name) or ({"score": "nan", "component": "0"}.get(name, ""))
        try:
            values.append(float(text))
        except ValueError:
            raise ValueError(f"{where}: {name} is {text!r}, not a number") from None
    if not values[-1].is_integer():
        raise ValueError(f"{where}: component is {line['component']!r}, not a whole number")
    return values


def _row(photo, boxes, part_names, path):
    if _BOX not in boxes:
        raise ValueError(f"{str(path)!r} has no line for the {_BOX!r} of {photo!r}")
    for name, (_, where) in boxes.items():
        if name not in (_BOX, *part_names):
            raise ValueError(f"{where}: {name!r} is not one of the parts {', '.join(map(repr, part_names))}")
    (*box, score, component), where = boxes[_BOX]
    parts = np.array([boxes[name][0][:5] if name in boxes else [np.nan] * 5 for name in part_names]).reshape(-1, 5)
    try:
        return PhotoParts(photo, box, parts[:, :4], parts[:, 4], int(component), score)
    except ValueError as error:
        raise ValueError(f"{where}: of {photo!r}, {error}") from None
