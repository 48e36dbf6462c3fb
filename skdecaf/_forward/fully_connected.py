"""Fully connected layers: products whose columns are split, or sparse ones."""

# SPDX-License-Identifier: BSD-3-Clause
import math
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from skdecaf._forward.products import Rows, count_kinds_of_places, find_cuts
from skdecaf._kernels import bias, vector_product

# Columns of one product, and images in it.
_SPLIT = 320
_MOST_IMAGES = 96
# OpenBLAS's AVX2 kernels give unlike bits only in this many columns at either end of a product.
_MARGIN = 8
# Columns of a panel, in which a single vector's product reads the weights: enough that a row fills a page.
_PANEL = 1024

# Share of weights that are not zero below which a sparse product is the faster one.
_SPARSE_BELOW = 1 / 8


def plan_fully_connected(weight, biases, rectified):
    """The step for these weights."""
    sparse = np.count_nonzero(weight) < _SPARSE_BELOW * weight.size
    return (SparseStep if sparse else DenseStep)(weight, biases, rectified)


class DenseStep:
    """Vectors times the weights, a fixed number of columns at a time.

    Attributes
    ----------
    products : list of (int, slice, ndarray)
        Of each product: where its columns begin in the output, which of them are kept, and its weights,
        (columns, depth).
    """

    def __init__(self, weight, biases, rectified):
        self.shape, self.depth, self.weight = (len(weight),), weight.shape[1], weight
        self.biases, self.rectified = biases, int(rectified)
        # Rows of the weights are views: the arrays of a network are large here and are not held twice.
        self.products = _side_by_side_products(weight)
        kinds, overlapping = self._count_kinds(0), False
        if kinds != 1 and len(self.products) > 2:
            side_by_side, self.products = self.products, _overlapping_products(weight)
            overlapping = self._count_kinds(_MARGIN) == 1
            if overlapping:
                kinds = 1
            else:
                self.products = side_by_side
        self.rows = Rows(1, kinds)
        self.cuts = self._find_cuts(_MARGIN if overlapping else 0)

    def _count_kinds(self, margin):
        """Kinds of places that hold for all products; 0 for one is 0 for all."""
        return math.lcm(*(count_kinds_of_places(self.depth, w, _MOST_IMAGES, True, margin) for w in self._widths()))

    def _find_cuts(self, margin):
        """Cuts that hold for all products, or None: then a single vector is multiplied as a group of twelve rows."""
        found = [find_cuts(self.depth, width, margin) for width in self._widths()]
        alike = all(cuts is not None and np.array_equal(cuts, found[0]) for cuts in found)
        return found[0] if alike else None

    def _widths(self):
        return {len(part) for _, _, part in self.products}

    @cached_property
    def panels(self):
        """Weights as a single vector reads them, made when one comes along: some columns each, (depth, columns),
        with where they begin in the output."""
        starts = range(0, self.shape[0], _PANEL)
        return [(start, np.ascontiguousarray(self.weight[start : start + _PANEL].T)) for start in starts]

    def run(self, vectors, out, workspace):
        if len(vectors) == 1 and self.cuts is not None:
            self._run_one(vectors[0], out, workspace)
            return
        for start in range(0, len(vectors), _MOST_IMAGES):
            part = slice(start, start + _MOST_IMAGES)
            self._run_batch(vectors[part], out[part], workspace)

    def _run_one(self, vector, out, workspace):
        products = workspace.array("products", self.shape)

        def multiply(panel):
            start, weight = panel
            part = products[start : start + weight.shape[1]]
            vector_product.multiply_vector(vector, weight, self.cuts, part)

        workspace.for_each(multiply, self.panels)
        bias.add_bias(products.reshape(1, 1, -1), self.biases, self.rectified, 0, out[np.newaxis])

    def _run_batch(self, vectors, out, workspace):
        n, places = len(vectors), self.rows.places(len(vectors))[:, 0]
        height = self.rows.height(n)
        rows = workspace.array("vectors", (height, self.depth))
        rows[places] = vectors
        products = workspace.array("products", (1, n, self.shape[0]))
        parts = workspace.array("parts", (len(self.products), height * _SPLIT))

        def multiply(i):
            start, kept, weight = self.products[i]
            part = parts[i, : height * len(weight)].reshape(height, len(weight))
            for each in self.rows.parts(n):
                np.matmul(rows[each], weight.T, out=part[each])
            values = part[places, kept]
            products[0, :, start : start + values.shape[1]] = values

        workspace.for_each(multiply, range(len(self.products)))
        bias.add_bias(products, self.biases, self.rectified, 0, out[np.newaxis])


def _side_by_side_products(weight):
    return [(start, slice(None), weight[start : start + _SPLIT]) for start in range(0, len(weight), _SPLIT)]


def _overlapping_products(weight):
    """Products whose outer columns are not used: neighbours overlap by two margins; the two ends get their own."""
    width = len(weight)
    begin, end = weight[: 2 * _MARGIN], weight[-2 * _MARGIN :]
    products = [
        (0, slice(_MARGIN, 2 * _MARGIN), np.concatenate([begin[_MARGIN:], begin])),
        (width - _MARGIN, slice(_MARGIN, 2 * _MARGIN), np.concatenate([end, end[:_MARGIN]])),
    ]
    step = _SPLIT - 2 * _MARGIN
    for start in range(_MARGIN, width - _MARGIN, step):
        part = weight[start - _MARGIN : min(start + step, width - _MARGIN) + _MARGIN]
        products.append((start, slice(_MARGIN, -_MARGIN), part))
    return products


class SparseStep:
    """A fully connected layer most of whose weights are zero, as pruned networks have."""

    def __init__(self, weight, biases, rectified):
        self.shape = (len(weight),)
        self.matrix, self.biases, self.rectified = csr_array(weight), biases, int(rectified)

    def run(self, vectors, out, workspace):
        # SciPy adds in the order of the stored values, whatever the number of columns, but a single one it takes
        # another way.
        columns = vectors.T if len(vectors) > 1 else np.repeat(vectors.T, 2, axis=1)
        products = np.ascontiguousarray((self.matrix @ columns).T[: len(vectors)])[np.newaxis]
        bias.add_bias(products, self.biases, self.rectified, 0, out[np.newaxis])
