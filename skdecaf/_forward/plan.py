"""From a network to steps, and from images through the steps to blobs."""

# SPDX-License-Identifier: BSD-3-Clause
import math
from collections import deque
from functools import partial

import numpy as np

from skdecaf._forward.convolutions import (
    MAX_BATCH_SIZE,
    ConvolutionStep,
    Im2colStep,
    PixelStep,
    WinogradStep,
    plan_convolution,
)
from skdecaf._forward.fully_connected import plan_fully_connected
from skdecaf._forward.parameter_free import PoolingStep, RectifyStep, ResponseNormStep, SoftmaxStep
from skdecaf._forward.products import even_parts
from skdecaf._forward.workspace import Workspace
from skdecaf._utils.process_cache import ProcessCache
from skdecaf.weights._layers import (
    Convolution,
    Dropout,
    FullyConnected,
    MaxPool,
    ReLU,
    ResponseNorm,
    Softmax,
    output_shape,
)


class _Block:
    """Steps on maps that are run with few images at a time, so that the maps stay in the cache."""

    def __init__(self, steps, buffer, divided):
        self.steps, self.buffer, self.divided = steps, buffer, divided
        self.batch_size = min(
            (step.batch_size for _, step in steps if isinstance(step, ConvolutionStep)), default=MAX_BATCH_SIZE
        )

    def run(self, values, workspace, observe):
        """Return the last step's values; observe(blob, start, values) sees those of all steps."""
        n, last = len(values), self.steps[-1][1]
        result = workspace.array(("maps", self.buffer), (n, *last.shape))
        for part in even_parts(n, self.batch_size):
            outs = [
                result[part] if step is last else workspace.array(step, (part.stop - part.start, *step.shape))
                for _, step in self.steps
            ]
            calls = list(zip(self.steps, [values[part], *outs], outs, strict=False))
            if self.divided:
                workspace.for_each(partial(_run_share, calls, workspace), range(workspace.n_threads))
            for (blob, step), below, out in calls:
                if not self.divided:
                    step.run(below, out, workspace)
                observe(blob, part.start, out)
        return result


def _run_share(calls, workspace, share):
    """Compute a thread's share of the channels of convolutions, one layer after the other."""
    for (_, step), below, out in calls:
        step.run(below, out, workspace, share, workspace.n_threads)


def _make_blocks(steps, n_threads):
    """Make blocks of all steps on maps.

    A single thread runs a convolution, and what follows on its maps, with as many images as are best for it. Several
    threads divide the channels of convolutions, and wait for each other only where one needs the channels of another.
    """
    groups = []
    for blob, step in steps:
        last = groups[-1][-1][1] if groups else None
        convolution = isinstance(step, ConvolutionStep)
        if n_threads == 1:
            joined = isinstance(last, PixelStep) or not convolution
        else:
            joined = convolution and isinstance(last, ConvolutionStep) and step.follows(last, n_threads)
        if joined and groups:
            groups[-1].append((blob, step))
        else:
            groups.append([(blob, step)])
    # Two buffers are enough: a block reads what the one before it wrote.
    return [
        _Block(group, i % 2, divided=n_threads > 1 and isinstance(group[0][1], ConvolutionStep))
        for i, group in enumerate(groups)
    ]


class ForwardPass:
    """A network, planned once for some blobs, and run on batches of images.

    Parameters
    ----------
    network : Network
    blobs : sequence of str
        Names from ``network.blob_shapes``; nothing beyond the last of them is computed.

    Attributes
    ----------
    convolutions : dict of str to ConvolutionPlan
        How each convolution is computed.
    fused : dict of str to tuple of str
        For each blob that a convolution fused with a pooling writes, their names, such as ("conv1", "pool1"). A
        convolution whose blob is asked for is not fused.

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
        self.convolutions, self.fused = {}, {}
        self._workspaces, self._layers, self._reversed = deque(), set(), None
        self._map_steps, self._vector_steps, self._blocks = [], [], {}
        self._plan()

    @property
    def nbytes(self):
        """Bytes of the weights in use and of the arrays prepared from them."""
        steps = [step for _, step in (*self._map_steps, *self._vector_steps)]
        arrays = self.network.arrays
        arrays = [arrays.stored(name) for name in arrays if name.split(".")[0] in self._layers]
        return sum(array.nbytes for array in arrays) + sum(getattr(step, "nbytes", 0) for step in steps)

    def _plan(self):
        """Turn layers into steps, each with the name of the blob that it writes; None for the pixels."""
        network, wanted = self.network, set(self.blobs)
        layers = [layer for layer in network.layers if not isinstance(layer, Dropout)]
        self._plan_pixels(layers[0])
        shape, blob = network.input_shape, None
        for layer, following in zip(layers, (*layers[1:], None), strict=True):
            if not wanted:
                return
            if isinstance(layer, ReLU):
                if blob.endswith("_pre"):
                    blob = blob.removesuffix("_pre")
                    self._add(blob, RectifyStep(shape), on_maps=len(shape) == 3)
                    wanted.discard(blob)
                continue
            rectified = (
                isinstance(following, ReLU)
                and isinstance(layer, (Convolution, FullyConnected))
                and f"{layer.name}_pre" not in wanted
            )
            blob = f"{layer.name}_pre" if isinstance(following, ReLU) and not rectified else layer.name
            self._layers.add(layer.name)
            step = self._step(layer, shape, rectified)
            self._add(blob, step, on_maps=len(shape) == 3 and not isinstance(layer, FullyConnected))
            wanted.discard(blob)
            shape = output_shape(layer, shape)

    def _plan_pixels(self, first):
        plan, reverse = None, self.network.preprocessing.channel_order == "BGR"
        if isinstance(first, Convolution):
            plan = plan_convolution(first, self.network.input_shape, reads_pixels=True)
            self.convolutions[first.name] = plan
            if reverse and first.groups == 1:
                # Once the filters, in place of each image.
                self._reversed, reverse = first.name, False
        self._add(None, PixelStep(self.network, plan, reverse), on_maps=True)

    def _add(self, blob, step, on_maps):
        if not on_maps:
            self._vector_steps.append((blob, step))
            return
        steps = self._map_steps
        below, last = steps[-1] if steps else (None, None)
        if isinstance(last, ConvolutionStep) and below not in self.blobs and last.fuse(step):
            steps[-1] = blob, last
            self.fused[blob] = (*self.fused.pop(below, (below,)), blob)
        else:
            steps.append((blob, step))

    def _step(self, layer, shape, rectified):
        if isinstance(layer, Convolution):
            return self._convolution(layer, shape, rectified)
        if isinstance(layer, FullyConnected):
            arrays = self.network.arrays
            return plan_fully_connected(arrays.stored(f"{layer.name}.weight"), arrays[f"{layer.name}.bias"], rectified)
        if isinstance(layer, MaxPool):
            return PoolingStep(layer, shape)
        if isinstance(layer, ResponseNorm):
            return ResponseNormStep(layer, shape)
        assert isinstance(layer, Softmax)
        return SoftmaxStep(shape)

    def _convolution(self, layer, shape, rectified):
        weight, biases = (self.network.arrays[f"{layer.name}.{part}"] for part in ("weight", "bias"))
        weight = weight[:, ::-1] if layer.name == self._reversed else weight
        plan = self.convolutions.setdefault(layer.name, plan_convolution(layer, shape))
        return (Im2colStep if plan.tile_size is None else WinogradStep)(plan, weight, biases, rectified)

    def run(self, images, out=None, observe=None, n_threads=1):
        """Compute the blobs of a batch of images.

        Parameters
        ----------
        images : ndarray of shape (n, height, width, 3), uint8 or float32
            Red, green, blue, values 0 to 255, of the size that the network reads.
        out : dict of str to float32 ndarray (n, size), optional
            Where to write; made where missing.
        observe : callable, optional
            Called with the name of each step once it is done, by whoever measures time: "input", then the blob that
            a step writes, such as "conv3", or "pool1" where it is fused; "flatten" between maps and vectors.
        n_threads : int
            Threads that share the work inside each layer: for one image, or so few that there is no batch for each
            thread. They do not change a bit.

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
            out = {blob: np.empty((n, math.prod(shapes[blob])), np.float32) for blob in self.blobs}
        try:
            workspace = self._workspaces.pop()
        except IndexError:
            workspace = Workspace()
        # Very large weights make features overflow; that is expected, so do not warn.
        quiet = np.errstate(over="ignore", invalid="ignore")
        with workspace.threads(n_threads), quiet:
            self._run(np.ascontiguousarray(images), workspace, out, observe or _ignore)
        self._workspaces.append(workspace)
        return out

    def _run(self, images, workspace, out, observe):
        """Compute the maps of a few images at a time, then the vectors of all of them."""
        n, vectors = len(images), None
        for part in even_parts(n, MAX_BATCH_SIZE):
            maps = self._run_maps(images[part], workspace, {blob: rows[part] for blob, rows in out.items()}, observe)
            if self._vector_steps:
                if vectors is None:
                    vectors = workspace.array("flat", (n, maps[0].size))
                _flatten_maps(maps, vectors[part])
                observe("flatten")
        for blob, step in self._vector_steps if n else ():
            values = workspace.array(step, (n, *step.shape))
            step.run(vectors, values, workspace)
            if blob in out:
                out[blob][:] = values
            vectors = values
            observe(blob)

    def _run_maps(self, images, workspace, out, observe):
        """The maps that the last block writes."""

        def keep(blob, start, maps):
            if blob in out:
                _flatten_maps(maps, out[blob][start : start + len(maps)])
            observe(blob or "input")

        n_threads = workspace.n_threads
        if n_threads not in self._blocks:
            self._blocks[n_threads] = _make_blocks(self._map_steps, n_threads)
        maps = images
        for block in self._blocks[n_threads]:
            maps = block.run(maps, workspace, keep)
        return maps


def _ignore(step):
    """Observe nothing."""


def _flatten_maps(maps, out):
    """Copy maps (n, height, width, channels) into the rows of out, flattened as (channel, row, column)."""
    n, height, width, channels = maps.shape
    out.reshape(n, channels, height, width)[...] = maps.transpose(0, 3, 1, 2)


# A handful is enough for a grid over layers; each holds a copy of the filters, and a workspace for each thread.
_plans = ProcessCache(4)


def plan_forward_pass(network, blobs):
    """Return the `ForwardPass` for this network and these blobs, planned once per process."""
    return _plans.get((network.fingerprint, tuple(blobs)), lambda: ForwardPass(network, blobs))
