"""Fully connected layers: matrix products whose columns threads may share, or sparse ones."""

# SPDX-License-Identifier: BSD-3-Clause
from functools import partial

import numpy as np
from scipy.sparse import csr_array

from skdecaf._forward.products import ROWS_AT_ONCE, even_parts, fill_rows, products_array, rows_array
from skdecaf._kernels import bias, compact_product, product
from skdecaf.weights._compact import CompactMatrix
from skdecaf.weights._panels import PANEL

# Images that are computed together.
_MAX_IMAGES = 96
# Share of weights that are not zero below which a sparse product is the faster one.
_SPARSE_BELOW = 1 / 8


def plan_fully_connected(weight, biases, rectified):
    """Return the step for these weights, a `PackedMatrix` or a `CompactMatrix`."""
    if isinstance(weight, CompactMatrix):
        return CompactStep(weight, biases, rectified)
    if np.count_nonzero(weight.panels) < _SPARSE_BELOW * weight.size:
        return SparseStep(weight.unpack(), biases, rectified)
    return DenseStep(weight, biases, rectified)


class DenseStep:
    """Vectors times the weights."""

    def __init__(self, weight, biases, rectified):
        self.weight, self.biases, self.rectified = weight, biases, int(rectified)
        width, self.depth = weight.shape
        self.shape = (width,)

    def run(self, vectors, out, workspace):
        """Fill out (n, columns) from vectors (n, depth)."""
        parts = workspace.shares(self.shape[0], PANEL)
        for images in even_parts(len(vectors), _MAX_IMAGES):
            rows = rows_array(workspace, "vectors", 1, len(vectors[images]), self.depth)
            fill_rows(rows, vectors[images])
            compute = partial(self._compute_part, rows.reshape(len(rows), -1), out[images], workspace)
            workspace.for_each(compute, parts)

    def _compute_part(self, rows, out, workspace, part):
        key = "products", part.start * (workspace.n_threads > 1)
        products, flat = products_array(workspace, key, (1, len(out), part.stop - part.start))
        panels = slice(part.start // PANEL, -(-part.stop // PANEL))
        self._multiply(rows, panels, *products.shape[1:], flat)
        self._scale(products, part)
        bias.add_bias(products, self.biases[part], self.rectified, part.start, out[np.newaxis])

    def _multiply(self, rows, panels, n_rows, n_columns, flat):
        product.multiply(rows, self.weight.panels[np.newaxis], panels.start, n_rows, n_columns, ROWS_AT_ONCE, flat)

    def _scale(self, products, part):
        """Float weights have no scale."""


class CompactStep(DenseStep):
    """Vectors times the 16-bit weights and factors of a `CompactMatrix`, with a scale for each column."""

    def _multiply(self, rows, panels, n_rows, n_columns, flat):
        weight = self.weight
        arguments = rows, weight.panels[panels], weight.factors[panels], weight.span
        if n_rows == 1:
            compact_product.multiply_row(*arguments, n_columns, flat)
        else:
            compact_product.multiply_compact(*arguments, n_rows, n_columns, ROWS_AT_ONCE, flat)

    def _scale(self, products, part):
        products *= self.weight.scale[part]


class SparseStep:
    """A fully connected layer most of whose weights are zero, as pruned networks have."""

    def __init__(self, weight, biases, rectified):
        self.shape = (len(weight),)
        self.matrix, self.biases, self.rectified = csr_array(weight), biases, int(rectified)
        self.nbytes = self.matrix.data.nbytes + self.matrix.indices.nbytes

    def run(self, vectors, out, workspace):
        """Fill out (n, columns) from vectors (n, depth)."""
        # SciPy adds in the order of the stored values, whatever the number of columns, but uses another routine for one
        # column.
        columns = vectors.T if len(vectors) > 1 else np.repeat(vectors.T, 2, axis=1)
        products = np.ascontiguousarray((self.matrix @ columns).T[: len(vectors)])[np.newaxis]
        bias.add_bias(products, self.biases, self.rectified, 0, out[np.newaxis])
