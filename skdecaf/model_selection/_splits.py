"""Splits into training and test samples, as in the paper."""

# SPDX-License-Identifier: BSD-3-Clause
from numbers import Integral

import numpy as np
from sklearn.model_selection import BaseCrossValidator, BaseShuffleSplit
from sklearn.utils import check_array, check_random_state, column_or_1d
from sklearn.utils._missing import is_pandas_na, is_scalar_nan
from sklearn.utils.validation import _num_samples, check_scalar

from skdecaf._utils.sample_domain import check_domains
from skdecaf._utils.warnings import warn_user


def check_labels(y):
    """The class of each sample as an array; none may be None, NaN or pandas' NA."""
    y = column_or_1d(check_array(y, input_name="y", ensure_2d=False, dtype=None, ensure_all_finite="allow-nan"))
    labels = y.tolist()
    missing = {label for label in set(labels) if label is None or is_scalar_nan(label) or is_pandas_na(label)}
    if missing:
        row = next(row for row, label in enumerate(labels) if label in missing)
        raise ValueError(
            f"the label of row {row} is missing, as it is {labels[row]}; give every sample a class, or leave out those "
            "without one"
        )
    return y


def _check_number(name, value, minimum, optional=False):
    if value is None and optional:
        return None
    return check_scalar(value, name, Integral, min_val=minimum)


def _rows_by_class(y):
    """Name of class: its rows, in order."""
    if y is None:
        raise ValueError("y is missing; the splits are stratified by class")
    classes, places = np.unique(check_labels(y), return_inverse=True)
    rows = np.argsort(places, kind="stable")
    return dict(zip(classes.tolist(), np.split(rows, np.cumsum(np.bincount(places))[:-1]), strict=True))


def _shuffled(parts, generator):
    return generator.permutation(np.concatenate(parts))


class PerClassShuffleSplit(BaseShuffleSplit):
    """Random splits with the same number of training samples in every class.

    Parameters
    ----------
    n_train : int
        Training samples of each class.
    n_test : int, default=None
        Test samples of each class; None takes all others.
    n_splits : int, default=5
        Number of splits.
    random_state : int, RandomState instance or None, default=None
        Seeds the splits. With an int, each call of `split` gives the same ones.

    See Also
    --------
    DomainAdaptationSplit : Numbers per class for each of two domains.
    sklearn.model_selection.StratifiedShuffleSplit : Proportions of each class instead of numbers.

    Notes
    -----
    Section 4.1 of the paper (Caltech-101) uses ``PerClassShuffleSplit(30)``, and chooses parameters on
    ``PerClassShuffleSplit(25, 5)`` of the 30; Table 3 (SUN-397) uses 50 and 50.

    Examples
    --------
    >>> import numpy as np
    >>> from skdecaf.model_selection import PerClassShuffleSplit
    >>> y = np.array(["cat"] * 5 + ["dog"] * 3)
    >>> splitter = PerClassShuffleSplit(2, n_splits=1, random_state=0)
    >>> splitter
    PerClassShuffleSplit(n_splits=1, n_test=None, n_train=2, random_state=0)
    >>> for train, test in splitter.split(y, y):
    ...     print(sorted(y[train].tolist()), sorted(y[test].tolist()))
    ['cat', 'cat', 'dog', 'dog'] ['cat', 'cat', 'cat', 'dog']
    """

    def __init__(self, n_train, n_test=None, n_splits=5, *, random_state=None):
        self.n_train = _check_number("n_train", n_train, 1)
        self.n_test = _check_number("n_test", n_test, 1, optional=True)
        self.n_splits = _check_number("n_splits", n_splits, 1)
        self.random_state = random_state

    def split(self, X, y, groups=None):
        """Draw splits.

        Parameters
        ----------
        X : sequence or array-like of length n_samples
            Only its length is used.
        y : array-like of shape (n_samples,)
            Classes.
        groups : ignored

        Yields
        ------
        train, test : ndarray of int
            Rows in random order.

        Raises
        ------
        ValueError
            If a class has too few samples, or a label is missing.
        """
        yield from super().split(X, y, groups)

    def _iter_indices(self, X, y=None, groups=None):
        rows = _rows_by_class(y)
        self._check_sizes(rows)
        generator = check_random_state(self.random_state)
        edges = [self.n_train] if self.n_test is None else [self.n_train, self.n_train + self.n_test]
        for _ in range(self.n_splits):
            parts = [np.split(generator.permutation(members), edges)[:2] for members in rows.values()]
            train, test = zip(*parts, strict=True)
            yield _shuffled(train, generator), _shuffled(test, generator)

    def _check_sizes(self, rows):
        needed = self.n_train + (self.n_test or 1)
        small = [f"{name!r} ({len(members)})" for name, members in rows.items() if len(members) < needed]
        if small:
            test = "at least 1" if self.n_test is None else self.n_test
            raise ValueError(
                f"every class needs {needed} samples, {self.n_train} for training and {test} for testing, but "
                f"{len(small)} of {len(rows)} have fewer: {', '.join(small[:5])}{', …' if len(small) > 5 else ''}; "
                "leave these classes out, or ask for fewer samples"
            )


class DomainAdaptationSplit(BaseShuffleSplit):
    """Random splits of two domains: training on the source and a few target samples, testing on the other target ones.

    The domain of a sample is a number, 0 or more for the source, less than 0 for the target, as in the package skada.
    Pass the domains as `sample_domain`, also by metadata routing, or as `groups`.

    Parameters
    ----------
    n_source : int or None
        Training samples per class from the source; None takes all.
    n_target : int
        Training samples per class from the target; may be 0.
    n_splits : int, default=5
        Number of splits.
    transductive : bool, default=False
        Whether test samples are also training samples, for methods that learn from their features. Hide their labels
        with `mask_target_labels`.
    strict : bool, default=False
        Whether a class with too few samples is an error. Otherwise all of them are taken, with one warning.
    random_state : int, RandomState instance or None, default=None
        Seeds the splits. With an int, each call of `split` gives the same ones.

    See Also
    --------
    DomainSelector : Trains an estimator on one of the domains.
    PredefinedSplits : Published splits.

    Notes
    -----
    Section 4.2 of the paper (Office-31): ``DomainAdaptationSplit(20, 3)`` from amazon, ``DomainAdaptationSplit(8, 3)``
    from the other domains. One class of dslr has only 7 photos.

    With scikit-learn's metadata routing, `sample_domain` and `groups` are requested by default. If both are given,
    `sample_domain` is used.

    Examples
    --------
    >>> import numpy as np
    >>> from skdecaf.model_selection import DomainAdaptationSplit
    >>> y = np.array([0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1])
    >>> domains = np.repeat([1, -2], 6)
    >>> splitter = DomainAdaptationSplit(2, 1, n_splits=1, random_state=0)
    >>> for train, test in splitter.split(y, y, sample_domain=domains):
    ...     print(sorted(domains[train].tolist()), sorted(domains[test].tolist()))
    [-2, -2, 1, 1, 1, 1] [-2, -2, -2, -2]
    """

    __metadata_request__split = {"groups": True, "sample_domain": True}

    def __init__(self, n_source, n_target, *, n_splits=5, transductive=False, strict=False, random_state=None):
        self.n_source = _check_number("n_source", n_source, 1, optional=True)
        self.n_target = _check_number("n_target", n_target, 0)
        self.n_splits = _check_number("n_splits", n_splits, 1)
        self.transductive = transductive
        self.strict = strict
        self.random_state = random_state

    def split(self, X, y, groups=None, sample_domain=None):
        """Draw splits.

        Parameters
        ----------
        X : sequence or array-like of length n_samples
            Only its length is used.
        y : array-like of shape (n_samples,)
            Classes.
        groups : array-like of shape (n_samples,), default=None
            Domains, used if `sample_domain` is None.
        sample_domain : array-like of shape (n_samples,), default=None
            Domains: 0 or more for the source, less than 0 for the target.

        Yields
        ------
        train, test : ndarray of int
            Rows in random order; those of `test` belong to the target.

        Raises
        ------
        ValueError
            If domains or labels are missing, there is no source or no target, or a class of the target has no
            sample left for testing; with ``strict=True`` also if a class has too few samples.
        """
        yield from super().split(X, y, groups if sample_domain is None else sample_domain)

    def get_n_splits(self, X=None, y=None, groups=None, sample_domain=None):
        """Return the number of splits.

        Parameters
        ----------
        X, y, groups, sample_domain : ignored

        Returns
        -------
        int
        """
        return self.n_splits

    def _iter_indices(self, X, y=None, groups=None):
        source, target = self._rows_by_domain(y, groups)
        self._check_test_rows(target)
        self._check_numbers(source, target)
        generator = check_random_state(self.random_state)
        for _ in range(self.n_splits):
            train = [generator.permutation(rows)[: self.n_source] for rows in source.values()]
            drawn = [generator.permutation(rows) for rows in target.values()]
            train += [rows[: self.n_target] for rows in drawn]
            test = [rows[self.n_target :] for rows in drawn]
            if self.transductive:
                train += test
            yield _shuffled(train, generator), _shuffled(test, generator)

    def _rows_by_domain(self, y, domains):
        """Two dicts, for source and target: name of class and its rows."""
        if domains is None:
            raise ValueError(
                "the domains are missing; give one number for each sample as sample_domain or as groups, 0 or more for "
                "the source and less for the target"
            )
        rows = _rows_by_class(y)
        in_source = check_domains(domains) >= 0
        for name, found in (("source (0 or more)", in_source), ("target (less than 0)", ~in_source)):
            if not found.any():
                raise ValueError(f"no sample is of the {name}; give the domains of both")
        source = {name: members[in_source[members]] for name, members in rows.items()}
        target = {name: members[~in_source[members]] for name, members in rows.items()}
        return source, target

    def _check_test_rows(self, target):
        spent = [f"{name!r} ({len(rows)})" for name, rows in target.items() if 0 < len(rows) <= self.n_target]
        if spent:
            raise ValueError(
                f"no sample of the target is left for testing in {', '.join(spent)}, where n_target={self.n_target} "
                "are for training; leave these classes out, or ask for fewer"
            )

    def _check_numbers(self, source, target):
        asked = (("source", source, self.n_source or 1), ("target", target, self.n_target))
        short = [
            f"{name!r} has {len(rows)} of {number} in the {domain}"
            for domain, classes, number in asked
            for name, rows in classes.items()
            if len(rows) < number
        ]
        if short and self.strict:
            raise ValueError(f"classes have fewer samples than asked for: {', '.join(short)}")
        if short:
            warn_user(f"classes have fewer samples than asked for, so all of them are taken: {', '.join(short)}")


class PredefinedSplits(BaseCrossValidator):
    """Published splits, or any others that you have.

    Parameters
    ----------
    splits : sequence of tuple (train, test)
        Training and test rows, counted from 0, each an array-like of int.

    Raises
    ------
    ValueError
        If a part of a split is empty, has a row twice, is not made of row numbers, or shares rows with the other part;
        the message says which split.

    See Also
    --------
    skdecaf.datasets.read_domain_splits : Published splits of the Office data sets.
    sklearn.model_selection.PredefinedSplit : One fold per sample, so that each is tested once.

    Notes
    -----
    scikit-learn also accepts a list of such tuples as ``cv``. This class checks them, and has a short representation.

    Examples
    --------
    >>> from skdecaf.model_selection import PredefinedSplits
    >>> splitter = PredefinedSplits([([0, 1, 2], [3, 4]), ([2, 3, 4], [0, 1])])
    >>> splitter
    PredefinedSplits(<2 splits, 3 rows to train and 2 to test in the first>)
    >>> splitter.get_n_splits()
    2
    """

    def __init__(self, splits):
        self.splits = [_check_split(i, split) for i, split in enumerate(splits)]
        if not self.splits:
            raise ValueError("splits is empty; give one tuple (train, test) or more")

    @classmethod
    def from_domains(cls, trials, sample_domain):
        """Make splits from row numbers within the source and within the target.

        Parameters
        ----------
        trials : sequence of tuple (train_source, train_target, test_target)
            Row numbers within the source or the target, counted from 0, as from
            `skdecaf.datasets.read_domain_splits`.
        sample_domain : array-like of shape (n_samples,)
            Domains of the rows to split: 0 or more for the source, less than 0 for the target.

        Returns
        -------
        PredefinedSplits

        Raises
        ------
        ValueError
            If a trial does not have three parts, a part is not made of whole numbers, a row is beyond its domain, or
            the resulting splits are invalid.

        Examples
        --------
        >>> from skdecaf.model_selection import PredefinedSplits
        >>> splitter = PredefinedSplits.from_domains([([0, 2], [0], [1])], sample_domain=[1, 1, 1, -2, -2])
        >>> [(train.tolist(), test.tolist()) for train, test in splitter.split()]
        [([0, 2, 3], [4])]
        """
        in_source = check_domains(sample_domain) >= 0
        source, target = np.flatnonzero(in_source), np.flatnonzero(~in_source)
        return cls([_split_of_trial(f"trial {i}", trial, source, target) for i, trial in enumerate(trials)])

    def split(self, X=None, y=None, groups=None):
        """Yield the splits.

        Parameters
        ----------
        X : sequence or array-like of length n_samples, default=None
            Its length is checked against the rows, if given.
        y, groups : ignored

        Yields
        ------
        train, test : ndarray of int
            Rows, in the given order.

        Raises
        ------
        ValueError
            If a split has rows beyond X.
        """
        for i, (train, test) in enumerate(self.splits):
            last = max(train.max(), test.max())
            if X is not None and last >= _num_samples(X):
                raise ValueError(f"split {i} names row {last}, but there are {_num_samples(X)} rows, from 0 on")
            yield train.copy(), test.copy()

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of splits.

        Parameters
        ----------
        X, y, groups : ignored

        Returns
        -------
        int
        """
        return len(self.splits)

    def __repr__(self):
        train, test = map(len, self.splits[0])
        n = f"{len(self.splits)} split{'s' * (len(self.splits) > 1)}"
        return f"{type(self).__name__}(<{n}, {train} rows to train and {test} to test in the first>)"


def _check_split(i, split):
    if len(split) != 2:
        raise ValueError(f"split {i} has {len(split)} parts instead of two, train and test")
    train, test = (_check_rows(f"split {i}: {name}", rows) for name, rows in zip(("train", "test"), split, strict=True))
    shared = np.intersect1d(train, test)
    if len(shared):
        raise ValueError(f"split {i} has {len(shared)} rows both in train and in test, the first is row {shared[0]}")
    return train, test


def _check_rows(what, rows):
    rows = _row_numbers(what, rows)
    if len(rows) == 0:
        raise ValueError(f"{what} is empty")
    if rows.min() < 0:
        raise ValueError(f"{what} names row {rows.min()}; rows count from 0 on")
    names, counts = np.unique(rows, return_counts=True)
    if len(names) < len(rows):
        raise ValueError(f"{what} names row {names[counts > 1][0]} more than once")
    return rows


def _row_numbers(what, rows):
    """Rows as an array of whole numbers, possibly empty."""
    rows = np.asarray(rows)
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        hint = "; np.flatnonzero makes them from a mask" if rows.dtype == bool else ""
        raise ValueError(f"{what} must be a list of row numbers; got {rows.dtype} of shape {rows.shape}{hint}")
    return rows.astype(np.intp)


def _split_of_trial(what, trial, source, target):
    """Train and test rows of a trial, which counts within the source and within the target."""
    if len(trial) != 3:
        raise ValueError(f"{what} has {len(trial)} parts instead of three, train_source, train_target and test_target")
    train_source, train_target, test_target = trial
    train = [
        _rows_at(f"{what}: train_source", source, train_source),
        _rows_at(f"{what}: train_target", target, train_target),
    ]
    return np.concatenate(train), _rows_at(f"{what}: test_target", target, test_target)


def _rows_at(what, rows, places):
    """Rows at positions within one domain."""
    places = _row_numbers(what, places)
    beyond = places[(places < 0) | (places >= len(rows))]
    if len(beyond):
        raise ValueError(
            f"{what} names place {beyond[0]} of its domain, which has {len(rows)} rows; it was made for other rows"
        )
    return rows[places]
