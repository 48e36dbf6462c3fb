"""Convolutions as matrix products: of windows of the maps (im2col), or of transformed tiles (Winograd)."""

# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import dataclass

import numpy as np

from skdecaf._forward.parameter_free import PoolingStep
from skdecaf._forward.products import (
    BLOCK,
    ROW_LENGTH,
    ROWS_AT_ONCE,
    even_parts,
    pack_columns,
    products_array,
    rows_array,
)
from skdecaf._forward.winograd import TileSize, choose_tile_size
from skdecaf._kernels import bias, im2col, pixels, product, space_to_depth, winograd_input, winograd_output
from skdecaf.weights._layers import Convolution, output_shape
from skdecaf.weights._panels import PANEL

# Images are computed together until their left matrices have so many rows, which filters are then read for. Of more
# rows, what a slice needs no longer fits into the cache.
_ROWS = 72
MAX_BATCH_SIZE = 32
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
    batch_size : int
        How many images are computed together.
    """

    layer: Convolution
    shape: tuple
    tile_size: TileSize | None
    block: int
    batch_size: int


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
    return ConvolutionPlan(
        layer, shape, tile_size, block if tile_size else 1, min(max(1, _ROWS // rows), MAX_BATCH_SIZE)
    )


class ConvolutionStep:
    """A convolution, with bias, ReLU, and the pooling that `fuse` has taken.

    Left matrices have a row for each window or tile. For each slice of the output channels they are multiplied by the
    filters, and the products finished while they are in the cache.
    """

    def __init__(self, plan, filters, biases, rectified):
        """Take filters as right matrices (groups, pairs, depth, channels of a group)."""
        self.layer, self.batch_size, self.rectified = plan.layer, plan.batch_size, int(rectified)
        self.in_channels = plan.shape[0]
        out_channels, self.height, self.width = output_shape(plan.layer, plan.shape)
        self.shape = (self.height, self.width, out_channels)
        groups, self.pairs, self.depth, self.group_width = filters.shape
        self.panels = [pack_columns(group) for group in filters]
        self.biases = np.split(biases, groups)
        self.nbytes = sum(panels.nbytes for panels in self.panels)
        self.pooling = None

    def fuse(self, step):
        """Do the work of a pooling that reads these maps too; return whether that can be.

        Rows of the maps are pooled as soon as they are there, and never all held.
        """
        if not isinstance(step, PoolingStep) or self.pooling is not None:
            return False
        self.pooling, self.shape = step.layer, step.shape
        return True

    def run(self, maps, out, workspace, share=0, n_shares=1):
        """Fill out (n, *self.shape) from maps (n, height, width, channels), or one of n_shares shares of its channels.

        Each share fills the left matrices that it needs, so that no thread waits for another.
        """
        n_rows, width = len(maps) * self.rows_per_image, self.group_width
        first, last = self._channels_of(share, n_shares)
        for group in range(first // width, -(-last // width)):
            start, stop = max(0, first - group * width), min(width, last - group * width)
            rows = rows_array(workspace, ("rows", share), self.pairs, n_rows, self.depth)
            self._fill_rows(maps, group, rows)
            for part in even_parts(stop - start, _SLICE * max(1, _ROWS // n_rows), PANEL):
                self._compute_slice(group, slice(start + part.start, start + part.stop), rows, out, workspace, share)

    def _channels_of(self, share, n_shares):
        """The first channel of a share, and the first of the next; they begin at panels."""
        panels = self.panels[0].shape[1]
        bounds = (panels * len(self.panels) * i // n_shares for i in (share, share + 1))
        return [i // panels * self.group_width + i % panels * PANEL for i in bounds]

    def follows(self, below, n_shares):
        """Whether each share reads only channels that the same share of the step below writes."""
        per_group = self.in_channels // self.layer.groups
        for share in range(n_shares):
            first, last = self._channels_of(share, n_shares)
            written = below._channels_of(share, n_shares)
            first_read, last_read = first // self.group_width * per_group, -(-last // self.group_width) * per_group
            if not written[0] <= first_read <= last_read <= written[1]:
                return False
        return True

    def _compute_slice(self, group, columns, rows, out, workspace, key):
        n, width = len(out), columns.stop - columns.start
        # The extra pair avoids cache-set conflicts between rows that lie a page apart (tiles of 8 x 8).
        shape = (n, *self.row_grid, self.pairs + (self.pairs > 1), width)
        products, flat = products_array(workspace, ("products", key), shape)
        product.multiply(
            rows.reshape(-1, rows[0, 0].size), self.panels[group], columns.start // PANEL, n * self.rows_per_image,
            width, ROWS_AT_ONCE, flat,
        )  # fmt: skip
        ring = None
        if self.pooling is not None:
            ring = workspace.array(("ring", key), (1, self.lines_at_once + self.pooling.kernel - 1, self.width, width))
        self._finish(products, self.biases[group][columns], group * self.group_width + columns.start, ring, out)

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
        self.rows_per_image = self.height * self.width
        self.row_grid = (self.rows_per_image,)

    def _fill_rows(self, maps, group, rows):
        layer, (n, height, width, channels) = self.layer, maps.shape
        inside = channels // layer.groups
        im2col.im2col(
            maps.reshape(n, height, width * channels), (group * inside, inside, channels),
            (layer.kernel, layer.stride, layer.pad), (self.height, self.width), rows[:, 0],
        )  # fmt: skip

    def _finish(self, products, biases, first_channel, ring, out):
        arguments = products.reshape(len(out), self.rows_per_image, -1), biases, self.rectified, first_channel
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
        self.row_grid = size.grid(self.height, self.width)
        self.rows_per_image = size.tiles(self.height, self.width)

    def _fill_rows(self, maps, group, rows):
        for b, block in enumerate(rows):
            first = b * BLOCK
            winograd_input.transform_input(
                maps, (group * self.depth + first, min(BLOCK, self.depth - first)), self.pad, self.tile_size,
                self.row_grid, block.reshape(-1, ROW_LENGTH),
            )  # fmt: skip

    def _finish(self, products, biases, first_channel, ring, out):
        arguments = products, self.tile_size, biases, self.rectified, first_channel
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
