"""Winograd convolution: exact matrices, errors within their budget whatever the input, and the planner's choices."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import correlate

from skdecaf._forward.convolutions import PixelStep, WinogradStep, plan_convolution
from skdecaf._forward.winograd import TILE_SIZES, TileSize, choose_tile_size
from skdecaf._forward.workspace import Workspace
from skdecaf.weights import ARCHITECTURES, Architecture, Convolution, Network, Preprocessing
from skdecaf.weights._layers import output_shape

GENERATOR = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _same_numbers_in_any_order():
    """Errors of random inputs differ: each test draws the same ones, whichever runs before it."""
    GENERATOR.bit_generator.state = np.random.default_rng(1).bit_generator.state


@pytest.mark.parametrize("size", TILE_SIZES, ids=str)
def test_each_tile_size_is_a_correlation(size):
    tile, filters = GENERATOR.normal(size=(size.t, size.t)), GENERATOR.normal(size=(size.r, size.r))
    b, g, a = size.input_transform, size.filter_transform, size.output_transform
    pixels = a @ ((g @ filters @ g.T) * (b @ tile @ b.T)) @ a.T
    np.testing.assert_allclose(pixels, correlate(tile, filters, mode="valid"), atol=1e-12)


def test_the_matrices_of_lavin_and_gray():
    """F(4 x 4, 3 x 3) as published, but for the scale of each row."""
    b = TileSize(4, 3).input_transform
    np.testing.assert_array_equal(b[0], [4, 0, -5, 0, 1, 0])
    np.testing.assert_array_equal(b[5], [0, 4, 0, -5, 0, 1])
    np.testing.assert_array_equal(TileSize(4, 3).output_transform[3], [0, 1, -1, 8, -8, 1])


def inputs(shape):
    """Name -> maps (height, width, channels): what is easy, and what is not."""
    height, width, channels = shape
    hot = np.zeros(shape, np.float32)
    hot[height // 2, width // 2, channels // 2] = 1000
    return {
        "rectified": np.maximum(GENERATOR.standard_normal(shape, np.float32), 0),
        "offset": GENERATOR.standard_normal(shape, np.float32) + 100,
        "one hot pixel": hot,
        "noise": GENERATOR.integers(-128, 129, shape).astype(np.float32),
        "hot pixel in noise": GENERATOR.standard_normal(shape, np.float32) + hot,
    }


# Largest error over the largest value.
BUDGETS = [
    (Convolution("conv2", 64, 5, pad=2, groups=2), (96, 27, 27), TileSize(4, 5), 1e-5),
    (Convolution("conv3", 64, 3, pad=1), (192, 13, 13), TileSize(4, 3), 2e-5),
    (Convolution("conv3", 64, 3, pad=1), (256, 13, 13), TileSize(5, 3), 3e-5),
]


@pytest.mark.parametrize("kind", inputs((1, 1, 1)))
@pytest.mark.parametrize(("layer", "shape", "size", "budget"), BUDGETS)
def test_errors_stay_within_their_budget(layer, shape, size, budget, kind):
    maps = inputs((*shape[1:], shape[0]))[kind]
    weight, plan = he_filters(layer, shape[0]), replace(plan_convolution(layer, shape), tile_size=size)
    step = WinogradStep(plan, weight, np.zeros(layer.out_channels, np.float32), False)
    out = np.empty((1, *step.shape), np.float32)
    step.run(maps[np.newaxis], out, Workspace())
    expected = convolution_float64(maps, weight, layer)
    if kind == "hot pixel in noise":  # of 60 draws most stay below 1e-5, the worst reached 2.2e-5
        budget *= 1.5
    assert np.abs(out[0] - expected).max() < budget * np.abs(expected).max()


@pytest.mark.parametrize("kind", ["noise", "offset", "one hot pixel"])
@pytest.mark.parametrize("pad", [0, 2])
def test_space_to_depth_and_tiles_stays_within_its_budget(kind, pad):
    layer = Convolution("conv1", 64, 11, stride=4, pad=pad)
    network = Network.random(Architecture((layer,), Preprocessing((115, 115), (115, 115), mean=(0, 0, 0))), 0)
    shape, weight = network.input_shape, he_filters(layer, 3)
    plan = plan_convolution(layer, shape, reads_pixels=True)
    assert plan.tile_size.r == 3 and plan.block == 4
    maps = inputs((*shape[1:], 3))[kind]
    pixels = PixelStep(network, plan)
    blocks = np.empty((1, *pixels.shape), np.float32)
    pixels.run(maps[np.newaxis], blocks, Workspace())
    step = WinogradStep(plan, weight, np.zeros(64, np.float32), False)
    out = np.empty((1, *step.shape), np.float32)
    step.run(blocks, out, Workspace())
    expected = convolution_float64(maps, weight, layer)
    assert np.abs(out[0] - expected).max() < 1e-5 * np.abs(expected).max()


def he_filters(layer, channels):
    shape = (layer.out_channels, channels // layer.groups, layer.kernel, layer.kernel)
    return GENERATOR.standard_normal(shape, np.float32) * np.float32(np.sqrt(2 / np.prod(shape[1:])))


def convolution_float64(maps, weight, layer):
    """Windows times filters by NumPy, (height, width, channels)."""
    padded = np.pad(maps.astype(np.float64), ((layer.pad, layer.pad), (layer.pad, layer.pad), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (layer.kernel, layer.kernel), axis=(0, 1))
    windows = np.split(windows[:: layer.stride, :: layer.stride], layer.groups, axis=2)
    groups = zip(windows, np.split(weight.astype(np.float64), layer.groups), strict=True)
    return np.concatenate([np.tensordot(w, f, ((2, 3, 4), (1, 2, 3))) for w, f in groups], axis=2)


def test_the_choices_for_caffenet():
    """The table of docs/contributing/forward_pass.rst."""
    assert choices("caffenet") == {
        "conv1": (5, 3, 4), "conv2": (4, 5, 1), "conv3": (5, 3, 1), "conv4": (5, 3, 1), "conv5": (5, 3, 1),
    }  # fmt: skip


def test_small_maps_get_small_tiles():
    """7 x 7 pixels are four tiles of 4 x 4 as well as of 5 x 5."""
    assert choices("mini")["conv3"] == (4, 3, 1)


def choices(name):
    """Layer -> (m, r, block)."""
    architecture, found = ARCHITECTURES[name], {}
    shape = (3, *architecture.preprocessing.crop)
    for layer in architecture.layers:
        if isinstance(layer, Convolution):
            plan = plan_convolution(layer, shape, reads_pixels=not found)
            found[layer.name] = (plan.tile_size.m, plan.tile_size.r, plan.block) if plan.tile_size else None
        shape = output_shape(layer, shape)
    return found


def test_what_no_tile_size_fits_is_computed_by_im2col():
    assert choose_tile_size(7, 64, 64, 1, 30, 30) is None
    assert choose_tile_size(3, 64, 64, 1, 1, 1) is None, "too small a map"
    strided = plan_convolution(Convolution("conv2", 64, 3, stride=2), (64, 31, 31))
    assert (strided.tile_size, strided.block) == (None, 1)
