"""Operands of matrix products: panels of columns, which are packed once, and rows.

See `skdecaf._kernels.product` for their layout, and for why each value has the same bits in every product.
"""

# SPDX-License-Identifier: BSD-3-Clause
import math

import numpy as np

from skdecaf._kernels import instruction_set
from skdecaf.weights._panels import PANEL

# Depth blocking: products sum 256 values of the depth at a time. The kernel has these numbers, and the width of a
# panel, as literals.
BLOCK = 256
ROW_LENGTH = 272
ROW_GROUP = 12
# Register blocking. It changes the speed only.
ROWS_AT_ONCE = 12 if instruction_set == "avx512" else 6
_SCRATCH = ROW_GROUP * PANEL


def pack_columns(matrices):
    """Pack right matrices (pairs, depth, columns) into panels, float32 (pairs, columns / 16, depth * 16)."""
    pairs, depth, columns = matrices.shape
    panels = np.zeros((pairs, -(-columns // PANEL), depth, PANEL), np.float32)
    for i in range(panels.shape[1]):
        values = matrices[..., i * PANEL : (i + 1) * PANEL]
        panels[:, i, :, : values.shape[2]] = values
    return panels.reshape(*panels.shape[:2], -1)


def even_parts(n, max_size, multiple=1):
    """Divide n things into the fewest parts of at most `max_size`, of nearly equal size, as slices.

    All but the last part have a size that is a multiple of the given number.
    """
    n_parts = -(-n // max_size)
    size = -(-n // max(n_parts * multiple, 1)) * multiple
    return [slice(start, min(start + size, n)) for start in range(0, n, size)] if n else []


def rows_array(workspace, key, pairs, n_rows, depth):
    """Array (blocks, pairs, height, 272) for the left matrices of products."""
    # An odd number of rows keeps the pairs apart in the cache.
    height = -(-n_rows // ROW_GROUP) * ROW_GROUP + 1
    return workspace.array(key, (-(-depth // BLOCK), pairs, height, ROW_LENGTH))


def fill_rows(rows, vectors):
    """Write vectors (n, depth) to rows (blocks, 1, height, 272)."""
    n, depth = vectors.shape
    whole = depth // BLOCK
    first = vectors[:, : whole * BLOCK].reshape(n, whole, BLOCK)
    rows[:whole, 0, :n, :BLOCK] = first.transpose(1, 0, 2)
    rows[whole:, 0, :n, : depth % BLOCK] = vectors[:, whole * BLOCK :]


def products_array(workspace, key, shape):
    """Array of this shape, and the flat one, somewhat longer, that the kernel needs."""
    flat = workspace.array(key, (math.prod(shape) + _SCRATCH,))
    return flat[:-_SCRATCH].reshape(shape), flat
