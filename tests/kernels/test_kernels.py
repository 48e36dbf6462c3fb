"""Each kernel, in each instruction set, against float64 arithmetic and against its own source run as plain Python."""

import importlib
import sys
import threading

import float64_layers
import numpy as np
import pytest

from skdecaf import _kernels
from skdecaf._forward.products import fill_rows, pack_columns
from skdecaf._forward.winograd import TILE_SIZES

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
def test_space_to_depth(compiled, plain, dtype, stride, pad, size):
    images = GENERATOR.integers(0, 256, (2, 4, 5, 3)).astype(dtype)
    mean, scale = np.float32([123, 117, 104]), np.float32([58, 57, 60])
    out = same(
        compiled("space_to_depth").space_to_depth, plain("space_to_depth").space_to_depth,
        images.reshape(2, 4, 15), np.tile(mean, 5), np.tile(scale, 5), pad, (0, size[0]),
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
def test_windows_times_filters_are_a_convolution(compiled, plain, n, kernel, stride, pad, groups):
    maps, weight = normal(n, 4, 6, 7), normal(6, 4 // groups, kernel, kernel)
    height, width = ((size + 2 * pad - kernel) // stride + 1 for size in (6, 7))
    source, depth = channels_last(maps).reshape(n, 6, 7 * 4), 4 // groups * kernel**2
    for group in range(groups):
        inside = 4 // groups
        rows = same(
            compiled("im2col").im2col, plain("im2col").im2col,
            source, (group * inside, inside, 4), (kernel, stride, pad), (height, width),
            shape=(1, n * height * width + 2, 272),
        )  # fmt: skip
        assert (rows[0, n * height * width :] == 7).all() and (rows[0, :, depth:] == 7).all()
        filters = np.split(weight, groups)[group].transpose(2, 3, 1, 0).reshape(-1, 6 // groups)
        products = (rows[0, : n * height * width, :depth].astype(np.float64) @ filters).reshape(n, height * width, -1)
        for image, product in zip(maps, products, strict=True):
            expected = float64_layers.convolution(image, weight, np.zeros(6), stride, pad, groups)
            part = np.split(expected, groups)[group].reshape(6 // groups, -1).T
            np.testing.assert_allclose(product, part, rtol=1e-5, atol=1e-5)


def test_windows_in_blocks(compiled, plain):
    """A window of 6 x 6 pixels of 9 channels has 324 values, in two blocks."""
    maps = normal(2, 9, 8, 7)
    rows = same(
        compiled("im2col").im2col, plain("im2col").im2col,
        channels_last(maps).reshape(2, 8, 63), (0, 9, 9), (6, 1, 0), (3, 2), shape=(2, 12, 272),
    )  # fmt: skip
    found = np.concatenate([rows[0, :, :256], rows[1, :, :68]], axis=1).reshape(2, 3, 2, 6, 6, 9)
    for y, x in np.ndindex(3, 2):
        np.testing.assert_array_equal(found[:, y, x], channels_last(maps)[:, y : y + 6, x : x + 6])
    assert (rows[0, :, 256:] == 7).all() and (rows[1, :, 68:] == 7).all()


@pytest.mark.parametrize(
    ("channels", "rectify"),
    [(1, 1), (19, 0), pytest.param(1, 0, marks=pytest.mark.slow), pytest.param(19, 1, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize(("height", "width", "pad"), [(9, 6, 1), (5, 12, 2), (7, 7, 0)])
@pytest.mark.parametrize("size", TILE_SIZES, ids=str)
def test_tiles_times_filters_are_a_convolution(compiled, plain, size, height, width, pad, channels, rectify):
    maps, weight, bias = normal(2, channels, height, width), normal(2, channels, size.r, size.r), normal(2)
    out_size = [side + 2 * pad - size.r + 1 for side in (height, width)]
    grid = size.grid(*out_size)
    t, n_tiles, around = size.t, 2 * size.tiles(*out_size), np.pad(maps, ((0, 0), (2, 1), (0, 0), (0, 0)))
    tiles = same(
        compiled("winograd_input").transform_input, plain("winograd_input").transform_input,
        channels_last(around), (2, channels), pad, (t, size.m), grid,
        shape=(t * t * (n_tiles + 1), channels + 1),
    ).reshape(t * t, n_tiles + 1, channels + 1)  # fmt: skip
    assert (tiles[:, -1] == 7).all() and (tiles[..., -1] == 7).all()
    products = np.full((n_tiles, t * t + 1, 2), np.nan, np.float32)
    products[:, :-1] = np.einsum("prc,pck->rpk", tiles[:, :-1, :-1], size.transform_filters(weight))
    out = same(
        compiled("winograd_output").transform_output, plain("winograd_output").transform_output,
        products.reshape(2, *grid, t * t + 1, 2), (t, size.m), bias, rectify, 3, shape=(2, *out_size, 6),
    )  # fmt: skip
    assert (out[..., :3] == 7).all() and (out[..., 5:] == 7).all()
    out = out[..., 3:5]
    for image, values in zip(maps, out, strict=True):
        expected = float64_layers.convolution(image, weight, bias, 1, pad, 1)
        expected = np.maximum(expected, 0) if rectify else expected
        np.testing.assert_allclose(values.transpose(2, 0, 1), expected, rtol=0, atol=5e-5 * np.abs(expected).max())


@pytest.mark.parametrize("size", TILE_SIZES, ids=str)
def test_the_kernels_have_the_matrices(compiled, size):
    """One value at a time: small whole numbers and powers of two, so that nothing is rounded."""
    t, m = size.t, size.m
    no_bias = np.zeros(1, np.float32)
    tile, pixels = np.empty((t * t, 1), np.float32), np.empty((1, m, m, 1), np.float32)
    for y, x in np.ndindex(t, t):
        image = np.zeros((1, t, t, 1), np.float32)
        image[0, y, x] = 1
        compiled("winograd_input").transform_input(image, (0, 1), 0, (t, m), (1, 1), tile)
        expected = np.outer(size.input_transform[:, y], size.input_transform[:, x])
        np.testing.assert_array_equal(tile.reshape(t, t), expected)
        products = image.reshape(1, 1, 1, t * t, 1)
        compiled("winograd_output").transform_output(products, (t, m), no_bias, 0, 0, pixels)
        expected = np.outer(size.output_transform[:, y], size.output_transform[:, x])
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


def pooled(maps, window):
    """Pool maps (n, height, width, channels) in float64."""
    kernel, stride, pad, rounding = window
    images = [float64_layers.max_pool(image.transpose(2, 0, 1), kernel, stride, pad, rounding) for image in maps]
    return np.array(images).transpose(0, 2, 3, 1)


def check_pooled(out, maps, window, first, tolerance):
    """Channels before first and after those of the maps are left alone."""
    expected, last = pooled(maps, window), first + maps.shape[3]
    np.testing.assert_allclose(out[..., first:last], expected, rtol=0, atol=tolerance * np.abs(expected).max())
    assert (out[..., :first] == 7).all() and (out[..., last:] == 7).all()


@pytest.mark.parametrize("rectify", [0, 1])
@pytest.mark.parametrize(("first", "channels"), [(0, 5), (3, 9)])
@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_add_bias_and_pool(compiled, plain, window, first, channels, rectify):
    products, bias = normal(2, 9 * 6 + 2, 5), normal(5)
    maps = (products[:, : 9 * 6].astype(np.float64) + bias).reshape(2, 9, 6, 5)
    maps = np.maximum(maps, 0) if rectify else maps
    out = same(
        compiled("bias").add_bias_and_pool, plain("bias").add_bias_and_pool,
        products, bias, rectify, first, 9, np.full((1, window[0], 6, 5), np.nan, np.float32), window[:3],
        shape=(*pooled(maps, window).shape[:3], channels),
    )  # fmt: skip
    check_pooled(out, maps, window, first, 1e-6)


@pytest.mark.parametrize(("first", "channels"), [(0, 5), (3, 9)])
@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("size", TILE_SIZES, ids=str)
def test_transform_and_pool(compiled, plain, size, window, first, channels):
    t, m, bias = size.t, size.m, normal(5)
    down, across = size.grid(9, 6)
    products = normal(2, down, across, t * t + 1, 5)
    points = products[..., :-1, :].reshape(2, down, across, t, t, 5).astype(np.float64)
    transform = size.output_transform
    maps = np.einsum("yk,xl,ndaklc->ndyaxc", transform, transform, points).reshape(2, down * m, across * m, 5)
    maps = np.maximum(maps[:, :9, :6] + bias, 0)
    out = same(
        compiled("winograd_output").transform_and_pool, plain("winograd_output").transform_and_pool,
        products, (t, m), bias, 1, first, 9, np.full((1, m + window[0] - 1, 6, 5), np.nan, np.float32), window[:3],
        shape=(*pooled(maps, window).shape[:3], channels),
    )  # fmt: skip
    check_pooled(out, maps, window, first, 1e-5)


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
    products, pixels = np.zeros((1, 1, 1, 36, 3), np.float32), np.empty((1, 4, 4, 3), np.float32)
    compiled("winograd_output").transform_output(products, (6, 4), values.reshape(-1), 1, 0, pixels)
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


def rows_and_room(left, n_columns):
    """Left matrices (pairs, n, depth) as the kernels read them, and where they write their products."""
    pairs, n, depth = left.shape
    rows = np.full((-(-depth // 256), pairs, -(-n // 12) * 12, 272), np.nan, np.float32)
    for i in range(pairs):
        fill_rows(rows[:, i : i + 1], left[i])
    return rows.reshape(-1, rows[0, 0].size), (n * pairs * n_columns + 192,)


SHAPES = [
    (1, 1, 1, 1),
    (2, 12, 5, 16),
    (2, 13, 3, 20),
    (1, 29, 2, 33),
    (1, 5, 300, 7),
    (1, 17, 513, 16),
    (3, 4, 256, 150),
]


@pytest.mark.parametrize("rows_at_once", [6, 12])
@pytest.mark.parametrize(("pairs", "n", "depth", "width"), SHAPES)
def test_multiply(compiled, plain, pairs, n, depth, width, rows_at_once):
    left, right = normal(pairs, n, depth), normal(pairs, depth, width)
    rows, shape = rows_and_room(left, width)
    out = same(
        compiled("product").multiply, plain("product").multiply,
        rows, pack_columns(right), 0, n, width, rows_at_once, shape=shape, scale=np.sqrt(depth),
    )[:-192]  # fmt: skip
    expected = np.matmul(left.astype(np.float64), right).transpose(1, 0, 2)
    np.testing.assert_allclose(out.reshape(n, pairs, width), expected, rtol=1e-5, atol=1e-6 * depth)


def multiply(product, left, right, rows_at_once=12):
    rows, shape = rows_and_room(left[np.newaxis], right.shape[1])
    out = np.empty(shape, np.float32)
    product.multiply(rows, pack_columns(right[np.newaxis]), 0, len(left), right.shape[1], rows_at_once, out)
    return out[:-192].reshape(len(left), -1)


@pytest.mark.parametrize("rows_at_once", [6, 12])
def test_each_value_is_one_sum_in_one_order(compiled, rows_at_once):
    """Whatever the number of rows and the row's place: they differ by the number of rows at a time."""
    product = compiled("product")
    left, right = normal(40, 600), normal(600, 45)
    expected = multiply(product, left, right)
    for n in range(1, 40):
        values = multiply(product, left[-n:], right, rows_at_once)
        np.testing.assert_array_equal(values, expected[-n:], err_msg=str(n))
    for n in range(1, 45, 3):
        values = multiply(product, left[:3], right[:, -n:], rows_at_once)
        np.testing.assert_array_equal(values, expected[:3, -n:])


@pytest.mark.parametrize("n", [1, 5])
def test_columns_of_other_panels_are_left_out(compiled, n):
    left, right = normal(1, n, 300), normal(1, 300, 150)
    rows, shape = rows_and_room(left, 70)
    out = np.empty(shape, np.float32)
    compiled("product").multiply(rows, pack_columns(right), 4, n, 70, 12, out)
    expected = multiply(compiled("product"), left[0], right[0])[:, 64:134]
    np.testing.assert_array_equal(out[:-192].reshape(n, -1), expected)


def test_the_sums_of_blocks_are_added(compiled):
    """1 is lost beside 1e8, but not where it is in the next block, after 1e8 is gone."""
    for place, expected in (1, 0), (255, 0), (256, 1):
        left = np.zeros((1, 300), np.float32)
        left[0, [0, place, 256 if place < 256 else 255]] = 1e8, 1, -1e8
        assert multiply(compiled("product"), left, np.ones((300, 1), np.float32)) == expected, place


@pytest.mark.skipif("avx2" not in _kernels.supported(), reason="needs a processor with AVX2")
def test_instruction_sets_with_fused_multiply_adds_agree():
    """One sum of products that are not rounded, in one order."""
    left, right = normal(29, 600), normal(600, 45)
    modules = [
        importlib.import_module(f"skdecaf._kernels.{name}.product")
        for name in _kernels.supported() if name != "baseline"
    ]  # fmt: skip
    products = [multiply(module, left, right, rows_at_once) for module in modules for rows_at_once in (6, 12)]
    for values in products[1:]:
        np.testing.assert_array_equal(values, products[0])
    block, total = np.zeros(45), 0
    for k, (value, row) in enumerate(zip(left[0].astype(np.float64), right.astype(np.float64), strict=True)):
        block = (block + value * row).astype(np.float32).astype(np.float64)
        if k % 256 == 255 or k == 599:
            total, block = (total + block).astype(np.float32).astype(np.float64), np.zeros(45)
    # Products of two float32 are exact in float64, but their sums are then rounded twice, which rarely matters.
    assert (products[0][0] == total).mean() > 0.9


def compact_weights(depth, width, span):
    """Whole numbers and factors in panels, and the matrix that they make, which is exact in float32."""
    weights = GENERATOR.integers(-32767, 32768, (depth, width)).astype(np.int16)
    factors = GENERATOR.integers(1, 256, (-(-depth // span), width)).astype(np.uint8)
    matrix = weights * np.repeat(factors, span, axis=0)[:depth].astype(np.float32)
    panels = [pack_columns(each[np.newaxis])[0].astype(each.dtype) for each in (weights, factors)]
    return *panels, matrix


@pytest.mark.parametrize(
    ("n", "depth", "rows_at_once"), [(1, 30, 12), (1, 263, 6), (14, 30, 12), (17, 30, 6), (3, 600, 6)]
)
@pytest.mark.parametrize("span", [4, 9, 36])
@pytest.mark.parametrize("width", [1, 40])
def test_multiply_compact(compiled, plain, width, span, n, depth, rows_at_once):
    left, (weights, factors, matrix) = normal(n, depth), compact_weights(depth, width, span)
    rows, shape = rows_and_room(left[np.newaxis], width)
    out = same(
        compiled("compact_product").multiply_compact, plain("compact_product").multiply_compact,
        rows, weights, factors, span, n, width, rows_at_once, shape=shape, scale=(np.abs(left) @ np.abs(matrix)).max(),
    )[:-192]  # fmt: skip
    expected = multiply(compiled("product"), left, matrix)
    np.testing.assert_array_equal(out.reshape(n, width), expected)
    if n == 1:
        row = same(
            compiled("compact_product").multiply_row, plain("compact_product").multiply_row,
            rows, weights, factors, span, width, shape=(width,), scale=(np.abs(left) @ np.abs(matrix)).max(),
        )  # fmt: skip
        np.testing.assert_array_equal(row, expected[0])


@pytest.mark.parametrize("spread", [1, 1000])
def test_softmax(compiled, plain, spread):
    scores = normal(3, 11) * spread
    out = same(compiled("softmax").softmax, plain("softmax").softmax, scores, shape=scores.shape)
    np.testing.assert_allclose(out, [float64_layers.softmax(row) for row in scores], rtol=1e-6, atol=1e-30)


def test_threads_may_share_arrays(compiled):
    """Each call counts its references to its arguments by itself."""
    (rows, shape), panels = rows_and_room(normal(1, 3, 64), 32), pack_columns(normal(1, 64, 32))
    multiply = compiled("product").multiply
    expected, outs = np.empty(shape, np.float32), np.empty((4, *shape), np.float32)
    multiply(rows, panels, 0, 3, 32, 12, expected)
    before = sys.getrefcount(rows), sys.getrefcount(panels)

    def repeat(out):
        for _ in range(2000):
            multiply(rows, panels, 0, 3, 32, 12, out)

    threads = [threading.Thread(target=repeat, args=(out,)) for out in outs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sys.getrefcount(rows), sys.getrefcount(panels)) == before
    np.testing.assert_array_equal(outs[:, :-192], np.broadcast_to(expected[:-192], (4, len(expected) - 192)))
