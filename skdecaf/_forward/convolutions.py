"""Convolutions as matrix products: of windows of the maps (im2col), or of transformed tiles (Winograd)."""

# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from skdecaf._forward.parameter_free import PoolingStep
from skdecaf._forward.products import BLOCK, ROW_LENGTH, even_parts, pack_columns, products_array, rows_array
from skdecaf._forward.winograd import TileSize, choose_tile_size
from skdecaf._kernels import bias, im2col, pixels, product, space_to_depth, winograd_input, winograd_output
from skdecaf.weights.layers import Convolution, output_shape

# Images are computed together until their left matrices have so many rows, which filters are then read for. Of more
# rows, what a slice needs no longer fits into the cache.
_ROWS = 72
MOST_STACKED = 32
# Most output channels that are computed together; there are two slices at least, for two threads.
_SLICE = 96


@dataclass(frozen=True)
class ConvolutionPlan:
    """How a convolution is computed.

    Attributes
    ----------
    layer : Convolution
    shape : tuple (channels, height, width)
        What it reads.
    tile_size : TileSize or None
        None is im2col.
    block : int
        Space to depth: squares of block x block pixels are first made one pixel each, so that a stride becomes 1; 1 is
        none.
    stacked : int
        How many images are computed together.
    """

    layer: Convolution
    shape: tuple
    tile_size: TileSize | None
    block: int
    stacked: int


def plan_convolution(layer, shape, reads_pixels=False):
    """Choose how to compute a convolution that reads maps of this shape; see `ConvolutionPlan`.

    A stride becomes 1 by space to depth where the layer reads the image, since its pixels are copied in any case.
    """
    channels, (out_channels, height, width) = shape[0], output_shape(layer, shape)
    block = layer.stride if reads_pixels and layer.groups == 1 else 1
    tile_size = None
    if layer.stride == block:
        kernel = -(-layer.kernel // block)
        tile_size = choose_tile_size(kernel, channels * block**2, out_channels, layer.groups, height, width)
    rows = tile_size.tiles(height, width) if tile_size else height * width
    return ConvolutionPlan(layer, shape, tile_size, block if tile_size else 1, min(max(1, _ROWS // rows), MOST_STACKED))


class _Slice(NamedTuple):
    """Output channels of one group that are computed together: their filters as panels, and where they begin."""

    group: int
    first_channel: int
    panels: np.ndarray
    biases: np.ndarray


class ConvolutionStep:
    """A convolution, with bias, ReLU, and the pooling that `fuse` has taken.

    Left matrices have a row for each window or tile. For each slice of the output channels they are multiplied by the
    filters, and the products finished while they are in the cache.
    """

    def __init__(self, plan, filters, biases, rectified):
        """Take filters as right matrices (groups, pairs, depth, channels of a group)."""
        self.layer, self.stacked, self.rectified = plan.layer, plan.stacked, int(rectified)
        out_channels, self.height, self.width = output_shape(plan.layer, plan.shape)
        self.shape = (self.height, self.width, out_channels)
        groups, self.pairs, self.depth, width = filters.shape
        parts = even_parts(width, min(_SLICE, -(-width // 2)), 16)
        self.slices = [
            _Slice(group, group * width + part.start, panels, group_biases[part])
            for group, (packed, group_biases) in enumerate(
                zip(pack_columns(filters, parts), np.split(biases, groups), strict=True)
            )
            for part, panels in zip(parts, packed, strict=True)
        ]
        self.nbytes = sum(part.panels.nbytes for part in self.slices)
        self.pooling = None

    def fuse(self, step):
        """Do the work of a pooling that reads these maps too; return whether that can be.

        Rows of the maps are pooled as soon as they are there, and never all held.
        """
        if not isinstance(step, PoolingStep) or self.pooling is not None:
            return False
        self.pooling, self.shape = step.layer, step.shape
        return True

    def run(self, maps, out, workspace):
        """Fill out (n, *self.shape) from maps (n, height, width, channels)."""
        groups = range(self.layer.groups)
        if workspace.n_threads <= len(groups):
            # No thread waits for another, and the cache still has what a phase reads.
            workspace.for_each(partial(self._run_group, maps, out, workspace), groups)
        else:
            self._share_work(groups, maps, out, workspace)

    def _run_group(self, maps, out, workspace, group):
        key = group if workspace.n_threads > 1 else 0
        rows = self._rows_array(workspace, key, len(maps))
        self._fill_rows(maps, group, slice(0, self.lines), rows)
        for part in self.slices:
            if part.group == group:
                self._compute_slice(part, rows, out, workspace, key)

    def _share_work(self, groups, maps, out, workspace):
        rows = {group: self._rows_array(workspace, group, len(maps)) for group in groups}
        workspace.for_each(
            lambda part: self._fill_rows(maps, *part, rows[part[0]]),
            [(group, lines) for group in groups for lines in workspace.shares(self.lines)],
        )
        workspace.for_each(
            lambda part: self._compute_slice(part, rows[part.group], out, workspace, part.first_channel), self.slices
        )

    def _rows_array(self, workspace, key, n):
        return rows_array(workspace, ("rows", key), self.pairs, n * self.rows_per_image, self.depth)

    def _compute_slice(self, part, rows, out, workspace, key):
        n, width = len(out), len(part.biases)
        # The extra pair avoids cache-set conflicts between rows that lie a page apart (tiles of 8 x 8).
        shape = (n, *self.row_grid, self.pairs + (self.pairs > 1), width)
        products, flat = products_array(workspace, ("products", key), shape)
        product.multiply(rows.reshape(-1, rows[0, 0].size), part.panels, n * self.rows_per_image, width, flat)
        ring = None
        if self.pooling is not None:
            ring = workspace.array(("ring", key), (1, self.lines_at_once + self.pooling.kernel - 1, self.width, width))
        self._finish(products, part, ring, out)

    @property
    def window(self):
        """Window of the fused pooling."""
        return self.pooling.kernel, self.pooling.stride, self.pooling.pad


class Im2colStep(ConvolutionStep):
    """Windows of the maps times the filters."""

    lines_at_once = 1

    def __init__(self, plan, weight, biases, rectified):
        # (out, in, ky, kx) -> (ky, kx, in, out) for each group, the order in which rows hold the values.
        groups = np.split(weight, plan.layer.groups)
        matrices = np.stack([group.transpose(2, 3, 1, 0).reshape(1, -1, len(group)) for group in groups])
        super().__init__(plan, matrices, biases, rectified)
        self.lines, self.rows_per_image = self.height, self.height * self.width
        self.row_grid = (self.rows_per_image,)

    def _fill_rows(self, maps, group, lines, rows):
        layer, (n, height, width, channels) = self.layer, maps.shape
        inside = channels // layer.groups
        im2col.im2col(
            maps.reshape(n, height, width * channels), (group * inside, inside, channels),
            (layer.kernel, layer.stride, layer.pad), (lines.start, lines.stop, self.height), self.width, rows[:, 0],
        )  # fmt: skip

    def _finish(self, products, part, ring, out):
        arguments = products.reshape(len(out), self.rows_per_image, -1), part.biases, self.rectified, part.first_channel
        if ring is None:
            bias.add_bias(*arguments, out.reshape(len(out), self.rows_per_image, -1))
        else:
            bias.add_bias_and_pool(*arguments, self.height, ring, self.window, out)


class WinogradStep(ConvolutionStep):
    """Tiles of the maps, transformed, times the transformed filters: one product for each of the t * t points."""

    def __init__(self, plan, weight, biases, rectified):
        size = plan.tile_size
        groups = np.split(space_to_depth_filters(weight, plan.block), plan.layer.groups)
        super().__init__(plan, np.stack([size.transform_filters(group) for group in groups]), biases, rectified)
        self.tile_size, self.lines_at_once = (size.t, size.m), size.m
        self.pad = plan.layer.pad if plan.block == 1 else 0
        self.row_grid = self.lines, _ = size.grid(self.height, self.width)
        self.rows_per_image = size.tiles(self.height, self.width)

    def _fill_rows(self, maps, group, lines, rows):
        down, across = self.row_grid
        for b, block in enumerate(rows):
            first = b * BLOCK
            winograd_input.transform_input(
                maps, (group * self.depth + first, min(BLOCK, self.depth - first)), self.pad, self.tile_size,
                (lines.start, lines.stop, down), across, block.reshape(-1, ROW_LENGTH),
            )  # fmt: skip

    def _finish(self, products, part, ring, out):
        arguments = products, self.tile_size, part.biases, self.rectified, part.first_channel
        if ring is None:
            winograd_output.transform_output(*arguments, out)
        else:
            winograd_output.transform_and_pool(*arguments, self.height, ring, self.window, out)


def space_to_depth_filters(weight, block):
    """Filters (out, in, k, k) for maps after space to depth, (out, block * block * in, r, r)."""
    out_channels, channels, kernel, _ = weight.shape
    r = -(-kernel // block)
    squares = np.pad(weight, ((0, 0), (0, 0), (0, r * block - kernel), (0, r * block - kernel)))
    squares = squares.reshape(out_channels, channels, r, block, r, block)
    return squares.transpose(0, 3, 5, 1, 2, 4).reshape(out_channels, block**2 * channels, r, r)


class PixelStep:
    """Pixels as the first layer reads them: mean and scale applied, space to depth or channels reversed."""

    def __init__(self, network, plan=None, reverse=False):
        channels, height, width = network.input_shape
        self.mean, self.scale = (
            np.array(v, np.float32) for v in (network.preprocessing.mean, network.preprocessing.scale)
        )
        self.block, self.pad, self.reverse = 1, 0, reverse
        if plan is not None and plan.block > 1:
            self.block, self.pad = plan.block, plan.layer.pad
            self.mean, self.scale = np.tile(self.mean, width), np.tile(self.scale, width)
            _, height, width = output_shape(plan.layer, plan.shape)
            height, width = height + plan.tile_size.r - 1, width + plan.tile_size.r - 1
        self.shape = (height, width, channels * self.block**2)

    def run(self, images, out, workspace):
        if self.block == 1:
            pixels.normalise_pixels(images, self.mean, self.scale, out)
            if self.reverse:
                out[...] = out[..., ::-1].copy()
        else:
            images, out = images.reshape(*images.shape[:2], -1), out.reshape(*out.shape[:3], self.block, -1)
            workspace.for_each(
                lambda lines: space_to_depth.space_to_depth(
                    images, self.mean, self.scale, self.pad, (lines.start, lines.stop), out
                ),
                workspace.shares(self.shape[0]),
            )
