"""The forward pass: planned once, run on batches; the only place that calls the kernels.

An image's values are the same bits whatever its neighbours, its place, the size of the batch and the number of
threads. The kernels give that by themselves, BLAS does not: see `_Product`.
"""

# SPDX-License-Identifier: BSD-3-Clause
from collections import deque
from functools import lru_cache

import numpy as np
from scipy.sparse import csr_array

from skdecaf._kernels import bias, patches, pixels, pooling, response_norm, softmax
from skdecaf._layers import Convolution, Dropout, FullyConnected, MaxPool, ReLU, ResponseNorm, Softmax, output_shape
from skdecaf._process_cache import ProcessCache
from skdecaf._threads import single_blas_thread

# OpenBLAS computes rows in groups of up to twelve: products have heights that are multiples of it.
_ROW_GROUP = 12

# Images that walk through the maps together: as many as keep their patches near the cache.
_PATCH_VALUES = 9_000_000
_MOST_STACKED = 16

# Share of weights that are not zero below which a sparse product is the faster one.
_SPARSE_BELOW = 1 / 8


class _Workspace:
    """Buffers of one running thread, kept from batch to batch."""

    def __init__(self):
        self._buffers = {}

    def array(self, key, shape):
        """Float32 array of this shape; what it holds is left over from its last use, finite or not."""
        size = int(np.prod(shape))
        buffer = self._buffers.get(key)
        if buffer is None or buffer.size < size:
            buffer = self._buffers[key] = np.zeros(size, np.float32)
        return buffer[:size].reshape(shape)


@lru_cache(maxsize=256)
def _probe(rows, depth, width, most_stacked):
    """What this BLAS does to the bits of a product (rows, depth) x (depth, width).

    Returns
    -------
    stacks : bool
        Whether several such products stacked into one give each the bits that it has alone.
    equal_rows : int
        How many rows from the first on have equal bits where their values are equal.
    """
    # As good as random, and much cheaper for large matrices: some random values again and again, out of step.
    values = np.random.default_rng(0).standard_normal(9973, np.float32)
    right = np.resize(values, (width, depth)).T
    left = np.resize(values[::-1], (rows if rows > _ROW_GROUP else 1, depth))
    left = np.ascontiguousarray(np.broadcast_to(left, (rows, depth)))
    with single_blas_thread():
        alone = left @ right
        stacks = all(
            np.array_equal((np.tile(left, (n, 1)) @ right).reshape(n, rows, width), np.stack([alone] * n))
            for n in {2, most_stacked}
        )
    equal = (alone == alone[0]).all(axis=1)
    return stacks, int(np.argmin(equal)) if not equal.all() else rows


class _Product:
    """Rows times a fixed matrix, with bits that depend on the row alone.

    With NumPy's OpenBLAS a row's bits may depend on its place within a group of twelve, and on whether the height
    divides into such groups. So each image has a block of its own whose height is a multiple of twelve. Blocks are
    stacked into one product where a probe on this very shape finds that it changes no bit; elsewhere there is a
    product for each.
    """

    def __init__(self, matrix, rows, most_stacked):
        self.matrix = matrix
        self.depth, self.width = matrix.shape
        self.rows = -(-rows // _ROW_GROUP) * _ROW_GROUP
        self._stacks, self.equal_rows = _probe(self.rows, self.depth, self.width, most_stacked)

    def run(self, blocks, out):
        """Write blocks (n, rows, depth) times the matrix into out (n, rows, width)."""
        if self._stacks:
            blocks, out = blocks.reshape(-1, self.depth), out.reshape(-1, self.width)
        np.matmul(blocks, self.matrix, out=out)


class _ConvolutionStep:
    def __init__(self, layer, shape, weight, biases, rectified, stacked):
        self.layer, self.channels = layer, shape[0]
        self.out_channels, self.out_height, self.out_width = output_shape(layer, shape)
        self.rectified = int(rectified)
        self.biases = np.split(biases, layer.groups)
        # (out, in, ky, kx) -> (ky, kx, in, out) for each group, the order in which patches hold the values.
        matrices = [
            np.ascontiguousarray(group.transpose(2, 3, 1, 0)).reshape(-1, len(group))
            for group in np.split(weight, layer.groups)
        ]
        self.products = [_Product(m, self.out_height * self.out_width, stacked) for m in matrices]

    def run(self, maps, workspace):
        n, height, width, channels = maps.shape
        layer, group_channels = self.layer, self.channels // self.layer.groups
        out = workspace.array(self, (n, self.out_height, self.out_width, self.out_channels))
        for group, (product, biases) in enumerate(zip(self.products, self.biases, strict=True)):
            rows = workspace.array("patches", (n, product.rows, product.depth))
            products = workspace.array("products", (n, product.rows, product.width))
            patches.extract_patches(
                maps.reshape(n, height, width * channels), channels, layer.kernel, layer.stride, layer.pad,
                self.out_width, group * group_channels, group_channels, rows,
            )  # fmt: skip
            product.run(rows, products)
            bias.add_bias(
                products, biases, self.rectified, group * product.width,
                out.reshape(n, self.out_height * self.out_width, self.out_channels),
            )  # fmt: skip
        return out


class _PoolingStep:
    def __init__(self, layer, shape):
        self.layer = layer
        self.channels, self.out_height, self.out_width = output_shape(layer, shape)

    def run(self, maps, workspace):
        out = workspace.array(self, (len(maps), self.out_height, self.out_width, self.channels))
        pooling.max_pool(maps, self.layer.kernel, self.layer.stride, self.layer.pad, out)
        return out


class _ResponseNormStep:
    def __init__(self, layer):
        self.size = layer.size
        self.constants = [np.float32(value) for value in (layer.alpha / layer.size, layer.beta, layer.k)]

    def run(self, maps, workspace):
        out = workspace.array(self, maps.shape)
        channels = maps.shape[-1]
        response_norm.response_norm(maps.reshape(-1, channels), self.size, *self.constants, out.reshape(-1, channels))
        return out


class _FullyConnectedStep:
    def __init__(self, weight, biases, rectified):
        self.biases, self.rectified = biases, int(rectified)
        # The transpose is a view: the arrays of a network are large here and are not held twice.
        self.product = _Product(weight.T, _ROW_GROUP, most_stacked=8)

    def run(self, vectors, workspace):
        n, width = len(vectors), self.product.width
        per_block = self.product.equal_rows
        n_blocks = -(-n // per_block)
        blocks = workspace.array("vectors", (n_blocks, self.product.rows, self.product.depth))
        _spread(vectors, blocks[:, :per_block])
        products = workspace.array("products", (n_blocks, self.product.rows, width))
        self.product.run(blocks, products)
        out = workspace.array(self, (n_blocks, per_block, width))
        bias.add_bias(products, self.biases, self.rectified, 0, out)
        return out.reshape(-1, width)[:n]


class _SparseStep:
    """A fully connected layer most of whose weights are zero, as pruned networks have."""

    def __init__(self, weight, biases, rectified):
        self.matrix, self.biases, self.rectified = csr_array(weight), biases, int(rectified)

    def run(self, vectors, workspace):
        # SciPy adds in the order of the stored values, whatever the number of columns, but a single one it takes
        # another way.
        columns = vectors.T if len(vectors) > 1 else np.repeat(vectors.T, 2, axis=1)
        products = np.ascontiguousarray((self.matrix @ columns).T[: len(vectors)])[np.newaxis]
        out = workspace.array(self, products.shape)
        bias.add_bias(products, self.biases, self.rectified, 0, out)
        return out[0]


def _spread(vectors, blocks):
    """Put vectors into the rows of blocks in order, zeros after the last."""
    n, (n_blocks, per_block, depth) = len(vectors), blocks.shape
    full = n // per_block
    blocks[:full] = vectors[: full * per_block].reshape(full, per_block, depth)
    if full < n_blocks:
        blocks[full, : n - full * per_block] = vectors[full * per_block :]
        blocks[full, n - full * per_block :] = 0


class _RectifyStep:
    def run(self, values, workspace):
        out = workspace.array(self, values.shape)
        bias.rectify(values.reshape(-1), out.reshape(-1))
        return out


class _SoftmaxStep:
    def run(self, scores, workspace):
        out = workspace.array(self, scores.shape)
        softmax.softmax(scores, out)
        return out


class ForwardPass:
    """The way of images through a network up to the last blob asked for, planned once.

    Parameters
    ----------
    network : Network
    blobs : sequence of str
        Names from ``network.blob_shapes``; nothing beyond the last of them is computed.

    Notes
    -----
    Maps are held channels last, (n, height, width, channels), so that every inner loop runs over neighbouring
    values; blobs are returned as the field has them, (channels, height, width) flattened. A plan may be used by
    several threads at once; each takes a workspace of its own.
    """

    def __init__(self, network, blobs):
        unknown = sorted(set(blobs) - set(network.blob_shapes))
        if unknown:
            raise ValueError(f"no blob {unknown[0]!r}; this network has {', '.join(network.blob_shapes)}")
        self.network = network
        self.blobs = tuple(dict.fromkeys(blobs))
        preprocessing = network.preprocessing
        self._mean = np.array(preprocessing.mean, np.float32)
        self._scale = np.array(preprocessing.scale, np.float32)
        self._workspaces = deque()
        self._map_steps, self._vector_steps = [], []
        self.stacked = _stacked_images(network)
        self._plan()

    def _plan(self):
        """Turn layers into steps, each with the name of the blob that it writes."""
        network, wanted = self.network, set(self.blobs)
        reverse_channels = network.preprocessing.channel_order == "BGR"
        layers = [layer for layer in network.layers if not isinstance(layer, Dropout)]
        shape, blob = network.input_shape, None
        for layer, following in zip(layers, (*layers[1:], None), strict=True):
            if not wanted:
                return
            steps = self._map_steps if len(shape) == 3 and not isinstance(layer, FullyConnected) else self._vector_steps
            if isinstance(layer, ReLU):
                if blob.endswith("_pre"):
                    blob = blob.removesuffix("_pre")
                    steps.append((blob, _RectifyStep()))
                    wanted.discard(blob)
                continue
            rectified = isinstance(following, ReLU) and f"{layer.name}_pre" not in wanted
            blob = f"{layer.name}_pre" if isinstance(following, ReLU) and not rectified else layer.name
            steps.append((blob, self._step(layer, shape, rectified, reverse_channels)))
            wanted.discard(blob)
            shape, reverse_channels = output_shape(layer, shape), False

    def _step(self, layer, shape, rectified, reverse_channels):
        arrays = self.network.arrays
        if isinstance(layer, Convolution):
            weight = arrays[f"{layer.name}.weight"]
            weight = weight[:, ::-1] if reverse_channels else weight
            return _ConvolutionStep(layer, shape, weight, arrays[f"{layer.name}.bias"], rectified, self.stacked)
        if isinstance(layer, FullyConnected):
            weight = arrays[f"{layer.name}.weight"]
            sparse = np.count_nonzero(weight) < _SPARSE_BELOW * weight.size
            step = _SparseStep if sparse else _FullyConnectedStep
            return step(weight, arrays[f"{layer.name}.bias"], rectified)
        if isinstance(layer, MaxPool):
            return _PoolingStep(layer, shape)
        if isinstance(layer, ResponseNorm):
            return _ResponseNormStep(layer)
        assert isinstance(layer, Softmax)
        return _SoftmaxStep()

    def run(self, images, out=None):
        """Compute the blobs of a batch of images.

        Parameters
        ----------
        images : ndarray of shape (n, height, width, 3), uint8 or float32
            Red, green, blue, values 0 to 255, of the size that the network reads.
        out : dict of str to float32 ndarray (n, size), optional
            Where to write; made where missing.

        Returns
        -------
        dict of str to ndarray of shape (n, size), float32
        """
        n, (_, height, width) = len(images), self.network.input_shape
        if images.shape != (n, height, width, 3) or images.dtype not in (np.uint8, np.float32):
            raise ValueError(
                f"the network reads uint8 or float32 images of shape (n, {height}, {width}, 3), "
                f"not {images.dtype} {images.shape}"
            )
        if out is None:
            shapes = self.network.blob_shapes
            out = {blob: np.empty((n, int(np.prod(shapes[blob]))), np.float32) for blob in self.blobs}
        try:
            workspace = self._workspaces.pop()
        except IndexError:
            workspace = _Workspace()
        # Weights may be so large that features overflow, which is no reason to warn from the midst of a product.
        with single_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
            self._run_maps(np.ascontiguousarray(images), workspace, out)
        self._workspaces.append(workspace)
        return out

    def _run_maps(self, images, workspace, out):
        """Walk through the maps a few images at a time, then through the vectors with all of them."""
        n, vectors = len(images), None
        for start in range(0, n, self.stacked):
            part = slice(start, start + self.stacked)
            maps = workspace.array("input", images[part].shape)
            pixels.normalise_pixels(images[part], self._mean, self._scale, maps)
            for blob, step in self._map_steps:
                maps = step.run(maps, workspace)
                if blob in out:
                    _flatten_maps(maps, out[blob][part])
            if self._vector_steps:
                if vectors is None:
                    vectors = workspace.array("flat", (n, maps[0].size))
                _flatten_maps(maps, vectors[part])
        for blob, step in self._vector_steps if n else ():
            vectors = step.run(vectors, workspace)
            if blob in out:
                out[blob][:] = vectors


def _flatten_maps(maps, out):
    """Copy maps (n, height, width, channels) into the rows of out, flattened as (channel, row, column)."""
    n, height, width, channels = maps.shape
    out.reshape(n, channels, height, width)[...] = maps.transpose(0, 3, 1, 2)


def _stacked_images(network):
    """How many images walk through the maps together, by the largest patch matrix among the layers."""
    largest, shape = 1, network.input_shape
    for layer in network.layers:
        below, shape = shape, output_shape(layer, shape)
        if isinstance(layer, Convolution):
            depth = below[0] // layer.groups * layer.kernel**2
            largest = max(largest, shape[1] * shape[2] * depth)
    return int(np.clip(_PATCH_VALUES // largest, 1, _MOST_STACKED))


# A handful is enough for a grid over layers; each holds a copy of the filters, and a workspace for each thread.
_plans = ProcessCache(4)


def plan_forward_pass(network, blobs):
    """Return the `ForwardPass` for this network and these blobs, planned once per process."""
    return _plans.get((network.fingerprint, tuple(blobs)), lambda: ForwardPass(network, blobs))
