"""Table 2: kinds of birds, cut out by their boxes."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

from skdecaf._crops import BoxCropper
from skdecaf.paper._classifiers import FIXED_C, linear_model, scaling
from skdecaf.paper._run import Run, note_on_classes
from skdecaf.paper.results import PaperTable

_ROW, _COLUMN = "box, LogReg", "DeCAF6"
_PAPER = {
    (_ROW, _COLUMN): (58.75, None),
    ("parts (DPD), LogReg", _COLUMN): (64.96, None),
}
_N_CLASSES = 200
_SCALE = 1.5  # of a box


def table_2(dataset, *, weights="mini", random_state=0, folder=None, n_jobs=None, verbose=False):
    """Accuracy of logistic regression on DeCAF6 of birds that are cut out by their boxes.

    Parameters
    ----------
    dataset : Bunch
        With ``data``, ``target``, ``boxes`` and ``splits``, as from `skdecaf.datasets.fetch_cub200`.
    weights : str, path or Network, default="mini"
        The network, as for `DeCAFTransformer`.
    random_state : int, default=0
        Seeds the solver.
    folder : str or PathLike, default=None
        Keeps features and the finished cell, so that a second call continues where the first one ended.
    n_jobs : int, default=None
        Threads; -1 is one for each processor.
    verbose : bool, default=False
        Whether to show progress bars.

    Returns
    -------
    PaperTable
        Accuracy in per cent. The row of parts is the paper's.

    Notes
    -----
    Section 4.3 of the paper: boxes 1.5 times as wide and high as those of the data set, multi-class logistic
    regression, and the published split. The paper cites the data set of 2010; its figures are those of 2011. C is
    fixed, as in `figure_4_right`.
    """
    run = Run(weights, folder, n_jobs, verbose)
    rows = [(photo, *box) for photo, box in zip(dataset.data, dataset.boxes, strict=True)]
    crops = BoxCropper(_SCALE).fit_transform(rows)
    X, y = run.features(crops, [6])[6], np.asarray(dataset.target)
    [accuracy] = run.map(_accuracy, (X, y), [{"split": dataset.splits[0], "seed": random_state}])
    protocol = {"photos": len(y), "classes": len(np.unique(y)), "seed": random_state, "C": FIXED_C["LogReg"]}
    quoted = "Quoted in the paper: DPD 50.98 (Zhang et al. 2013), POOF 56.78 (Berg and Belhumeur 2013)."
    notes = (*note_on_classes(y, _N_CLASSES), quoted)
    scores = np.array([[[accuracy]], [[np.nan]]])
    names = tuple(row for row, _ in _PAPER)
    title = "Table 2: kinds of birds of CUB-200, accuracy, %"
    return PaperTable("table_2", title, names, (_COLUMN,), scores, _PAPER, notes, run.details(**protocol))


def _accuracy(X, y, *, split, seed):
    train, test = split
    scale, model = scaling().fit(X[train]), linear_model("LogReg", FIXED_C["LogReg"], seed)
    model.fit(scale.transform(X[train]), y[train])
    return 100 * float(model.score(scale.transform(X[test]), y[test]))
