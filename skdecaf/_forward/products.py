"""How rows of many images share a matrix product, and each keeps the bits that it has alone.

With NumPy's OpenBLAS the bits of a row may depend on its place within a group of twelve, and on whether the height
divides into such groups. With the kernels for AVX-512 they do not; with those for AVX2 the first six of twelve are
alike, and the other six: so a row that always stands in the same half keeps its bits. A probe finds that out on the
very shape of the product.
"""

# SPDX-License-Identifier: BSD-3-Clause
import math
from functools import lru_cache

import numpy as np

from skdecaf._kernels import vector_product
from skdecaf._utils.threads import single_blas_thread

ROW_GROUP = 12


@lru_cache(maxsize=256)
def count_kinds_of_places(depth, width, tallest, transposed=False, margin=0):
    """How many kinds of places a group of twelve rows has in products (height, depth) x (depth, width).

    Parameters
    ----------
    depth, width : int
    tallest : int
        The largest height that matters.
    transposed : bool
        Whether the right matrix is the transpose of a contiguous one.
    margin : int
        How many columns at either end do not matter.

    Returns
    -------
    int
        1, 2, 3, 4, 6 or 12: rows of the same kind, which are neighbours, have equal bits where their values are equal,
        in whichever group and whatever the number of groups. 0 if not even the place within the group decides alone.
    """
    right, kinds = _right(depth, width, transposed), 1
    with single_blas_thread():
        for row in _rows_to_try(depth, width):
            groups = [_groups(row, right, groups)[..., margin : width - margin] for groups in _group_counts(tallest)]
            if any((group != groups[0][0]).any() for group in groups):
                return 0
            kinds = math.lcm(kinds, next(k for k in (1, 2, 3, 4, 6, 12) if _are_kinds(groups[0][0], k)))
    return kinds


# How OpenBLAS cuts the depth of a product: the longest block, and what the halves of a longer remainder are
# multiples of. The first are its AVX2 kernels, the second those for AVX-512.
_BLOCKINGS = ((320, 8), (448, 16))


@lru_cache(maxsize=256)
def find_cuts(depth, width, transposed=False, margin=0):
    """Find where a product begins new sums along the depth.

    Parameters
    ----------
    depth, width : int
    transposed : bool
    margin : int
        As of `count_kinds_of_places`.

    Returns
    -------
    ndarray of int64, or None
        0, all cuts, and the depth: with these `multiply_vector` has the bits of a row among twelve. None if no way of
        cutting that we know has them.
    """
    right, found = _right(depth, width, transposed), np.empty(width, np.float32)
    columns = np.ascontiguousarray(right)
    with single_blas_thread():
        rows = [(row, _groups(row, right, 1)[0, 0]) for row in _rows_to_try(depth, width)]
    for blocking in _BLOCKINGS:
        cuts = _cut(depth, *blocking)
        for row, expected in rows:
            vector_product.multiply_vector(row, columns, cuts, found)
            if (found != expected)[margin : width - margin].any():
                break
        else:
            return cuts
    return None


def _cut(depth, longest, multiple):
    cuts = [0]
    while (rest := depth - cuts[-1]) > 0:
        half = -(-(rest // 2) // multiple) * multiple
        cuts.append(cuts[-1] + (rest if rest <= longest else half if rest < 2 * longest else longest))
    return np.array(cuts)


def _values():
    """As good as random, and much cheaper for large matrices: some random values again and again, out of step."""
    return np.random.default_rng(0).standard_normal(9973, np.float32)


def _right(depth, width, transposed):
    return np.resize(_values(), (width, depth)).T if transposed else np.resize(_values(), (depth, width))


def _rows_to_try(depth, width):
    """Several, and more where each shows few values, which may be equal by chance."""
    return np.resize(_values()[::-1], (3 if width > 32 else 30, depth))


def _group_counts(tallest):
    return sorted({1, 2, -(-tallest // ROW_GROUP)})


def _groups(row, right, n_groups):
    """The products of equal rows, (n_groups, 12, width)."""
    rows = np.ascontiguousarray(np.broadcast_to(row, (n_groups * ROW_GROUP, len(row))))
    return (rows @ right).reshape(n_groups, ROW_GROUP, right.shape[1])


def _are_kinds(group, n_kinds):
    kinds = group.reshape(n_kinds, ROW_GROUP // n_kinds, -1)
    return (kinds == kinds[:, :1]).all()


class Rows:
    """Which rows of a product belong to which image.

    Parameters
    ----------
    per_image : int
        Rows of each image.
    kinds : int
        As `count_kinds_of_places` gives it. Row t of an image stands at places of kind t % kinds.
    """

    def __init__(self, per_image, kinds):
        self.per_image, self.alone = per_image, kinds == 0
        self.kinds = kinds or ROW_GROUP
        self._places = lru_cache(maxsize=64)(self._find_places)

    def height(self, n):
        """How many rows the product of n images has, those that belong to nobody included."""
        of_a_kind = n * -(-self.per_image // self.kinds)
        return -(-of_a_kind // (ROW_GROUP // self.kinds)) * ROW_GROUP

    def places(self, n):
        """Rows of n images, int64 (n, per_image)."""
        return self._places(n)

    def _find_places(self, n):
        image, row = np.arange(n)[:, np.newaxis], np.arange(self.per_image)
        rank = image * -(-self.per_image // self.kinds) + row // self.kinds
        of_a_kind = ROW_GROUP // self.kinds
        return rank // of_a_kind * ROW_GROUP + row % self.kinds * of_a_kind + rank % of_a_kind

    def parts(self, n):
        """Slices of rows, each to be a product of its own: all of them, or each image's."""
        if not self.alone:
            return [slice(0, self.height(n))]
        each = self.height(1)
        return [slice(i * each, (i + 1) * each) for i in range(n)]
