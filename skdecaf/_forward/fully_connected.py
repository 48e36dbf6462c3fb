"""Fully connected layers: products whose columns are split, or sparse ones."""

# SPDX-License-Identifier: BSD-3-Clause
import math
from functools import cached_property, partial

import numpy as np
from scipy.sparse import csr_array

from skdecaf._forward.products import Rows, count_kinds_of_places, find_cuts
from skdecaf._kernels import bias, compact_product, vector_product
from skdecaf.weights.compact import PANEL, CompactMatrix

# Columns of one product, and images in it.
_SPLIT = 320
_MOST_IMAGES = 96
# OpenBLAS's AVX2 kernels give unlike bits only in this many columns at either end of a product.
_MARGIN = 8
# Share of weights that are not zero below which a sparse product is the faster one.
_SPARSE_BELOW = 1 / 8


def plan_fully_connected(weight, biases, rectified):
    """The step for these weights."""
    if isinstance(weight, CompactMatrix):
        return DenseStep(_CompactWeights(weight), biases, rectified)
    if np.count_nonzero(weight) < _SPARSE_BELOW * weight.size:
        return SparseStep(weight, biases, rectified)
    return DenseStep(_Weights(weight), biases, rectified)


class _Weights:
    """Weights (columns, depth) as products read them: as they are, since they are large and not held twice."""

    scale, transposed = None, True

    def __init__(self, weight):
        self.weight, self.shape = weight, weight.shape

    @cached_property
    def panels(self):
        """The layout for a single vector, made when one comes along: arrays (depth, up to `PANEL` columns)."""
        return [np.ascontiguousarray(self.weight[i : i + PANEL].T) for i in range(0, len(self.weight), PANEL)]

    @property
    def nbytes(self):
        """Bytes of the panels, if they are made."""
        return sum(panel.nbytes for panel in vars(self).get("panels", ()))

    def columns(self, parts, buffer):
        """The right matrix (depth, columns) of a product, from slices of columns; buffer(shape) is memory for it."""
        rows = [self.weight[part] for part in parts]
        return (rows[0] if len(rows) == 1 else np.concatenate(rows)).T

    def multiply_vector(self, vector, panel, cuts, out):
        """Fill out with vector times a panel."""
        vector_product.multiply_vector(vector, self.panels[panel], cuts, out)


class _CompactWeights:
    """The same of a `CompactMatrix`: 16-bit weights times their factors as needed, and a scale for each column."""

    transposed, nbytes = False, 0

    def __init__(self, matrix):
        self.panels, self.factors, self.span = matrix.panels, matrix.factors, matrix.span
        self.scale, self.shape = matrix.scale, matrix.shape

    def columns(self, parts, buffer):
        right, done = buffer((self.shape[1], _width(parts))), 0
        for part in parts:
            for i in range(part.start // PANEL, -(-part.stop // PANEL)):
                first, last = max(part.start - i * PANEL, 0), min(part.stop - i * PANEL, PANEL)
                compact_product.widen_columns(
                    self.panels[i], self.factors[i], self.span, first, last - first, done, right
                )
                done += last - first
        return right

    def multiply_vector(self, vector, panel, cuts, out):
        compact_product.multiply_compact_vector(vector, self.panels[panel], self.factors[panel], self.span, cuts, out)


class DenseStep:
    """Vectors times the weights, a fixed number of columns at a time.

    Attributes
    ----------
    products : list of (int, slice, list of slice)
        Of each product: where its columns begin in the output, which of them are kept, and which columns of the
        weights it has, one run after the other.
    """

    def __init__(self, weights, biases, rectified):
        self.weights, self.biases, self.rectified = weights, biases, int(rectified)
        width, self.depth = weights.shape
        self.shape = (width,)
        self.products, margin = _side_by_side_products(width), 0
        kinds = self._count_kinds(0)
        if kinds != 1 and len(self.products) > 2:
            side_by_side, self.products = self.products, _overlapping_products(width)
            if self._count_kinds(_MARGIN) == 1:
                kinds, margin = 1, _MARGIN
            else:
                self.products = side_by_side
        self.rows, self.cuts = Rows(1, kinds), self._find_cuts(margin)

    @property
    def nbytes(self):
        """Bytes that are not the network's own."""
        return self.weights.nbytes

    def _count_kinds(self, margin):
        """Kinds of places that hold for all products; 0 for one is 0 for all."""
        transposed = self.weights.transposed
        return math.lcm(
            *(count_kinds_of_places(self.depth, w, _MOST_IMAGES, transposed, margin) for w in self._widths())
        )

    def _find_cuts(self, margin):
        """Cuts that hold for all products, or None: then a single vector is multiplied as a group of twelve rows."""
        found = [find_cuts(self.depth, width, self.weights.transposed, margin) for width in self._widths()]
        alike = all(cuts is not None and np.array_equal(cuts, found[0]) for cuts in found)
        return found[0] if alike else None

    def _widths(self):
        return {_width(parts) for _, _, parts in self.products}

    def run(self, vectors, out, workspace):
        for start in range(0, len(vectors), _MOST_IMAGES):
            part = slice(start, start + _MOST_IMAGES)
            self._run(vectors[part], out[part], workspace)

    def _run(self, vectors, out, workspace):
        products = workspace.array("products", (1, len(vectors), *self.shape))
        if len(vectors) == 1 and self.cuts is not None:
            self._multiply_one(vectors[0], products[0, 0], workspace)
        else:
            self._multiply(vectors, products[0], workspace)
        if self.weights.scale is not None:
            products *= self.weights.scale
        bias.add_bias(products, self.biases, self.rectified, 0, out[np.newaxis])

    def _multiply_one(self, vector, products, workspace):
        def multiply(panel):
            self.weights.multiply_vector(vector, panel, self.cuts, products[panel * PANEL : (panel + 1) * PANEL])

        workspace.for_each(multiply, range(len(self.weights.panels)))

    def _multiply(self, vectors, products, workspace):
        n, places = len(vectors), self.rows.places(len(vectors))[:, 0]
        rows = workspace.array("vectors", (self.rows.height(n), self.depth))
        rows[places] = vectors

        def multiply(share):
            part = workspace.array(("part", share.start), (len(rows), _SPLIT))
            buffer = partial(workspace.array, ("weights", share.start))
            for start, kept, columns in self.products[share]:
                right = self.weights.columns(columns, buffer)
                values = part.reshape(-1)[: len(rows) * right.shape[1]].reshape(len(rows), -1)
                for each in self.rows.parts(n):
                    np.matmul(rows[each], right, out=values[each])
                values = values[places, kept]
                products[:, start : start + values.shape[1]] = values

        workspace.for_each(multiply, workspace.shares(len(self.products)))


def _width(parts):
    return sum(part.stop - part.start for part in parts)


def _side_by_side_products(width):
    starts = range(0, width, _SPLIT)
    return [(start, slice(None), [slice(start, min(start + _SPLIT, width))]) for start in starts]


def _overlapping_products(width):
    """Products whose outer columns are not used: neighbours overlap by two margins; the two ends get their own."""
    begin, end = slice(0, 2 * _MARGIN), slice(width - 2 * _MARGIN, width)
    inner = slice(_MARGIN, 2 * _MARGIN)
    products = [
        (0, inner, [slice(_MARGIN, 2 * _MARGIN), begin]),
        (width - _MARGIN, inner, [end, slice(width - 2 * _MARGIN, width - _MARGIN)]),
    ]
    step = _SPLIT - 2 * _MARGIN
    for start in range(_MARGIN, width - _MARGIN, step):
        part = slice(start - _MARGIN, min(start + step, width - _MARGIN) + _MARGIN)
        products.append((start, slice(_MARGIN, -_MARGIN), [part]))
    return products


class SparseStep:
    """A fully connected layer most of whose weights are zero, as pruned networks have."""

    def __init__(self, weight, biases, rectified):
        self.shape = (len(weight),)
        self.matrix, self.biases, self.rectified = csr_array(weight), biases, int(rectified)
        self.nbytes = self.matrix.data.nbytes + self.matrix.indices.nbytes

    def run(self, vectors, out, workspace):
        # SciPy adds in the order of the stored values, whatever the number of columns, but a single one it takes
        # another way.
        columns = vectors.T if len(vectors) > 1 else np.repeat(vectors.T, 2, axis=1)
        products = np.ascontiguousarray((self.matrix @ columns).T[: len(vectors)])[np.newaxis]
        bias.add_bias(products, self.biases, self.rectified, 0, out[np.newaxis])
