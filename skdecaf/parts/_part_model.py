"""Where a part is and what it looks like, in each component: a template, and a normal distribution of its place."""

# SPDX-License-Identifier: BSD-3-Clause
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.linear_model import LogisticRegression

from skdecaf.parts._boxes import box_overlap
from skdecaf.parts._hog_pyramid import CELL, PER_OCTAVE

_MIN_PHOTOS = 5  # of a part in a component; with fewer, the photos of all components count
_MIN_SPREAD = 0.05  # standard deviation of places, relative to the reference box
_MIN_RANGE = 0.35  # of logarithms of sizes that are searched, on both sides of the mean


class Placements(NamedTuple):
    """Windows of a part, of shape (n, 4), and the value of their appearance in each component, (n_components, n)."""

    boxes: np.ndarray
    appearance: np.ndarray


@dataclass(frozen=True)
class PartModel:
    """A part in each component.

    Places are relative to a reference box: x and y of the centre from that of the reference, in units of the square
    root of its area, and the logarithm of the square root of the area in these units.

    Parameters
    ----------
    templates : ndarray of shape (n_components, n_rows, n_columns, DEPTH)
    biases : ndarray of shape (n_components,)
    means, precisions : ndarray of shape (n_components, 3) and (n_components, 3, 3)
        Of the normal distribution of places.
    aspects : ndarray of shape (n_components,)
        Logarithm of width by height.
    sizes : tuple of two floats
        Smallest and largest logarithm of the size that is searched.
    """

    templates: np.ndarray
    biases: np.ndarray
    means: np.ndarray
    precisions: np.ndarray
    aspects: np.ndarray
    sizes: tuple

    def appearance(self, descriptors):
        """Logarithm of the odds that descriptors show the part, of shape (n_components, n)."""
        return np.tensordot(self.templates, descriptors, axes=((1, 2, 3), (1, 2, 3))) + self.biases[:, np.newaxis]

    def log_density(self, places):
        """Of places, ndarray of shape (n, 3), in each component: ndarray of shape (n_components, n)."""
        offsets = places - self.means[:, np.newaxis]
        distances = np.einsum("cni,cij,cnj->cn", offsets, self.precisions, offsets)
        _, log_determinants = np.linalg.slogdet(self.precisions)
        return (log_determinants[:, np.newaxis] - distances - 3 * math.log(2 * math.pi)) / 2

    def placements(self, pyramid, references):
        """Windows in a pyramid at all scales that suit reference boxes.

        Parameters
        ----------
        pyramid : Pyramid
        references : ndarray of shape (n, 4)

        Returns
        -------
        Placements
        """
        log_sizes = np.log(references[:, 2] * references[:, 3]) / 2
        log_side = math.log(CELL * math.sqrt(np.prod(np.add(self.templates.shape[1:3], 1))))
        first = math.floor((log_side - log_sizes.max() - self.sizes[1]) / math.log(2) * PER_OCTAVE)
        last = math.ceil((log_side - log_sizes.min() - self.sizes[0]) / math.log(2) * PER_OCTAVE)
        levels = [pyramid.correlate(k, self.templates) for k in range(first, last + 1)]
        boxes = np.concatenate([boxes for boxes, _ in levels])
        values = np.concatenate([values for _, values in levels], axis=1)
        return Placements(boxes, values + self.biases[:, np.newaxis])

    def shaped(self, box, component):
        """A window's centre and area with the mean aspect ratio of a component."""
        centre, size = box[:2] + box[2:] / 2, math.sqrt(box[2] * box[3])
        sides = size * np.exp(np.array([0.5, -0.5]) * self.aspects[component])
        return np.concatenate([centre - sides / 2, sides])


def places_of(boxes, references):
    """Places of boxes relative to reference boxes, of shape (n, 3)."""
    sizes = np.sqrt(references[..., 2] * references[..., 3])[..., np.newaxis]
    centres = (boxes[..., :2] + boxes[..., 2:] / 2 - references[..., :2] - references[..., 2:] / 2) / sizes
    return np.concatenate([centres, np.log(np.sqrt(boxes[..., 2:].prod(axis=-1, keepdims=True)) / sizes)], axis=-1)


def template_shape(boxes, n_cells):
    """Rows and columns of blocks of a template with the mean aspect ratio of boxes and about so many cells."""
    aspect = math.exp(np.log(boxes[:, 2] / boxes[:, 3]).mean())
    columns = round(math.sqrt(n_cells * aspect))
    return max(2, round(math.sqrt(n_cells / aspect))) - 1, max(2, columns) - 1


def learn_part(descriptors, boxes, references, components, negatives, *, shrinkage, against_others=False):
    """Learn a `PartModel` from the photos that have the part.

    Parameters
    ----------
    descriptors : ndarray of shape (n, n_rows, n_columns, DEPTH)
        Of the boxes.
    boxes, references : ndarray of shape (n, 4)
    components : tuple of ndarray of bool of shape (n,)
        The photos of each component.
    negatives : ndarray of shape (n_negatives, n_rows, n_columns, DEPTH)
        Descriptors of windows that do not show the part.
    shrinkage : float
        Of the covariance of descriptors towards a multiple of the identity.
    against_others : bool, default=False
        Whether the other components are negatives of a component.

    Returns
    -------
    PartModel
    """
    places, aspects = places_of(boxes, references), np.log(boxes[:, 2] / boxes[:, 3])
    shape, X, background = descriptors.shape[1:], _flat(descriptors), _flat(negatives)
    whiten = _whitening(np.concatenate([X, background]), shrinkage)
    fits = []
    for members in components:
        is_rare = members.sum() < _MIN_PHOTOS
        members = np.full(len(X), True) if is_rare else members
        others = np.concatenate([background, X[~members]]) if against_others else background
        template, bias = _learn_template(X[members], others, whiten)
        covariance = np.cov(places[members].T, bias=True).reshape(3, 3) + _MIN_SPREAD**2 * np.eye(3)
        place = places[members].mean(axis=0), np.linalg.inv(covariance)
        fits.append((template.reshape(shape), bias, *place, aspects[members].mean()))
    middle, spread = places[:, 2].mean(), max(_MIN_RANGE, 2 * places[:, 2].std())
    return PartModel(*map(np.array, zip(*fits, strict=True)), sizes=(middle - spread, middle + spread))


def _flat(descriptors):
    return descriptors.reshape(len(descriptors), math.prod(descriptors.shape[1:]))


def _whitening(X, shrinkage):
    """A function that solves for the covariance of X, shrunk towards a multiple of the identity."""
    covariance = np.cov(X.T, bias=True)
    level = np.trace(covariance) / len(covariance) + np.finfo(np.float32).eps
    covariance *= 1 - shrinkage
    covariance[np.diag_indices_from(covariance)] += shrinkage * level
    factor = cho_factor(covariance, overwrite_a=True)
    return lambda rows: cho_solve(factor, rows.T).T


def _learn_template(positives, negatives, whiten):
    """Weights and bias of the logarithm of the odds, as if there were as many positives as negatives.

    The weights are those of a linear discriminant analysis. Its scores become odds by logistic regression, in which
    each positive has the score by the weights that the other positives give.
    """
    n = len(positives)
    if n < 2 or not len(negatives):
        return np.zeros(positives.shape[1], np.float32), 0.0
    whitened, middle = whiten(positives), whiten(negatives.mean(axis=0)[np.newaxis])[0]
    weights = whitened.mean(axis=0) - middle
    own = np.einsum("nd,nd->n", positives, whitened)
    scores = positives @ weights
    left_out = ((scores + positives @ middle) * n - own) / (n - 1) - positives @ middle
    values = np.concatenate([left_out, negatives @ weights])
    scale = values.std() + np.finfo(np.float32).eps
    is_positive = np.arange(len(values)) < n
    odds = LogisticRegression(class_weight="balanced").fit(values[:, np.newaxis] / scale, is_positive)
    return (weights * (odds.coef_[0, 0] / scale)).astype(np.float32), odds.intercept_[0]


def distinct(boxes, scores, n):
    """Indices of the best windows, each overlapping the better ones by less than one half, at most n."""
    scores, chosen = scores.copy(), []
    while len(chosen) < n and np.isfinite(best := scores.max(initial=-np.inf)):
        chosen.append(int(np.argmax(scores == best)))
        scores[box_overlap(boxes, boxes[chosen[-1]]) >= 0.5] = -np.inf
    return chosen
