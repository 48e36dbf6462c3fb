"""Splits counted by hand, and in scikit-learn's cross-validation."""

# SPDX-License-Identifier: BSD-3-Clause
import pickle
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from domain_rows import labels_of, two_domains
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.svm import LinearSVC

from skdecaf.model_selection import (
    DomainAdaptationSplit,
    PerClassShuffleSplit,
    PredefinedSplits,
    mask_target_labels,
)

# Photos of each of the 31 classes of Office-31. The totals and the 7 of a class of dslr are facts, the rest is made up.
WEBCAM = [25] * 20 + [27] * 10 + [25]
AMAZON = [90] * 30 + [117]
DSLR = [7] + [16] * 29 + [27]


def as_lists(splits):
    return [(train.tolist(), test.tolist()) for train, test in splits]


# The same number per class


@settings(deadline=None, max_examples=20)
@given(
    sizes=st.lists(st.integers(4, 12), min_size=1, max_size=6),
    n_train=st.integers(1, 3),
    n_test=st.sampled_from([None, 1]),
    seed=st.integers(0, 2**32 - 1),
)
def test_numbers_per_class(sizes, n_train, n_test, seed):
    y = np.random.default_rng(seed).permutation(labels_of(sizes))
    for train, test in PerClassShuffleSplit(n_train, n_test, 2, random_state=seed).split(y, y):
        assert len({*train, *test}) == len(train) + len(test)
        for label, size in enumerate(sizes):
            assert np.sum(y[train] == label) == n_train
            assert np.sum(y[test] == label) == (size - n_train if n_test is None else n_test)


def test_thirty_of_thirty_one():
    y = labels_of([31, 800])
    [(train, test)] = PerClassShuffleSplit(30, n_splits=1, random_state=0).split(y, y)
    assert np.bincount(y[train]).tolist() == [30, 30] and np.bincount(y[test]).tolist() == [1, 770]


def test_every_sample_has_the_same_chance():
    y, counts = labels_of([4, 6]), np.zeros(10)
    for train, _ in PerClassShuffleSplit(2, n_splits=4000, random_state=0).split(y, y):
        counts[train] += 1
    # Five standard deviations of a binomial.
    np.testing.assert_allclose(counts / 4000, [1 / 2] * 4 + [1 / 3] * 6, atol=5 * np.sqrt(0.25 / 4000))


@pytest.mark.parametrize(
    "y", [["b", "a"] * 3, np.array(["b", "a"] * 3, dtype=object), pd.Series(["b", "a"] * 3, dtype="category")]
)
def test_classes_by_name(y):
    for train, _ in PerClassShuffleSplit(1, random_state=0).split(range(6), y):
        assert sorted(np.asarray(y)[train]) == ["a", "b"]


def test_too_few_samples():
    y = np.repeat(["cat", "dog", "owl"], [30, 31, 7])
    with pytest.raises(
        ValueError, match=r"needs 31 samples, 30 .* at least 1 .*2 of 3 have fewer: 'cat' \(30\), 'owl' \(7\)"
    ):
        next(PerClassShuffleSplit(30).split(y, y))
    with pytest.raises(ValueError, match="needs 35 samples, 25 for training and 10 for testing"):
        next(PerClassShuffleSplit(25, 10).split(y, y))


def test_labels_are_needed():
    with pytest.raises(ValueError, match="y is missing"):
        next(PerClassShuffleSplit(1).split([1, 2], None))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        next(PerClassShuffleSplit(1).split([1, 2, 3], [0, 0]))


@pytest.mark.parametrize(
    "y",
    [
        ["b", None, "a", None],
        [0.0, np.nan, 1.0, np.nan],
        np.array(["b", np.nan, "a", "b"], dtype=object),
        pd.Series(["b", None, "a", "b"], dtype="string"),
        pd.Series([0, None, 1, 0], dtype="Int64"),
        pd.Series(["b", None, "a", "b"], dtype="category"),
    ],
    ids=["None", "NaN", "NaN among strings", "NA", "NA among numbers", "no category"],
)
def test_missing_labels(y):
    for split in (PerClassShuffleSplit(1).split, DomainAdaptationSplit(1, 0).split):
        with pytest.raises(ValueError, match="^the label of row 1 is missing, .*; give every sample a class"):
            next(split(y, y, [1, 1, -1, -1]))
    with pytest.raises(ValueError, match="^the label of row 1 is missing"):
        mask_target_labels(y, [0, 1, 2], [2])


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: PerClassShuffleSplit(0), ValueError),
        (lambda: PerClassShuffleSplit(1.5), TypeError),
        (lambda: PerClassShuffleSplit(1, 0), ValueError),
        (lambda: PerClassShuffleSplit(1, n_splits=0), ValueError),
        (lambda: DomainAdaptationSplit(0, 3), ValueError),
        (lambda: DomainAdaptationSplit(1, -1), ValueError),
    ],
)
def test_wrong_numbers_are_refused_at_once(make, error):
    with pytest.raises(error, match="n_"):
        make()


# What scikit-learn expects of a splitter


Y, DOMAINS = two_domains([6, 7], [5, 6])
SPLITTERS = {
    "per class": lambda random_state: (PerClassShuffleSplit(2, random_state=random_state), {}),
    "domains": lambda random_state: (DomainAdaptationSplit(4, 2, random_state=random_state), {"groups": DOMAINS}),
}


@pytest.mark.parametrize("make", SPLITTERS.values(), ids=SPLITTERS)
def test_seeds(make):
    splitter, domains = make(3)
    first = as_lists(splitter.split(Y, Y, **domains))
    assert first == as_lists(splitter.split(Y, Y, **domains)) == as_lists(make(3)[0].split(Y, Y, **domains))
    assert len({tuple(train) for train, _ in first}) == len(first) == splitter.get_n_splits(Y, Y, **domains) == 5
    for shared in (None, np.random.RandomState(3)):
        splitter, domains = make(shared)
        assert as_lists(splitter.split(Y, Y, **domains)) != as_lists(splitter.split(Y, Y, **domains))
    assert first == as_lists(make(np.random.RandomState(3))[0].split(Y, Y, **domains))


def test_texts_copies_and_pickles():
    splitters = {
        PerClassShuffleSplit(30): "PerClassShuffleSplit(n_splits=5, n_test=None, n_train=30, random_state=None)",
        PredefinedSplits([([0, 1], [2])]): "PredefinedSplits(<1 split, 2 rows to train and 1 to test in the first>)",
    }
    for splitter, text in splitters.items():
        copies = clone(splitter, safe=False), pickle.loads(pickle.dumps(splitter))
        assert [repr(one) for one in (splitter, *copies)] == [text] * 3
    assert "n_source=None" in repr(DomainAdaptationSplit(None, 3)) and "n_target=3" in repr(DomainAdaptationSplit(1, 3))


@pytest.mark.parametrize(
    "cv", [PerClassShuffleSplit(4, 2, random_state=0), PredefinedSplits([(range(20), range(20, 40)), ([1, 0], [3, 2])])]
)
def test_in_cross_validation_and_grid_search(cv):
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.tile([0, 1], 20)
    by_hand = [LinearSVC(C=2).fit(X[train], y[train]).score(X[test], y[test]) for train, test in cv.split(X, y)]
    np.testing.assert_array_equal(cross_val_score(LinearSVC(C=2), X, y, cv=cv), by_hand)
    search = clone(GridSearchCV(LinearSVC(), {"C": [2, 0.1]}, cv=cv)).fit(X, y)
    assert search.n_splits_ == len(by_hand) and search.cv_results_["mean_test_score"][0] == pytest.approx(
        np.mean(by_hand)
    )


# Two domains


@pytest.mark.parametrize("by", ["groups", "sample_domain"])
def test_the_numbers_of_office_31(by):
    assert (sum(AMAZON), sum(DSLR), sum(WEBCAM)) == (2817, 498, 795)
    y, domains = two_domains(AMAZON, WEBCAM)
    splitter = DomainAdaptationSplit(20, 3, random_state=0)
    for train, test in splitter.split(y, y, **{by: domains}):
        source, target = train[domains[train] >= 0], train[domains[train] < 0]
        assert (len(source), len(target), len(test)) == (620, 93, 702)
        assert set(np.bincount(y[source])) == {20} and set(np.bincount(y[target])) == {3}
        assert set(test) == set(np.flatnonzero(domains < 0)) - set(target)


def test_seven_where_eight_are_asked_for():
    y, domains = two_domains(DSLR, WEBCAM)
    with pytest.warns(UserWarning, match="all of them are taken: 0 has 7 of 8 in the source$") as warned:
        splits = list(DomainAdaptationSplit(8, 3, random_state=0).split(y, y, domains))
    assert len(warned) == 1 and warned[0].filename == __file__
    assert [(len(train), len(test)) for train, test in splits] == [(31 * 8 - 1 + 93, 702)] * 5
    with pytest.raises(ValueError, match="0 has 7 of 8 in the source$"):
        next(DomainAdaptationSplit(8, 3, strict=True).split(y, y, domains))


def test_all_small_classes_are_in_one_warning():
    y, domains = two_domains([1, 5, 2], [4, 4, 0])
    with pytest.warns(UserWarning) as warned:
        list(DomainAdaptationSplit(3, 1).split(y, y, domains))
    [message] = [str(warning.message) for warning in warned]
    assert message.endswith(": 0 has 1 of 3 in the source, 2 has 2 of 3 in the source, 2 has 0 of 1 in the target")


def test_all_of_the_source_and_none_of_the_target():
    y, domains = two_domains([3, 5], [2, 4])
    [(train, test)] = DomainAdaptationSplit(None, 0, n_splits=1).split(y, y, domains)
    assert set(train) == set(np.flatnonzero(domains >= 0)) and set(test) == set(np.flatnonzero(domains < 0))


def test_transductive():
    y, domains = two_domains([5, 5], [6, 7])
    plain, more = (
        list(DomainAdaptationSplit(3, 2, transductive=flag, random_state=0).split(y, y, domains))
        for flag in (False, True)
    )
    for (train, test), (train_too, _) in zip(plain, more, strict=True):
        assert len(train) + len(test) == len(train_too) == len(set(train_too))
    for train, test in more:
        assert set(test) < set(train) and np.all(domains[test] < 0)
        assert Counter(y[np.setdiff1d(train, test)].tolist()) == {0: 5, 1: 5}


@pytest.mark.parametrize("strict", [False, True])
def test_a_class_without_a_test_row(strict):
    y, domains = two_domains([9, 9], [3, 4])
    with pytest.raises(ValueError, match=r"no sample of the target is left for testing in 0 \(3\), where n_target=3"):
        next(DomainAdaptationSplit(2, 3, strict=strict).split(y, y, domains))


@pytest.mark.parametrize(
    ("domains", "problem"),
    [
        (None, "domains are missing"),
        ([1, 1, 1, 1], "no sample is of the target"),
        ([-1, -1, -1, -1], "no sample is of the source"),
        (["a", "a", "b", "b"], "something else than numbers"),
        ([1.0, np.nan, -1.0, -1.0], "something else than numbers"),
        ([1, 1, -1], "inconsistent numbers of samples"),
    ],
)
def test_domains_that_are_none(domains, problem):
    with pytest.raises(ValueError, match=problem):
        next(DomainAdaptationSplit(1, 0).split([0] * 4, [0] * 4, sample_domain=domains))


# Published splits


@pytest.mark.parametrize(
    ("splits", "problem"),
    [
        ([], "splits is empty"),
        ([([0], [1]), ([0], [1], [2])], "split 1 has 3 parts"),
        ([([0], [])], "split 0: test is empty"),
        ([([0, 1], [2, -1])], "split 0: test names row -1"),
        ([([0, 1], [2]), ([0, 1, 0], [2])], "split 1: train names row 0 more than once"),
        ([([0, 3, 1], [2, 3])], "split 0 has 1 rows both in train and in test, the first is row 3"),
        ([([0.0, 1.0], [2])], "must be a list of row numbers; got float64"),
        ([([[0, 1]], [2])], r"of shape \(1, 2\)"),
        ([([True, False], [1])], "np.flatnonzero"),
    ],
)
def test_splits_that_are_none(splits, problem):
    with pytest.raises(ValueError, match=problem):
        PredefinedSplits(splits)


def test_rows_beyond_the_data():
    splitter = PredefinedSplits([([0, 1], [2]), ([0, 1], [5])])
    assert len(list(splitter.split())) == len(list(splitter.split(range(6)))) == splitter.get_n_splits() == 2
    with pytest.raises(ValueError, match="split 1 names row 5, but there are 5 rows"):
        list(splitter.split(range(5)))


def test_who_changes_a_split_changes_a_copy():
    splitter = PredefinedSplits([([0, 1], [2])])
    next(splitter.split())[0][:] = 7
    assert as_lists(splitter.split()) == [([0, 1], [2])]


def test_places_within_domains():
    """Rows of the domains are mixed here; the places count within each."""
    domains = np.array([-2, 1, 1, -2, 1, -2])
    splitter = PredefinedSplits.from_domains([([0, 2], [1], [0, 2]), ([1], [], [0])], domains)
    assert as_lists(splitter.split(domains)) == [([1, 4, 3], [0, 5]), ([2], [0])]
    with pytest.raises(ValueError, match="split 0 has 1 rows both in train and in test"):
        PredefinedSplits.from_domains([([0], [1], [1])], domains)


@pytest.mark.parametrize(
    ("trial", "problem"),
    [
        (([0, 3], [1], [0]), "train_source names place 3 of its domain, which has 2 rows"),
        (([-1, 1], [1], [0]), "train_source names place -1 of its domain, which has 2 rows"),
        (([0], [1], [0, 3]), "test_target names place 3 of its domain, which has 3 rows"),
        (([0.7], [0.2], [1.9]), "train_source must be a list of row numbers; got float64"),
        (([0], [True, False], [1]), "train_target must be a list of row numbers; got bool .* np.flatnonzero"),
        (([0], [1], [[0]]), r"test_target must be a list of row numbers; got int64 of shape \(1, 1\)"),
    ],
)
def test_places_that_are_none(trial, problem):
    with pytest.raises(ValueError, match=f"^trial 1: {problem}"):
        PredefinedSplits.from_domains([([0], [0], [1]), trial], [1, 1, -2, -2, -2])


def test_a_trial_has_three_parts():
    with pytest.raises(ValueError, match="^trial 0 has 2 parts instead of three, train_source, train_target and"):
        PredefinedSplits.from_domains([([0], [1])], [1, -2, -2])
