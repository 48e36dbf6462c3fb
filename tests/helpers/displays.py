"""What several tests of displays draw, and look at."""

import numpy as np
from sklearn.naive_bayes import GaussianNB
from tiny_networks import TINY, tiny_network

from skdecaf.weights import Network, Preprocessing


def blobs(n=12, n_features=6, n_classes=3, seed=0):
    """Features around a centre for each class, and the class of each row."""
    generator = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    return generator.normal(size=(n_classes, n_features))[y] * 5 + generator.normal(size=(n, n_features)), y


def legend_of(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


class NeverFitted(GaussianNB):
    def fit(self, X, y):
        raise AssertionError("fitted")


def network_with_filters(**changes):
    preprocessing = Preprocessing((18, 20), (17, 19), **changes)
    return Network(TINY.layers, tiny_network().arrays, preprocessing)
