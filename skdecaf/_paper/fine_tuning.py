"""Beyond the paper: a fine-tuned network against its features as they are, by the number of training photos."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

from skdecaf._paper.classifiers import classifier, score
from skdecaf._paper.figure_4 import per_class_splits
from skdecaf._paper.run import Run, check_dataset, photos_of
from skdecaf._utils.extras import require
from skdecaf.model_selection import mean_per_class_accuracy_score

N_PER_CLASS = (5, 10, 20, 30)
_LAYER = "pool5"
_COLUMNS = ("fine-tuned", f"SVM on {_LAYER}")


def fine_tuning(
    dataset,
    *,
    weights="mini",
    n_per_class=N_PER_CLASS,
    n_splits=3,
    random_state=0,
    folder=None,
    n_jobs=None,
    verbose=False,
):
    """Accuracy of `FineTunedClassifier` and of an SVM on pool5 against the number of training photos per class.

    Parameters
    ----------
    dataset : Bunch
        As for `figure_4_left`; the photos are paths.
    weights : str or path, default="mini"
        The network, as for `DeCAFTransformer`.
    n_per_class : sequence of int, default=(5, 10, 20, 30)
        Training photos per class; all others are for testing.
    n_splits : int, default=3
        Random splits for each number.
    random_state : int, default=0
        Seeds splits and training.
    folder, n_jobs, verbose : as for `figure_4_left`

    Returns
    -------
    PaperTable
        A row for each number, a column for each classifier; mean over classes of the accuracy in each class, as a
        percentage.

    Raises
    ------
    ImportError
        Without torch.
    TypeError, ValueError
        As for `figure_4_left`.
    """
    require("train", "reproducing fine-tuning")
    check_dataset(dataset)
    largest_first = sorted(n_per_class, reverse=True)  # so that the first error names all classes that are too small
    splits = {n: per_class_splits(dataset, n, n_splits, random_state) for n in largest_first}
    run, y = Run(weights, folder, n_jobs, verbose), np.asarray(dataset.target)
    X = run.features(dataset.data, [_LAYER])[_LAYER]
    calls = [
        {"weights": weights, "column": column, "split": splits[n][i], "seed": random_state + i}
        for n in n_per_class
        for column in _COLUMNS
        for i in range(n_splits)
    ]
    scores = run.map(_point, (photos_of(dataset), X, y), calls)
    return run.table(
        "fine_tuning",
        "Fine-tuning against features, by training photos per class, mean over classes, %",
        tuple(str(n) for n in n_per_class),
        _COLUMNS,
        np.reshape(scores, (len(n_per_class), len(_COLUMNS), n_splits)),
        {},
        y=y,
        notes=("Not in the paper, whose Section 5 names fine-tuning as the next step.",),
        n_splits=n_splits,
        seed=random_state,
    )


def _point(photos, X, y, *, weights, column, split, seed):
    train, test = split
    if column != _COLUMNS[0]:
        return score(classifier("SVM", 1.0, "expected", len(train), seed), X, y, train, test)
    from skdecaf.training import FineTunedClassifier

    model = FineTunedClassifier(weights, random_state=seed, n_jobs=1).fit(photos[train].tolist(), y[train])
    return 100 * float(mean_per_class_accuracy_score(y[test], model.predict(photos[test].tolist())))
