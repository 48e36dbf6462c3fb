"""Large JPEG files decoded at a reduced size: nearly the same features, for a fraction of the time."""

# SPDX-License-Identifier: BSD-3-Clause
import io

import numpy as np
import pytest
from PIL import Image
from tiny_networks import tiny_network

from skdecaf import DeCAFTransformer, FeatureCache, ImageNetClassifier
from skdecaf.images import Crop, decode, fit_image
from skdecaf.images._decoding import decode_reduced

NETWORK = tiny_network()  # resizes to 18 x 20: JPEG files are reduced where 60 pixels or more remain


def smooth_photo(height, width, mode="RGB"):
    """Soft blots of colour, different in each corner, without detail that JPEG would change."""
    blots = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return Image.fromarray(blots).resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def jpeg(image, orientation=1, **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95, exif=exif, **options)
    return file.getvalue()


def features(X, fast, **parameters):
    return DeCAFTransformer(6, False, weights=NETWORK, fast_decode=fast, **parameters).fit_transform(X)


def cosines(found, expected):
    return np.sum(found * expected, axis=1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)


@pytest.mark.parametrize("policy", ["warp", "crop"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("size", "reduction"), [((489, 655), 8), ((247, 383), 4), ((488, 640), 8)])
def test_a_reduced_photo_lies_where_the_whole_one_does(size, reduction, orientation, policy):
    """To a fiftieth of a pixel of the result; without the box, it is off by up to three quarters of one."""
    contents = jpeg(smooth_photo(*size), orientation)
    pixels, box = decode_reduced(contents, 60)
    turned = size[::-1] if orientation >= 5 else size
    assert pixels.shape == (*(-(-side // reduction) for side in turned), 3)
    assert box[3] - box[1] == turned[0] / reduction and box[2] - box[0] == turned[1] / reduction
    expected = fit_image(decode(contents), (18, 20), policy, "bilinear").astype(float)
    found = fit_image(pixels, (18, 20), policy, "bilinear", box)
    slope = np.abs(np.gradient(expected, axis=(0, 1))).max()
    assert np.abs(found - expected).max() <= 1 + slope / 50


@pytest.mark.parametrize(("mode", "options"), [("L", {}), ("CMYK", {}), ("RGB", {"progressive": True})])
def test_every_kind_of_jpeg_is_reduced(mode, options):
    contents = jpeg(smooth_photo(489, 655, mode), **options)
    assert decode_reduced(contents, 60)[0].shape[:2] == (62, 82)
    assert cosines(features([contents], True), features([contents], False)) >= 0.9995


def jpeg2000(image, **options):
    file = io.BytesIO()
    image.save(file, "JPEG2000", **options)
    return file.getvalue()


@pytest.mark.parametrize("size", [(488, 640), (489, 655), (241, 383), (1001, 1003)])
def test_a_reduced_jpeg_2000_lies_where_the_whole_one_does(size):
    """To a twentieth of a pixel of the result; a row and a column are added, since the box is shifted."""
    contents = jpeg2000(smooth_photo(*size))
    pixels, box = decode_reduced(contents, 60)
    factor = {488: 8, 489: 8, 241: 4, 1001: 16}[size[0]]
    assert pixels.shape == (*(-(-side // factor) + 1 for side in size), 3)
    expected = fit_image(decode(contents), (18, 20), "warp", "bilinear").astype(float)
    found = fit_image(pixels, (18, 20), "warp", "bilinear", box)
    slope = np.abs(np.gradient(expected, axis=(0, 1))).max()
    assert np.abs(found - expected).max() <= 1 + slope / 20
    assert cosines(features([contents], True), features([contents], False)) >= 0.9995


@pytest.mark.parametrize(
    ("mode", "options", "reduced"),
    [
        ("L", {}, 8), ("RGBA", {}, 8), ("LA", {}, 8), ("I;16", {}, 8), ("RGB", {"tile_size": (300, 300)}, 8),
        ("RGB", {"irreversible": True, "no_jp2": True}, 8), ("RGB", {"num_resolutions": 3}, 4),
        ("RGB", {"num_resolutions": 1}, 1),
    ],
)  # fmt: skip
def test_a_jpeg_2000_is_halved_as_often_as_when_it_was_written(mode, options, reduced):
    photo = smooth_photo(489, 655, "L" if mode == "I;16" else mode)
    if mode == "I;16":
        photo = Image.fromarray(np.asarray(photo).astype(np.uint16) * 257)
    contents, reserved = jpeg2000(photo, **options), []
    pixels, box = decode_reduced(contents, 60, reserved.append)
    full = decode(contents)
    height, width = (-(-side // reduced) for side in (489, 655))
    added = int(reduced > 1)
    assert pixels.shape[:2] == (height + added, width + added) and pixels.dtype == full.dtype
    assert reserved[-1] == 3 * height * width and (box is None) == (reduced == 1)
    assert cosines(features([contents], True), features([contents], False)) >= 0.9995


def test_colour_numbers_are_not_halved():
    """A JPEG 2000 with a palette, which Pillow reads and does not write."""
    grey = jpeg2000(Image.fromarray(np.arange(250_000, dtype=np.uint32).reshape(500, 500).astype(np.uint8)))
    entries = np.random.default_rng(0).integers(0, 256, (256, 3), dtype=np.uint8).tobytes()
    palette = b"pclr" + (256).to_bytes(2) + bytes([3, 7, 7, 7]) + entries
    mapping = b"cmap" + b"".join(bytes([0, 0, 1, i]) for i in range(3))
    boxes = b"".join((len(box) + 4).to_bytes(4) + box for box in (palette, mapping))
    place = grey.index(b"jp2h") - 4
    length = int.from_bytes(grey[place : place + 4])
    header = grey[place + 4 : place + length].replace((17).to_bytes(4), (16).to_bytes(4))  # sRGB
    contents = grey[:place] + (length + len(boxes)).to_bytes(4) + header
    contents += boxes + grey[place + length :]
    with Image.open(io.BytesIO(contents)) as image:
        assert image.mode == "P"
    np.testing.assert_array_equal(decode_reduced(contents, 60)[0], decode(contents))


def test_a_truncated_jpeg_2000_is_named():
    contents = jpeg2000(Image.fromarray(np.random.default_rng(0).integers(0, 256, (500, 500, 3), dtype=np.uint8)))
    with pytest.raises(ValueError, match=r"image 1: the file content cannot be read"):
        features([contents, contents[:3000]], True)


def test_an_extremely_long_photo_is_reduced():
    contents = jpeg(smooth_photo(500, 20_003))
    fit = {"size": (18, 20), "policy": "crop", "resample": "bilinear"}
    pixels, box = decode_reduced(contents, 60)
    found, expected = fit_image(pixels, box=box, **fit), fit_image(decode(contents), **fit)
    np.testing.assert_allclose(found.astype(float), expected.astype(float), atol=2)


@pytest.mark.parametrize("resize", ["warp", "crop"])
@pytest.mark.parametrize(("size", "reduced"), [((119, 800), False), ((800, 119), False), ((120, 121), True)])
def test_three_times_the_size_remains_on_the_shorter_side(size, reduced, resize):
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    contents = jpeg(Image.fromarray(noise))
    found, expected = (features([contents], fast, resize=resize) for fast in (True, False))
    assert np.array_equal(found, expected) != reduced


def test_what_is_no_jpeg_file_keeps_its_size(tmp_path):
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (500, 500, 3), dtype=np.uint8))
    photo.save(tmp_path / "photo.jpg")
    photo.save(tmp_path / "photo.png")
    X = [
        tmp_path / "photo.png",
        np.asarray(photo),
        Image.open(tmp_path / "photo.jpg"),
        Crop(tmp_path / "photo.jpg", (100, 100, 501, 501)),
    ]
    np.testing.assert_array_equal(features(X, True), features(X, False))


def test_the_cache_tells_them_apart(tmp_path):
    cache = FeatureCache(tmp_path)
    X = [jpeg(smooth_photo(500, 500)), jpeg(smooth_photo(100, 100))]
    for fast in (True, False, True):
        np.testing.assert_array_equal(features(X, fast, memory=cache), features(X, fast))


def test_a_damaged_jpeg_is_named():
    contents = jpeg(smooth_photo(500, 500))
    with pytest.raises(ValueError, match=r"image 1: the file content cannot be read"):
        features([contents, contents[: len(contents) // 2]], True)


def test_image_net_classifier_has_the_option_too():
    X = [jpeg(smooth_photo(1003, 1501))]
    fast, full = (ImageNetClassifier(fast_decode=fast).predict_proba(X) for fast in (True, False))
    assert not np.array_equal(fast, full)
    assert cosines(fast, full) >= 0.999


@pytest.mark.slow
@pytest.mark.parametrize("resize", ["warp", "crop"])
def test_features_of_photos_hardly_differ(resize, photos):
    """As they are, and enlarged to what cameras give, which reduces them by each factor."""
    paths = sorted((photos / "imagenet_samples").rglob("*.*"))
    large = []
    for i, path in enumerate(paths[:24]):
        with Image.open(path) as image:
            scale = (1000, 1800, 3000)[i % 3] / min(image.size)
            size = [round(side * scale) for side in image.size]
            large.append(jpeg(image.convert("RGB").resize(size, Image.Resampling.BICUBIC), orientation=i % 8 + 1))
    X = [*map(str, paths), *large]
    for layer in (5, 6, 7):
        step = DeCAFTransformer(layer, False, resize=resize)
        fast, full = step.fit_transform(X), step.set_params(fast_decode=False).fit_transform(X)
        assert np.any(fast != full, axis=1).sum() >= len(large)
        assert cosines(fast, full).min() >= 0.999
