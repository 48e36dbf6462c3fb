"""Each kernel, in each instruction set, against float64 arithmetic and against its own source run as plain Python."""

import sys
import threading

import float64_layers
import numpy as np
import pytest

from skdecaf._forward.tilings import TILINGS

GENERATOR = np.random.default_rng(0)


def normal(*shape):
    return GENERATOR.standard_normal(shape, np.float32)


def channels_last(maps):
    """(n, channels, height, width) -> contiguous (n, height, width, channels)."""
    return np.ascontiguousarray(maps.transpose(0, 2, 3, 1))


def same(compiled, plain, *arguments, shape, scale=1):
    """Run both on copies; return the compiled one's result after comparing the two.

    Where large values cancel each other, scale is that of what is added up.
    """
    outs = [np.full(shape, 7, np.float32) for _ in range(2)]
    compiled(*arguments, outs[0])
    plain(*arguments, outs[1])
    np.testing.assert_allclose(outs[0], outs[1], rtol=1e-5, atol=1e-6 * max(scale, np.abs(outs[1]).max(initial=0)))
    return outs[0]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("n", [0, 1, 2])
def test_normalise_pixels(compiled, plain, dtype, n):
    images = GENERATOR.integers(0, 256, (n, 4, 5, 3)).astype(dtype)
    mean, scale = np.float32([123, 117, 104]), np.float32([58, 57, 60])
    out = same(
        compiled("pixels").normalise_pixels, plain("pixels").normalise_pixels, images, mean, scale, shape=images.shape
    )
    np.testing.assert_allclose(out, (images.astype(np.float64) - mean) / scale, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize(("stride", "pad", "size"), [(1, 0, (4, 5)), (2, 1, (3, 4)), (3, 2, (2, 3)), (4, 0, (3, 1))])
def test_fold_pixels(compiled, plain, dtype, stride, pad, size):
    images = GENERATOR.integers(0, 256, (2, 4, 5, 3)).astype(dtype)
    mean, scale = np.float32([123, 117, 104]), np.float32([58, 57, 60])
    out = same(
        compiled("folding").fold_pixels, plain("folding").fold_pixels,
        images.reshape(2, 4, 15), np.tile(mean, 5), np.tile(scale, 5), pad,
        shape=(2, *size, stride, stride * 3),
    )  # fmt: skip
    padded = np.pad((images.astype(np.float64) - mean) / scale, ((0, 0), (pad, 20), (pad, 20), (0, 0)))
    for dy, dx in np.ndindex(stride, stride):
        expected = padded[:, dy::stride, dx::stride][:, : size[0], : size[1]]
        np.testing.assert_allclose(out[:, :, :, dy, 3 * dx : 3 * dx + 3], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize(
    ("kernel", "stride", "pad", "groups"),
    [(1, 1, 0, 1), (3, 1, 1, 1), (3, 2, 0, 2), (5, 1, 2, 2), (3, 3, 4, 1), (6, 4, 3, 2)],
)
def test_patches_times_filters_are_a_convolution(compiled, plain, n, kernel, stride, pad, groups):
    maps, weight = normal(n, 4, 6, 7), normal(6, 4 // groups, kernel, kernel)
    height, width = ((size + 2 * pad - kernel) // stride + 1 for size in (6, 7))
    source = channels_last(maps).reshape(n, 6, 7 * 4)
    for group in range(groups):
        inside = 4 // groups
        patches = same(
            compiled("patches").extract_patches, plain("patches").extract_patches,
            source, 4, kernel, stride, pad, width, group * inside, inside,
            shape=(n, height * width + 2, kernel * kernel * inside),
        )  # fmt: skip
        assert (patches[:, height * width :] == 7).all(), "rows beyond the last pixel are left alone"
        filters = np.split(weight, groups)[group].transpose(2, 3, 1, 0).reshape(-1, 6 // groups)
        products = patches[:, : height * width].astype(np.float64) @ filters
        for image, product in zip(maps, products, strict=True):
            expected = float64_layers.convolution(image, weight, np.zeros(6), stride, pad, groups)
            part = np.split(expected, groups)[group].reshape(6 // groups, -1).T
            np.testing.assert_allclose(product, part, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("channels", "rectify"),
    [(1, 1), (19, 0), pytest.param(1, 0, marks=pytest.mark.slow), pytest.param(19, 1, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize(("height", "width", "pad"), [(9, 6, 1), (5, 12, 2), (7, 7, 0)])
@pytest.mark.parametrize("tiling", TILINGS, ids=str)
def test_tiles_times_filters_are_a_convolution(compiled, plain, tiling, height, width, pad, channels, rectify):
    maps, weight, bias = normal(2, channels, height, width), normal(2, channels, tiling.r, tiling.r), normal(2)
    size = [side + 2 * pad - tiling.r + 1 for side in (height, width)]
    places = GENERATOR.permutation(2 * tiling.tiles(*size) + 1)[:-1].reshape(2, *tiling.grid(*size))
    t, around = tiling.t, np.pad(maps, ((0, 0), (2, 1), (0, 0), (0, 0)))
    tiles = same(
        compiled("winograd_input").transform_input, plain("winograd_input").transform_input,
        channels_last(around), 2, pad, t, tiling.m, places,
        shape=(places.size + 1, t * t + 1, channels),
    )  # fmt: skip
    (unused,) = set(range(len(tiles))) - set(places.ravel())
    assert (tiles[unused] == 7).all() and (tiles[:, -1] == 7).all()
    products = np.full((len(tiles), t * t + 1, 2), np.nan, np.float32)
    products[:, :-1] = np.einsum("rpc,pck->rpk", tiles[:, :-1], tiling.transform_filters(weight))
    out = same(
        compiled("winograd_output").transform_output, plain("winograd_output").transform_output,
        products, places, t, tiling.m, bias, rectify, 3, shape=(2, *size, 6),
    )  # fmt: skip
    assert (out[..., :3] == 7).all() and (out[..., 5:] == 7).all()
    out = out[..., 3:5]
    for image, values in zip(maps, out, strict=True):
        expected = float64_layers.convolution(image, weight, bias, 1, pad, 1)
        expected = np.maximum(expected, 0) if rectify else expected
        np.testing.assert_allclose(values.transpose(2, 0, 1), expected, rtol=0, atol=5e-5 * np.abs(expected).max())


@pytest.mark.parametrize("tiling", TILINGS, ids=str)
def test_the_kernels_have_the_matrices(compiled, tiling):
    """One value at a time: small whole numbers and powers of two, so that nothing is rounded."""
    t, m = tiling.t, tiling.m
    single, no_bias = np.zeros((1, 1, 1), np.int64), np.zeros(1, np.float32)
    tile, pixels = np.empty((1, t * t, 1), np.float32), np.empty((1, m, m, 1), np.float32)
    for y, x in np.ndindex(t, t):
        image = np.zeros((1, t, t, 1), np.float32)
        image[0, y, x] = 1
        compiled("winograd_input").transform_input(image, 0, 0, t, m, single, tile)
        expected = np.outer(tiling.input_transform[:, y], tiling.input_transform[:, x])
        np.testing.assert_array_equal(tile.reshape(t, t), expected)
        products = image.reshape(1, t * t, 1)
        compiled("winograd_output").transform_output(products, single, t, m, no_bias, 0, 0, pixels)
        expected = np.outer(tiling.output_transform[:, y], tiling.output_transform[:, x])
        np.testing.assert_array_equal(pixels[0, :, :, 0], expected)


@pytest.mark.parametrize("rectify", [0, 1])
def test_add_bias(compiled, plain, rectify):
    products, bias = normal(2, 12, 5), normal(5)
    out = same(compiled("bias").add_bias, plain("bias").add_bias, products, bias, rectify, 3, shape=(2, 7, 9))
    expected = products[:, :7].astype(np.float64) + bias
    expected = np.maximum(expected, 0) if rectify else expected
    np.testing.assert_allclose(out[:, :, 3:8], expected, rtol=1e-6, atol=1e-6)
    assert (out[:, :, :3] == 7).all() and (out[:, :, 8:] == 7).all()


WINDOWS = [(2, 2, 0, "floor"), (3, 2, 0, "ceil"), (3, 2, 1, "ceil"), (1, 1, 0, "floor"), (2, 5, 1, "ceil")]
NORM = (3, np.float32(0.5), np.float32(0.75), np.float32(2))
NO_NORM = (0, *np.zeros(3, np.float32))


def pooled(maps, window, norm):
    """What a sweep over maps (n, height, width, channels) before bias and ReLU should give, in float64."""
    kernel, stride, pad, rounding = window
    images = [float64_layers.max_pool(image.transpose(2, 0, 1), kernel, stride, pad, rounding) for image in maps]
    if norm[0]:
        size, share, beta, k = map(float, norm)
        images = [float64_layers.response_norm(image, int(size), share * size, beta, k) for image in images]
    return np.array(images).transpose(0, 2, 3, 1)


def check_sweep(out, maps, window, norm, first, tolerance):
    """Channels before first and after those of the maps are left alone."""
    expected, last = pooled(maps, window, norm), first + maps.shape[3]
    np.testing.assert_allclose(out[..., first:last], expected, rtol=0, atol=tolerance * np.abs(expected).max())
    assert (out[..., :first] == 7).all() and (out[..., last:] == 7).all()


def shape_of(maps, window, channels):
    return (*pooled(maps, window, NO_NORM).shape[:3], channels)


@pytest.mark.parametrize("rectify", [0, 1])
@pytest.mark.parametrize(("first", "channels", "norm"), [(0, 5, NORM), (3, 9, NO_NORM)], ids=["normalised", "group"])
@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_add_bias_and_pool(compiled, plain, window, first, channels, norm, rectify):
    products, bias = normal(2, 9 * 6 + 2, 5), normal(5)
    maps = (products[:, : 9 * 6].astype(np.float64) + bias).reshape(2, 9, 6, 5)
    maps = np.maximum(maps, 0) if rectify else maps
    out = same(
        compiled("bias").add_bias_and_pool, plain("bias").add_bias_and_pool,
        products, bias, rectify, first, 9, np.full((1, window[0], 6, 5), np.nan, np.float32), *window[:3], *norm,
        shape=shape_of(maps, window, channels),
    )  # fmt: skip
    check_sweep(out, maps, window, norm, first, 1e-6)


@pytest.mark.parametrize(("first", "channels", "norm"), [(0, 5, NORM), (3, 9, NO_NORM)], ids=["normalised", "group"])
@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("tiling", TILINGS, ids=str)
def test_transform_and_pool(compiled, plain, tiling, window, first, channels, norm):
    t, m, bias = tiling.t, tiling.m, normal(5)
    down, across = tiling.grid(9, 6)
    places = GENERATOR.permutation(2 * down * across + 1)[:-1].reshape(2, down, across)
    products = normal(places.size + 1, t * t + 1, 5)
    points = products[places, :-1].reshape(2, down, across, t, t, 5).astype(np.float64)
    transform = tiling.output_transform
    maps = np.einsum("yk,xl,ndaklc->ndyaxc", transform, transform, points).reshape(2, down * m, across * m, 5)
    maps = np.maximum(maps[:, :9, :6] + bias, 0)
    out = same(
        compiled("winograd_output").transform_and_pool, plain("winograd_output").transform_and_pool,
        products, places, t, m, bias, 1, first, 9, np.full((1, m + window[0] - 1, 6, 5), np.nan, np.float32),
        *window[:3], *norm, shape=shape_of(maps, window, channels),
    )  # fmt: skip
    check_sweep(out, maps, window, norm, first, 1e-5)


@pytest.mark.parametrize("column", [0, 1, 2])
def test_pooling_finds_the_largest_beside_nan(compiled, column):
    maps = np.ones((1, 3, 3, 8), np.float32)
    maps[0, 1, (column + 1) % 3], maps[0, 1, column] = 9, np.nan
    out = np.empty((1, 1, 1, 8), np.float32)
    compiled("pooling").max_pool(maps, 3, 1, 0, out)
    assert (out == 9).all()


def test_nan_passes_through(compiled):
    values = np.float32([[[np.nan, -1, 1]]])
    out = np.empty_like(values)
    compiled("bias").add_bias(values, np.zeros(3, np.float32), 1, 0, out)
    np.testing.assert_array_equal(out, [[[np.nan, 0, 1]]])
    rectified = np.empty(3, np.float32)
    compiled("bias").rectify(values.reshape(-1), rectified)
    np.testing.assert_array_equal(rectified, [np.nan, 0, 1])
    products, pixels = np.zeros((1, 36, 3), np.float32), np.empty((1, 4, 4, 3), np.float32)
    places, bias = np.zeros((1, 1, 1), np.int64), values.reshape(-1)
    compiled("winograd_output").transform_output(products, places, 6, 4, bias, 1, 0, pixels)
    np.testing.assert_array_equal(pixels, np.broadcast_to(np.float32([np.nan, 0, 1]), pixels.shape))


@pytest.mark.parametrize("rounding", ["ceil", "floor"])
@pytest.mark.parametrize(
    ("kernel", "stride", "pad"), [(2, 2, 0), (3, 2, 0), (3, 2, 1), (1, 1, 0), (3, 3, 1), (1, 5, 0), (2, 5, 1)]
)
def test_max_pool(compiled, plain, kernel, stride, pad, rounding):
    maps = normal(2, 3, 6, 8)
    expected = np.array([float64_layers.max_pool(image, kernel, stride, pad, rounding) for image in maps])
    out = same(
        compiled("pooling").max_pool, plain("pooling").max_pool, channels_last(maps), kernel, stride, pad,
        shape=channels_last(expected).shape,
    )  # fmt: skip
    np.testing.assert_array_equal(out.transpose(0, 3, 1, 2), expected.astype(np.float32))


@pytest.mark.parametrize("channels", [1, 4, 5, 17])
@pytest.mark.parametrize(
    ("size", "alpha", "beta", "k"), [(5, 1e-4, 0.75, 1.0), (3, 2.0, 0.75, 2.0), (5, 1.0, 0.5, 1.0)]
)
def test_response_norm(compiled, plain, channels, size, alpha, beta, k):
    maps = normal(2, channels, 3, 2) * 50
    constants = [np.float32(value) for value in (alpha / size, beta, k)]
    out = same(
        compiled("response_norm").response_norm, plain("response_norm").response_norm,
        channels_last(maps).reshape(-1, channels), size, *constants, shape=(12, channels),
    )  # fmt: skip
    expected = np.array([float64_layers.response_norm(image, size, alpha, beta, k) for image in maps])
    np.testing.assert_allclose(out.reshape(2, 3, 2, channels).transpose(0, 3, 1, 2), expected, rtol=2e-6)


def test_response_norm_by_hand(compiled):
    """Worked out from the formula for x = 1 … 5 with alpha = k = 1: denominators 3.8, 7, 12, 11.8 and 11."""
    pixels = np.float32([[1, 2, 3, 4, 5]])
    out = np.empty_like(pixels)
    compiled("response_norm").response_norm(pixels, 5, np.float32(0.2), np.float32(0.75), np.float32(1), out)
    np.testing.assert_allclose(out, [[0.367420, 0.464736, 0.465302, 0.628273, 0.827800]], rtol=2e-6)


@pytest.mark.parametrize("cuts", [[0, 30], [0, 7, 20, 30], [0, 1, 2, 30]], ids=str)
@pytest.mark.parametrize("width", [1, 13, 40])
def test_multiply_vector(compiled, plain, width, cuts):
    vector, weights = normal(30), 4 * normal(30, width)
    out = same(
        compiled("vector_product").multiply_vector, plain("vector_product").multiply_vector,
        vector, weights, np.array(cuts), shape=(width,), scale=(np.abs(vector) @ np.abs(weights)).max(),
    )  # fmt: skip
    np.testing.assert_allclose(out, vector.astype(np.float64) @ weights, rtol=1e-5, atol=3e-5)


def test_multiply_vector_adds_the_sums_between_cuts(compiled):
    """1 is lost beside 1e8, but not where a cut keeps the two apart until 1e8 is gone."""
    vector, weights = np.float32([1e8, 1, -1e8, 1]), np.ones((4, 1), np.float32)
    for cuts, expected in ([0, 4], 1), ([0, 3, 4], 1), ([0, 1, 2, 3, 4], 1), ([0, 1, 4], 0), ([0, 2, 4], 0):
        out = np.empty(1, np.float32)
        compiled("vector_product").multiply_vector(vector, weights, np.array(cuts), out)
        assert out[0] == expected, cuts


def compact_weights(depth, width, span):
    """Whole numbers, factors, and the matrix that they make, which is exact in float32."""
    weights = GENERATOR.integers(-32767, 32768, (depth, width)).astype(np.int16)
    factors = GENERATOR.integers(1, 256, (-(-depth // span), width)).astype(np.uint8)
    return weights, factors, weights * np.repeat(factors, span, axis=0)[:depth].astype(np.float32)


@pytest.mark.parametrize("cuts", [[0, 30], [0, 7, 20, 30], [0, 1, 2, 30]], ids=str)
@pytest.mark.parametrize("span", [4, 9, 36])
@pytest.mark.parametrize("width", [1, 40])
def test_multiply_compact_vector(compiled, plain, width, span, cuts):
    vector, (weights, factors, matrix) = normal(30), compact_weights(30, width, span)
    out = same(
        compiled("compact_product").multiply_compact_vector, plain("compact_product").multiply_compact_vector,
        vector, weights, factors, span, np.array(cuts), shape=(width,),
        scale=(np.abs(vector) @ np.abs(matrix)).max(),
    )  # fmt: skip
    expected = np.empty(width, np.float32)
    compiled("vector_product").multiply_vector(vector, matrix, np.array(cuts), expected)
    np.testing.assert_array_equal(out, expected)


def test_widen_columns(compiled, plain):
    weights, factors, matrix = compact_weights(30, 40, 8)
    out = same(
        compiled("compact_product").widen_columns, plain("compact_product").widen_columns,
        weights, factors, 8, 5, 20, 3, shape=(30, 25),
    )  # fmt: skip
    np.testing.assert_array_equal(out[:, 3:23], matrix[:, 5:25])
    assert (out[:, :3] == 7).all() and (out[:, 23:] == 7).all()


@pytest.mark.parametrize("spread", [1, 1000])
def test_softmax(compiled, plain, spread):
    scores = normal(3, 11) * spread
    out = same(compiled("softmax").softmax, plain("softmax").softmax, scores, shape=scores.shape)
    np.testing.assert_allclose(out, [float64_layers.softmax(row) for row in scores], rtol=1e-6, atol=1e-30)


def test_threads_may_share_arrays(compiled):
    """Each call counts its references to its arguments by itself."""
    weights, vector, cuts = normal(64, 32), normal(64), np.array([0, 64])
    multiply = compiled("vector_product").multiply_vector
    expected, outs = np.empty(32, np.float32), np.empty((4, 32), np.float32)
    multiply(vector, weights, cuts, expected)
    before = sys.getrefcount(weights), sys.getrefcount(vector), sys.getrefcount(cuts)

    def repeat(out):
        for _ in range(2000):
            multiply(vector, weights, cuts, out)

    threads = [threading.Thread(target=repeat, args=(out,)) for out in outs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sys.getrefcount(weights), sys.getrefcount(vector), sys.getrefcount(cuts)) == before
    np.testing.assert_array_equal(outs, np.broadcast_to(expected, outs.shape))
