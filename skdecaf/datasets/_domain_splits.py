"""Published splits of the Office data sets."""

# SPDX-License-Identifier: BSD-3-Clause
import os

import numpy as np

from skdecaf.datasets._mat_files import read_variables


def read_domain_splits(path):
    """Read splits of the Office data sets, published by the paper's group as a MATLAB file.

    Parameters
    ----------
    path : str or PathLike
        For example ``SameCategory_amazon-webcam_20RandomTrials_allCategories.mat``, from the folder ``DataSplits`` of
        https://github.com/jhoffman/MaxMarginDomainTransforms.

    Returns
    -------
    list of tuple
        For each trial ``(train_source, train_target, test_target)``, each an ndarray of int64: row numbers within the
        source or the target, from 0. For Office-31 they refer to ``features="surf"``, which lacks four photos of
        amazon.

    Raises
    ------
    ValueError
        If the file does not have this format; the message names it.

    Examples
    --------
    >>> from skdecaf.datasets import read_domain_splits
    >>> splits = read_domain_splits("SameCategory_dslr-webcam_20RandomTrials_allCategories.mat")  # doctest: +SKIP
    """
    train, test = read_variables(path, "train", "test")
    fields = {"train.source": (train, "source"), "train.target": (train, "target"), "test.target": (test, "target")}
    columns = [_trials(path, name, variable, field) for name, (variable, field) in fields.items()]
    if len(set(map(len, columns))) > 1:
        numbers = ", ".join(f"{len(column)} in {name}" for name, column in zip(fields, columns, strict=True))
        raise ValueError(f"{os.fspath(path)!r} has different numbers of trials: {numbers}")
    return list(zip(*columns, strict=True))


def _trials(path, name, variable, field):
    """The row numbers in each cell of a field, from 0."""
    cells = variable.get(field) if isinstance(variable, dict) else None
    if not isinstance(cells, list):
        raise ValueError(f"{os.fspath(path)!r} has no cells in {name!r}")
    for cell in cells:
        if not isinstance(cell, np.ndarray) or not np.all((cell >= 1) & (cell == np.floor(cell))):
            raise ValueError(f"{os.fspath(path)!r} has something else than numbers from 1 on in {name!r}")
    return [cell.ravel().astype(np.int64) - 1 for cell in cells]
