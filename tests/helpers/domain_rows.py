"""Classes and domains of rows."""

import numpy as np


def labels_of(sizes):
    return np.repeat(np.arange(len(sizes)), sizes)


def two_domains(source, target):
    """Classes and domains of rows in random order."""
    y = np.concatenate([labels_of(source), labels_of(target)])
    domains = np.repeat([1, -2], [sum(source), sum(target)])
    order = np.random.default_rng(0).permutation(len(y))
    return y[order], domains[order]
