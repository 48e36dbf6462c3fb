"""Table 2: kinds of birds, cropped to their boxes, and with their parts."""

# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import dataclass

import numpy as np

from skdecaf._box_cropper import BoxCropper
from skdecaf._paper.classifiers import FIXED_C, linear_model, scaling
from skdecaf._paper.results import PaperTable
from skdecaf._paper.run import Run, check_dataset, class_labels, photos_of
from skdecaf._utils.extras import require
from skdecaf._utils.warnings import warn_user
from skdecaf.parts import BIRD_PARTS, PartDetector, PartPooler, correct_parts, key_point_boxes, photo_parts
from skdecaf.parts._boxes import mean_boxes, place_boxes

_BOX, _DETECTED, _MEAN, _ANNOTATED = "box, LogReg", "parts (DPD), LogReg", "parts at mean places", "annotated parts"
_ROWS = (_BOX, _DETECTED, _MEAN, _ANNOTATED)
_COLUMN, _PCP = "DeCAF6", "PCP@0.5"
_PAPER = {(_BOX, _COLUMN): (58.75, None), (_DETECTED, _COLUMN): (64.96, None)}
_N_CLASSES = 200
_SCALE = 1.5  # of a box
_N_DRAWN = 6


@dataclass(frozen=True)
class PaperParts(PaperTable):
    """A table, and photos with boxes of parts.

    Parameters
    ----------
    found, annotated : tuple of PhotoParts, default=()
        Photos with the parts that were found, and with those that are annotated.
    part_names : tuple of str, default=()

    See Also
    --------
    PaperTable : The other parameters.
    """

    found: tuple = ()
    annotated: tuple = ()
    part_names: tuple = ()


def table_2(dataset, *, weights="mini", random_state=0, folder=None, n_jobs=None, verbose=False):
    """Accuracy of logistic regression on DeCAF6 of birds, cropped to their boxes, and with their parts.

    Parameters
    ----------
    dataset : Bunch
        With ``data``, ``target``, ``boxes`` and ``splits``, as from `skdecaf.datasets.fetch_cub200`, and its ``parts``
        for the rows of parts.
    weights : str, path or Network, default="mini"
        The network, as for `DeCAFTransformer`.
    random_state : int, default=0
        Seeds the solver.
    folder, n_jobs, verbose : as for `figure_4_left`

    Returns
    -------
    PaperTable
        A `PaperParts` if there are key points. Accuracy, and percentage of correct parts, as percentages.

    Warns
    -----
    UserWarning
        If OpenCV is missing, so that no parts are detected.

    Raises
    ------
    TypeError
        If the dataset lacks one of these fields.
    ValueError
        If a class has no training photo, or there are fewer than two classes; this is checked before any photo is
        read.

    Notes
    -----
    Section 4.3 of the paper: boxes 1.5 times as wide and high as those of the data set, multi-class logistic
    regression, and the published split. The paper cites the data set of 2010, but its figures belong to the set of
    2011. C is fixed, as in `figure_4_right`.
    """
    check_dataset(dataset, "boxes", "splits")
    split = dataset.splits[0]
    _check_classes(class_labels(dataset), split[0])
    run = Run(weights, folder, n_jobs, verbose)
    photos, boxes, y = photos_of(dataset), np.asarray(dataset.boxes), np.asarray(dataset.target)
    rows = [(photo, *box) for photo, box in zip(photos, boxes, strict=True)]
    features = {_BOX: run.features(BoxCropper(_SCALE).fit_transform(rows), [6])[6]}
    scores = np.full((len(_ROWS), 2, 1), np.nan)
    found = _find_parts(run, dataset, photos, boxes, split[0], random_state)
    for name, parts in found.items():
        pooler, rows = PartPooler(run.transformer([6]), box_scale=_SCALE), photo_parts(photos, boxes, parts)
        with run.timing("features"):
            features[name] = pooler.fit(rows[split[0]]).transform(rows)
        scores[_ROWS.index(name), 1] = 100 * np.nanmean(correct_parts(found[_ANNOTATED][split[1]], parts[split[1]]))
    for name, X in features.items():
        scores[_ROWS.index(name), 0] = run.map(_accuracy, (X, y), [{"split": split, "seed": random_state}])
    table = run.table(
        "table_2",
        "Table 2: kinds of birds of CUB-200, accuracy, %",
        _ROWS,
        (_COLUMN, _PCP),
        scores,
        _PAPER,
        y=y,
        n_classes=_N_CLASSES,
        notes=[
            "Quoted in the paper: DPD 50.98 (Zhang et al. 2013), POOF 56.78 (Berg and Belhumeur 2013).",
            f"Parts are {' and '.join(BIRD_PARTS)}. {_PCP}: of the annotated boxes of parts in the test photos, those "
            "that were found with an overlap of at least one half.",
        ],
        **{"seed": random_state, "C": FIXED_C["LogReg"]},
    )
    return _drawn(table, found, photos, boxes, split[1])


def _find_parts(run, dataset, photos, boxes, train, seed):
    """Boxes of parts by name of row, if there are key points."""
    key_points = getattr(dataset, "parts", None)
    if key_points is None or not np.any(np.asarray(key_points)[train, :, 2]):
        return {}
    annotated = key_point_boxes(key_points, boxes, BIRD_PARTS)
    found = {_ANNOTATED: annotated, _MEAN: place_boxes(mean_boxes(boxes[train], annotated[train]), boxes)}
    try:
        require("baselines", f"the row {_DETECTED!r} of Table 2")
    except ImportError as error:
        warn_user(str(error))
        return found
    # With the detector in the call, stored boxes are those of its parameters, also after a change of its defaults.
    call = {"train": train, "detector": PartDetector(random_state=seed, n_jobs=run.n_jobs)}
    [detected] = run.map(_detect, (list(photos), boxes, annotated), [call])
    return {**found, _DETECTED: np.array(detected)}


def _detect(photos, boxes, annotated, *, train, detector):
    """Boxes of parts in all photos, by a detector that learns from some."""
    rows = photo_parts(photos, boxes, annotated)
    return [row.parts.tolist() for row in detector.fit(rows[train]).transform(rows)]


def _drawn(table, found, photos, boxes, test):
    """The table with some test photos of the best boxes that are not annotated, for the picture."""
    if not found:
        return table
    chosen = test[np.linspace(0, len(test) - 1, min(_N_DRAWN, len(test))).astype(int)]
    best = found.get(_DETECTED, found[_MEAN])
    pictures = tuple(
        tuple(photo_parts(photos[chosen], boxes[chosen], parts[chosen])) for parts in (best, found[_ANNOTATED])
    )
    return PaperParts(**vars(table), found=pictures[0], annotated=pictures[1], part_names=tuple(BIRD_PARTS))


def _check_classes(labels, train):
    unseen = np.setdiff1d(labels, labels[train]).tolist()
    if unseen:
        raise ValueError(f"no training photo is of {', '.join(map(repr, unseen))}; leave these classes out")


def _accuracy(X, y, *, split, seed):
    train, test = split
    scale, model = scaling().fit(X[train]), linear_model("LogReg", FIXED_C["LogReg"])
    model.fit(scale.transform(X[train]), y[train])
    return 100 * float(model.score(scale.transform(X[test]), y[test]))
