"""Resizing and windows against Pillow, and against the crops that the embedded network's reference was made from."""

# SPDX-License-Identifier: BSD-3-Clause
import os
from pathlib import Path

import numpy as np
import PIL
import pytest
from PIL import Image

from skdecaf.images import cut_crops, decode, fit_image, resize_image, to_rgb

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 256, (40, 60, 3), np.uint8)
REFERENCE = Path(__file__).parents[1] / "data" / "decaf-mini-reference.npz"
DATA = os.environ.get("SKDECAF_TEST_DATA")
OPTIONS = {"policy": "warp", "resample": "bilinear", "crops": "center"}


def views(pixels, *, resize, crop, policy, resample, crops):
    """Both steps, one after the other."""
    return cut_crops(fit_image(pixels, resize, policy, resample), crop, crops)


@pytest.mark.parametrize("resample", FILTERS)
@pytest.mark.parametrize("size", [(72, 72), (17, 90), (1, 1), (40, 30)])
@pytest.mark.parametrize("shape", [(40, 60), (1, 60), (40, 1), (1, 1)])
def test_resize_is_pillows(shape, size, resample):
    pixels = PHOTO[: shape[0], : shape[1]]
    resized = resize_image(pixels, size, resample)
    assert resized.dtype == np.uint8
    expected = Image.fromarray(np.ascontiguousarray(pixels)).resize(size[::-1], FILTERS[resample])
    np.testing.assert_array_equal(resized, expected)


@pytest.mark.parametrize("resample", FILTERS)
@pytest.mark.parametrize("size", [(72, 72), (17, 90), (40, 30)])
def test_resize_of_floats_is_not_rounded(size, resample):
    # Bicubic overshoots, which bytes cannot show: so the pixels stay away from the ends.
    pixels = PHOTO // 4 + 90
    resized = resize_image(pixels.astype(np.float32), size, resample)
    assert resized.dtype == np.float32
    # Pillow rounds bytes between its two passes too.
    np.testing.assert_allclose(resized, resize_image(pixels, size, resample).astype(float), atol=1.3)
    scaled = resize_image(pixels.astype(np.float32) / 1000, size, resample)
    np.testing.assert_allclose(scaled * 1000, resized, rtol=1e-5)


def test_resize_to_the_same_size_copies_nothing():
    assert resize_image(PHOTO, (40, 60), "bicubic") is PHOTO


def test_bilinear_halving_by_formula():
    # Antialiased: the triangle is as wide as four pixels, (1, 3, 3, 1) / 8.
    row = RNG.random(12).astype(np.float32)
    image = np.broadcast_to(row[:, np.newaxis], (2, 12, 3)) * np.float32(255)
    halved = resize_image(np.ascontiguousarray(image), (2, 6), "bilinear")[0, :, 0]
    expected = [np.dot([1, 3, 3, 1], 255 * row[2 * i - 1 : 2 * i + 3].astype(float)) / 8 for i in range(1, 5)]
    np.testing.assert_allclose(halved[1:5], expected, rtol=1e-5)


@pytest.mark.parametrize(("resize", "crop", "start"), [(256, 227, 14), (256, 224, 16), (72, 64, 4)])
def test_where_the_centre_starts(resize, crop, start):
    image = np.indices((resize, resize, 3))[[0, 1]].sum(axis=0).astype(np.float32)
    (window,) = views(image, resize=(resize, resize), crop=(crop, crop), **OPTIONS)
    np.testing.assert_array_equal(window, image[start : start + crop, start : start + crop])


def test_the_ten_crops():
    image = RNG.random((20, 31, 3)).astype(np.float32)
    windows = views(image, resize=(20, 31), crop=(15, 22), **OPTIONS | {"crops": "ten"})
    starts = [(0, 0), (0, 9), (5, 0), (5, 9), (2, 4)]
    expected = [image[top : top + 15, left : left + 22] for top, left in starts]
    expected += [window[:, ::-1] for window in expected]
    np.testing.assert_array_equal(windows, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("crops", ["center", "ten"])
@pytest.mark.parametrize("policy", ["warp", "crop"])
@pytest.mark.parametrize("shape", [(40, 60), (60, 40), (1, 1), (1, 300), (7, 1)])
def test_shapes_and_types(shape, policy, crops, dtype):
    image = np.full((*shape, 3), 77, dtype)
    windows = views(image, resize=(30, 24), crop=(27, 21), policy=policy, resample="bicubic", crops=crops)
    assert windows.shape == (10 if crops == "ten" else 1, 27, 21, 3)
    assert windows.dtype == dtype
    np.testing.assert_allclose(windows, 77, rtol=1e-5)


@pytest.mark.parametrize("resample", FILTERS)
@pytest.mark.parametrize(
    ("shape", "scaled", "start"),
    [
        ((40, 60), (24, 36), (0, 6)),
        ((60, 41), (35, 24), (5, 0)),
        ((24, 24), (24, 24), (0, 0)),
        ((9, 10), (24, 27), (0, 1)),
    ],
)
def test_crop_scales_the_shorter_side_and_cuts_the_centre(shape, scaled, start, resample):
    image = RNG.integers(0, 256, (*shape, 3), np.uint8)
    (window,) = views(image, resize=(24, 24), crop=(24, 24), policy="crop", resample=resample, crops="center")
    expected = np.asarray(Image.fromarray(image).resize(scaled[::-1], FILTERS[resample]))
    np.testing.assert_array_equal(window, expected[start[0] : start[0] + 24, start[1] : start[1] + 24])


@pytest.mark.parametrize("shape", [(2, 1001), (3, 1000)])
@pytest.mark.parametrize("turned", [False, True])
def test_crop_of_extremely_long_images(shape, turned):
    # Bright in the middle, falling off to both sides; compared with scaling all of it.
    row = 255 - np.abs(np.linspace(-255, 255, shape[1]) * 60).clip(0, 255)
    image = np.ascontiguousarray(np.broadcast_to(row[:, np.newaxis].astype(np.float32), (*shape, 3)))
    scaled = resize_image(image, (32, int(shape[1] * 32 / shape[0] + 0.5)), "bilinear")
    left = (scaled.shape[1] - 32) // 2
    image = image.swapaxes(0, 1) if turned else image
    (window,) = views(image, resize=(32, 32), crop=(32, 32), **OPTIONS | {"policy": "crop"})
    window = window.swapaxes(0, 1) if turned else window
    # Half a pixel of the result, a little more for the rounded size; a pixel is a step of 255 * 60 / 500 / 32 * 3.
    np.testing.assert_allclose(window, scaled[:, left : left + 32], atol=0.52 * 255 * 60 / 500 / 32 * 3)


def test_crop_of_a_line_needs_little_memory():
    # Scaled as a whole this would have 256 x 256 million pixels.
    line = np.broadcast_to(np.uint8(9), (1, 1_000_000, 3))
    window = views(line, resize=(256, 256), crop=(227, 227), **OPTIONS | {"policy": "crop"})
    assert window.shape == (1, 227, 227, 3)
    assert (window == 9).all()


@pytest.mark.parametrize("name", ["policy", "resample", "crops"])
def test_wrong_names_list_the_right_ones(name):
    with pytest.raises(ValueError, match=f"{name} must be one of '.*', not 'best'"):
        views(PHOTO, resize=(8, 8), crop=(8, 8), **OPTIONS | {name: "best"})


@pytest.mark.skipif(DATA is None, reason="SKDECAF_TEST_DATA is not set")
def test_the_embedded_networks_reference_crops():
    with np.load(REFERENCE) as reference:
        files, expected = reference["files"], reference["crops"].astype(int)
    options = {"policy": "warp", "resample": "bicubic", "crops": "center"}
    for name, crop in zip(files, expected, strict=True):
        (window,) = views(to_rgb(decode(Path(DATA, name))), resize=(72, 72), crop=(64, 64), **options)
        assert window.dtype == np.uint8
        # The crops were made with Pillow 13; other versions bring other JPEG decoders.
        np.testing.assert_allclose(window, crop, atol=0 if PIL.__version__.startswith("13.") else 8)
