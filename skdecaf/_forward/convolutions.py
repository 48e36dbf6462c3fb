"""Convolutions as matrix products: of gathered patches, or of transformed tiles (minimal filtering)."""

# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import dataclass
from functools import partial

import numpy as np

from skdecaf._forward.products import ROW_GROUP, Rows, count_kinds_of_places
from skdecaf._forward.tilings import Tiling, choose_tiling
from skdecaf._kernels import bias, folding, patches, pixels, winograd_input, winograd_output
from skdecaf._layers import Convolution, output_shape

# Images that walk through a convolution together: as many as keep its patches or tiles near the cache.
_CACHED_VALUES = 8_000_000
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
    tiling = None
    if layer.stride == fold:
        kernel = -(-layer.kernel // fold)
        tiling = choose_tiling(kernel, channels * fold**2, out_channels, layer.groups, height, width)
    if tiling is None:
        fold, values = 1, height * width * channels // layer.groups * layer.kernel**2
    else:
        values = tiling.t**2 * tiling.tiles(height, width) * (channels * fold**2 + out_channels)
    return ConvolutionPlan(layer, shape, tiling, fold, int(np.clip(_CACHED_VALUES // values, 1, MOST_STACKED)))


class DirectStep:
    """Patches of the maps times the filters.

    Each image has a block of rows whose height is a multiple of twelve.
    """

    def __init__(self, plan, weight, biases, rectified):
        self.layer, self.channels = plan.layer, plan.shape[0]
        out_channels, height, width = output_shape(plan.layer, plan.shape)
        self.shape, self.stacked = (height, width, out_channels), plan.stacked
        self.rectified = int(rectified)
        self.biases = np.split(biases, self.layer.groups)
        # (out, in, ky, kx) -> (ky, kx, in, out) for each group, the order in which patches hold the values.
        self.matrices = [
            np.ascontiguousarray(group.transpose(2, 3, 1, 0)).reshape(-1, len(group))
            for group in np.split(weight, self.layer.groups)
        ]
        self.rows = -(-height * width // ROW_GROUP) * ROW_GROUP
        kinds = count_kinds_of_places(*self.matrices[0].shape, self.rows * self.stacked)
        self.images_alone = kinds == 0
        self.nbytes = sum(matrix.nbytes for matrix in self.matrices)

    def run(self, maps, out, workspace):
        n, (height, width, out_channels) = len(maps), self.shape
        for group, (matrix, biases) in enumerate(zip(self.matrices, self.biases, strict=True)):
            depth, columns = matrix.shape
            rows = workspace.array("rows", (n, self.rows, depth))
            products = workspace.array("products", (n, self.rows, columns))
            self._gather(maps, group, rows)
            self._multiply(rows, matrix, products, workspace)
            bias.add_bias(
                products, biases, self.rectified, group * columns, out.reshape(n, height * width, out_channels)
            )

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
            self.shape[1], group * of_group, of_group, rows,
        )  # fmt: skip


class TiledStep:
    """Tiles of the maps, transformed, times the transformed filters: one product for each of the t * t points."""

    def __init__(self, plan, weight, biases, rectified):
        layer, self.tiling = plan.layer, plan.tiling
        out_channels, height, width = output_shape(layer, plan.shape)
        self.shape, self.stacked = (height, width, out_channels), plan.stacked
        self.pad = layer.pad if plan.fold == 1 else 0
        self.biases, self.rectified, self.groups = biases, int(rectified), layer.groups
        weight = fold_filters(weight, plan.fold)
        # (t * t, groups, in, out)
        self.filters = np.stack(
            [self.tiling.transform_filters(group) for group in np.split(weight, layer.groups)], axis=1
        )
        tiles = self.tiling.tiles(height, width)
        most_rows = Rows(tiles, ROW_GROUP).height(self.stacked)
        self.rows = Rows(tiles, count_kinds_of_places(*self.filters.shape[2:], most_rows))
        self.nbytes = self.filters.nbytes

    def run(self, maps, out, workspace):
        n, channels, out_channels = len(maps), maps.shape[-1], self.shape[-1]
        t, height, places = self.tiling.t, self.rows.height(n), self.rows.places(n)
        tiles = workspace.array("rows", (height, t, t, channels))
        products = workspace.array("products", (height * t, t, out_channels))
        down = -(-self.shape[0] // self.tiling.m)
        workspace.for_each(partial(self._transform_input, maps, places, tiles), workspace.shares(n * down))
        for part in self.rows.parts(n):
            by_point = self._by_point(tiles, part), self._by_point(products, part)
            workspace.for_each(partial(self._multiply, *by_point), workspace.shares(len(self.filters)))
        workspace.for_each(partial(self._transform_output, products, places, out), workspace.shares(places.size))

    def _transform_input(self, maps, places, tiles, share):
        winograd_input.transform_input(maps, self.pad, self.tiling.m, places, share.start, share.stop, tiles)

    def _multiply(self, tiles, products, points):
        np.matmul(tiles[points], self.filters[points], out=products[points])

    def _transform_output(self, products, places, out, share):
        winograd_output.transform_output(
            products, places, self.tiling.m, self.biases, self.rectified, share.start, share.stop, out
        )

    def _by_point(self, values, part):
        """These rows of values as a stack (t * t, groups, rows, channels of a group)."""
        points, of_group = self.tiling.t**2, values.shape[-1] // self.groups
        return values.reshape(-1, points, self.groups, of_group)[part].transpose(1, 2, 0, 3)


def fold_filters(weight, fold):
    """Filters (out, in, k, k) for maps of which each fold x fold square is one pixel, (out, fold * fold * in, r, r)."""
    out_channels, channels, kernel, _ = weight.shape
    r = -(-kernel // fold)
    squares = np.pad(weight, ((0, 0), (0, 0), (0, r * fold - kernel), (0, r * fold - kernel)))
    squares = squares.reshape(out_channels, channels, r, fold, r, fold)
    return squares.transpose(0, 3, 5, 1, 2, 4).reshape(out_channels, fold**2 * channels, r, r)


class PixelStep:
    """Pixels as the first layer reads them: mean and scale applied, squares folded."""

    def __init__(self, network, plan=None):
        channels, height, width = network.input_shape
        self.mean, self.scale = (
            np.array(v, np.float32) for v in (network.preprocessing.mean, network.preprocessing.scale)
        )
        self.fold, self.pad = 1, 0
        if plan is not None and plan.fold > 1:
            self.fold, self.pad = plan.fold, plan.layer.pad
            self.mean, self.scale = np.tile(self.mean, width), np.tile(self.scale, width)
            _, height, width = output_shape(plan.layer, plan.shape)
            height, width = height + plan.tiling.r - 1, width + plan.tiling.r - 1
        self.shape = (height, width, channels * self.fold**2)

    def run(self, images, out, workspace):
        shares = workspace.shares(len(out) * len(out[0]))
        if self.fold == 1:
            workspace.for_each(partial(self._normalise, images, out), shares)
        else:
            workspace.for_each(partial(self._fold, images, out), shares)

    def _normalise(self, images, out, rows):
        images, out = (values.reshape(1, -1, *values.shape[2:])[:, rows] for values in (images, out))
        pixels.normalise_pixels(images, self.mean, self.scale, out)

    def _fold(self, images, out, rows):
        images, out = images.reshape(*images.shape[:2], -1), out.reshape(*out.shape[:3], self.fold, -1)
        folding.fold_pixels(images, self.mean, self.scale, self.pad, rows.start, rows.stop, out)
