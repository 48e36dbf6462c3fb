"""The splits that the group of the paper published for the Office data sets."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from dataset_archives import mat_bytes

from skdecaf.datasets import read_domain_splits

N_TRIALS = 20


def cells(sizes, first=1):
    """A row of cells with numbers that MATLAB counts from 1."""
    trials = np.empty((1, len(sizes)), dtype=object)
    for i, size in enumerate(sizes):
        trials[0, i] = np.arange(first + i, first + i + size, dtype=float)[None]
    return trials


def write(folder, **parts):
    train = {"source": cells([620] * N_TRIALS), "target": cells([93] * N_TRIALS)}
    variables = {"train": train, "test": {"target": cells([702] * N_TRIALS, first=94)}} | parts
    path = folder / "SameCategory_amazon-webcam_20RandomTrials_allCategories.mat"
    path.write_bytes(mat_bytes(variables))
    return path


def test_places_count_from_0(tmp_path):
    splits = read_domain_splits(write(tmp_path))
    assert len(splits) == N_TRIALS
    for i, (train_source, train_target, test_target) in enumerate(splits):
        np.testing.assert_array_equal(train_source, np.arange(i, i + 620))
        np.testing.assert_array_equal(train_target, np.arange(i, i + 93))
        np.testing.assert_array_equal(test_target, np.arange(93 + i, 93 + i + 702))
        assert train_source.dtype == train_target.dtype == test_target.dtype == np.int64


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({"test": np.ones(3)}, "has no cells in 'test.target'"),
        ({"test": {"source": cells([3])}}, "has no cells in 'test.target'"),
        (
            {"test": {"target": cells([3])}},
            "has different numbers of trials: 20 in train.source, 20 in train",
        ),
        (
            {"test": {"target": cells([3] * N_TRIALS, first=0)}},
            "else than numbers from 1 on in 'test.target'",
        ),
        ({"test": {"target": cells([3] * N_TRIALS, first=1.5)}}, "something else than numbers from 1 on"),
    ],
)
def test_other_files(parts, problem, tmp_path):
    with pytest.raises(ValueError, match=rf"allCategories.mat' .*{problem}"):
        read_domain_splits(write(tmp_path, **parts))
