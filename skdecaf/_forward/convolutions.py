"""Convolutions as matrix products: of gathered patches, or of transformed tiles (minimal filtering)."""

# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np

from skdecaf._forward.layers import PoolingStep, ResponseNormStep
from skdecaf._forward.products import ROW_GROUP, Rows, count_kinds_of_places
from skdecaf._forward.tilings import Tiling, choose_tiling
from skdecaf._kernels import bias, folding, patches, pixels, winograd_input, winograd_output
from skdecaf.weights.layers import Convolution, output_shape

# Images that walk through a convolution together: as many as keep the patches, or the tiles and products, of a group
# near the cache. It may be more for large filters, which pass through the cache once for each stack.
_CACHED_VALUES = 2_000_000
_CACHED_FILTERS = 4
MOST_STACKED = 32


@dataclass(frozen=True)
class ConvolutionPlan:
    """How a convolution is computed.

    Attributes
    ----------
    layer : Convolution
    shape : tuple (channels, height, width)
        What it reads.
    tiling : Tiling or None
        None is the direct product of patches.
    fold : int
        Squares of fold x fold pixels are first made one pixel each, so that a stride becomes 1; 1 is none.
    stacked : int
        How many images are computed together.
    """

    layer: Convolution
    shape: tuple
    tiling: Tiling | None
    fold: int
    stacked: int


def plan_convolution(layer, shape, reads_pixels=False):
    """Choose how to compute a convolution that reads maps of this shape; see `ConvolutionPlan`.

    A stride is folded away where the layer reads the image, since its pixels are copied in any case.
    """
    channels, (out_channels, height, width) = shape[0], output_shape(layer, shape)
    fold = layer.stride if reads_pixels and layer.groups == 1 else 1
    tiling, filters = None, 0
    if layer.stride == fold:
        kernel = -(-layer.kernel // fold)
        tiling = choose_tiling(kernel, channels * fold**2, out_channels, layer.groups, height, width)
    if tiling is None:
        fold, values = 1, height * width * channels // layer.groups * layer.kernel**2
    else:
        points, folded = tiling.t**2, channels * fold**2
        values = points * tiling.tiles(height, width) * (folded + out_channels) // layer.groups
        filters = points * folded * out_channels // layer.groups**2
    stacked = max(_CACHED_VALUES, _CACHED_FILTERS * filters) // values
    return ConvolutionPlan(layer, shape, tiling, fold, int(np.clip(stacked, 1, MOST_STACKED)))


class ConvolutionStep:
    """What is done with the products of a convolution, in one sweep: bias, ReLU, and what `take_over` has taken."""

    def __init__(self, plan, biases, rectified):
        out_channels, self.height, self.width = output_shape(plan.layer, plan.shape)
        self.shape, self.stacked = (self.height, self.width, out_channels), plan.stacked
        self.groups, self.rectified = plan.layer.groups, int(rectified)
        self.biases = np.split(biases, self.groups)
        self._pooling, self._norm = None, None

    def take_over(self, step):
        """Do the work of the step that reads these maps too; return whether that can be.

        Rows of the maps are pooled as soon as they are there, and never all held. To normalise what was pooled takes
        all channels, so that must wait where the groups come one after the other.
        """
        if isinstance(step, PoolingStep) and self._pooling is None:
            self._pooling = step.layer
        elif isinstance(step, ResponseNormStep) and self._pooling and self._norm is None and self.groups == 1:
            self._norm = step
        else:
            return False
        self.shape = step.shape
        return True

    def _ring(self, workspace, key, rows):
        """Room for as many rows as are written in between, and for those that the next window reads too."""
        if self._pooling is None:
            return None
        shape = (1, rows + self._pooling.kernel - 1, self.width, len(self.biases[0]))
        return workspace.array(("ring", key), shape)

    def _sweep(self, ring):
        """Arguments of the kernels that pool."""
        norm = self._norm
        normalisation = (norm.size, *norm.constants) if norm else (0, *np.zeros(3, np.float32))
        return (self.height, ring, self._pooling.kernel, self._pooling.stride, self._pooling.pad, *normalisation)


class DirectStep(ConvolutionStep):
    """Patches of the maps times the filters.

    Each image has a block of rows whose height is a multiple of twelve.
    """

    def __init__(self, plan, weight, biases, rectified):
        super().__init__(plan, biases, rectified)
        self.layer = plan.layer
        # (out, in, ky, kx) -> (ky, kx, in, out) for each group, the order in which patches hold the values.
        self.matrices = [
            np.ascontiguousarray(group.transpose(2, 3, 1, 0)).reshape(-1, len(group))
            for group in np.split(weight, self.layer.groups)
        ]
        self.rows = -(-self.height * self.width // ROW_GROUP) * ROW_GROUP
        kinds = count_kinds_of_places(*self.matrices[0].shape, self.rows * self.stacked)
        self.images_alone = kinds == 0
        self.nbytes = sum(matrix.nbytes for matrix in self.matrices)

    def run(self, maps, out, workspace):
        n, ring = len(maps), self._ring(workspace, 0, 1)
        for group, (matrix, biases) in enumerate(zip(self.matrices, self.biases, strict=True)):
            depth, columns = matrix.shape
            rows = workspace.array(("rows", 0), (n, self.rows, depth))
            products = workspace.array(("products", 0), (n, self.rows, columns))
            self._gather(maps, group, rows)
            self._multiply(rows, matrix, products, workspace)
            arguments = products, biases, self.rectified, group * columns
            if ring is None:
                bias.add_bias(*arguments, out.reshape(n, self.height * self.width, -1))
            else:
                bias.add_bias_and_pool(*arguments, *self._sweep(ring), out)

    def _multiply(self, rows, matrix, products, workspace):
        if self.images_alone:
            np.matmul(rows, matrix, out=products)
            return
        rows, products = rows.reshape(-1, len(matrix)), products.reshape(-1, matrix.shape[1])
        workspace.for_each(
            lambda share: np.matmul(rows[share], matrix, out=products[share]), workspace.shares(len(rows), ROW_GROUP)
        )

    def _gather(self, maps, group, rows):
        layer, (n, height, width, channels) = self.layer, maps.shape
        of_group = channels // layer.groups
        patches.extract_patches(
            maps.reshape(n, height, width * channels), channels, layer.kernel, layer.stride, layer.pad,
            self.width, group * of_group, of_group, rows,
        )  # fmt: skip


class TiledStep(ConvolutionStep):
    """Tiles of the maps, transformed, times the transformed filters: one product for each of the t * t points."""

    def __init__(self, plan, weight, biases, rectified):
        super().__init__(plan, biases, rectified)
        self.tiling = plan.tiling
        self.pad = plan.layer.pad if plan.fold == 1 else 0
        weight = fold_filters(weight, plan.fold)
        # (groups, t * t, in, out)
        self.filters = np.stack([self.tiling.transform_filters(group) for group in np.split(weight, self.groups)])
        self.down, self.across = self.tiling.grid(self.height, self.width)
        tiles = self.down * self.across
        most_rows = Rows(tiles, ROW_GROUP).height(self.stacked)
        self.rows = Rows(tiles, count_kinds_of_places(*self.filters.shape[2:], most_rows))
        self.nbytes = self.filters.nbytes

    def run(self, maps, out, workspace):
        n = len(maps)
        places = self.rows.places(n).reshape(n, self.down, self.across)
        batch = _Batch(maps, out, self.rows.parts(n), places, *self._buffers(n, workspace))
        if workspace.n_threads <= self.groups:
            # Nobody waits between the phases, and the cache still has what the next one reads.
            workspace.for_each(partial(self._run_group, batch), range(self.groups))
            return
        # To share the transforms of a few images would take longer than to do them.
        workspace.for_each(partial(self._transform_input, batch), range(self.groups))
        workspace.for_each(
            lambda part: self._multiply(batch, *part),
            list(product(workspace.shares(self.tiling.t**2), range(self.groups))),
        )
        workspace.for_each(partial(self._transform_output, batch), range(self.groups))

    def _run_group(self, batch, group):
        self._transform_input(batch, group)
        self._multiply(batch, slice(0, self.tiling.t**2), group)
        self._transform_output(batch, group)

    def _buffers(self, n, workspace):
        """Tiles, products, each a list of arrays (rows, points, channels), one for each group, and rings of rows."""
        # One point more than there are: for t = 8, tiles whole pages apart would crowd each other in the cache.
        height, points = self.rows.height(n), self.tiling.t**2 + 1
        keys = [group if workspace.n_threads > 1 else 0 for group in range(self.groups)]
        tiles, products = (
            [workspace.array((name, key), (height, points, channels)) for key in keys]
            for name, channels in zip(("rows", "products"), self.filters.shape[2:], strict=True)
        )
        return tiles, products, [self._ring(workspace, key, self.tiling.m) for key in keys]

    def _transform_input(self, batch, group):
        tiles, tiling = batch.tiles[group], self.tiling
        winograd_input.transform_input(
            batch.maps, group * tiles.shape[2], self.pad, tiling.t, tiling.m, batch.places, tiles
        )

    def _multiply(self, batch, points, group):
        filters = self.filters[group, points]
        for part in batch.parts:
            tiles, products = (
                values[group][part, points].transpose(1, 0, 2) for values in (batch.tiles, batch.products)
            )
            np.matmul(tiles, filters, out=products)

    def _transform_output(self, batch, group):
        products, ring, tiling = batch.products[group], batch.rings[group], self.tiling
        arguments = (
            products, batch.places, tiling.t, tiling.m, self.biases[group], self.rectified, group * products.shape[2]
        )  # fmt: skip
        if ring is None:
            winograd_output.transform_output(*arguments, batch.out)
        else:
            winograd_output.transform_and_pool(*arguments, *self._sweep(ring), batch.out)


class _Batch(NamedTuple):
    """What a `TiledStep` computes with: parts and places of rows are those of its `Rows`, lists have a group each."""

    maps: np.ndarray
    out: np.ndarray
    parts: list
    places: np.ndarray
    tiles: list
    products: list
    rings: list


def fold_filters(weight, fold):
    """Filters (out, in, k, k) for maps of which each fold x fold square is one pixel, (out, fold * fold * in, r, r)."""
    out_channels, channels, kernel, _ = weight.shape
    r = -(-kernel // fold)
    squares = np.pad(weight, ((0, 0), (0, 0), (0, r * fold - kernel), (0, r * fold - kernel)))
    squares = squares.reshape(out_channels, channels, r, fold, r, fold)
    return squares.transpose(0, 3, 5, 1, 2, 4).reshape(out_channels, fold**2 * channels, r, r)


class PixelStep:
    """Pixels as the first layer reads them: mean and scale applied, squares folded or channels reversed."""

    def __init__(self, network, plan=None, reverse=False):
        channels, height, width = network.input_shape
        self.mean, self.scale = (
            np.array(v, np.float32) for v in (network.preprocessing.mean, network.preprocessing.scale)
        )
        self.fold, self.pad, self.reverse = 1, 0, reverse
        if plan is not None and plan.fold > 1:
            self.fold, self.pad = plan.fold, plan.layer.pad
            self.mean, self.scale = np.tile(self.mean, width), np.tile(self.scale, width)
            _, height, width = output_shape(plan.layer, plan.shape)
            height, width = height + plan.tiling.r - 1, width + plan.tiling.r - 1
        self.shape = (height, width, channels * self.fold**2)

    def run(self, images, out, workspace):
        if self.fold == 1:
            pixels.normalise_pixels(images, self.mean, self.scale, out)
            if self.reverse:
                out[...] = out[..., ::-1].copy()
        else:
            images, out = images.reshape(*images.shape[:2], -1), out.reshape(*out.shape[:3], self.fold, -1)
            folding.fold_pixels(images, self.mean, self.scale, self.pad, out)
