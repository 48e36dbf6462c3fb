"""HEIF and AVIF photos, which not every installation reads."""

# SPDX-License-Identifier: BSD-3-Clause
import io

import numpy as np
import pytest
from PIL import Image

from skdecaf._utils import photo_folders
from skdecaf.images import ImageError, check_source, decode
from skdecaf.images import _formats as formats
from skdecaf.images._decoding import decode_reduced, decoder_version

SMOOTH = np.linspace(0, 250, 32 * 48 * 3).reshape(32, 48, 3).astype(np.uint8)
HEAD = b"\x00\x00\x00\x1cftypheic\x00\x00\x00\x00mif1heicmiaf"


def encode_avif(image, **options):
    file = io.BytesIO()
    image.save(file, "AVIF", quality=95, **options)
    return file.getvalue()


def encode_heif(image, **options):
    file, heif = io.BytesIO(), pytest.importorskip("pillow_heif").from_pillow(image)
    for name, value in options.items():
        heif.info[name] = value
    heif.save(file, quality=95)
    return file.getvalue()


@pytest.fixture(params=["AVIF", "HEIF"])
def encode(request):
    if request.param == "AVIF" and "AVIF" not in formats._READERS:
        pytest.skip("this Pillow does not read AVIF")
    return encode_avif if request.param == "AVIF" else encode_heif


def read(source):
    """Decode, and check that the dtype was told beforehand."""
    pixels = decode(source)
    assert check_source(source) == pixels.dtype == np.uint8
    return pixels.astype(int)


def test_colours_come_close(encode, tmp_path):
    contents = encode(Image.fromarray(SMOOTH))
    assert np.abs(read(contents) - SMOOTH).mean() < 3
    (tmp_path / "photo.jpg").write_bytes(contents)  # the content tells the format, not the name
    np.testing.assert_array_equal(read(tmp_path / "photo.jpg"), read(contents))
    grey = read(encode(Image.fromarray(SMOOTH[:, :, 0])))
    assert np.abs((grey if grey.ndim == 2 else grey[:, :, 0]) - SMOOTH[:, :, 0]).mean() < 3


def test_alpha_is_composited_on_white(encode):
    alpha = np.full((32, 48, 1), 128, np.uint8)
    pixels = read(encode(Image.fromarray(np.dstack([SMOOTH, alpha]))))
    assert np.abs(pixels - (SMOOTH * (128 / 255) + 127)).mean() < 4


def test_photos_are_turned_upright(encode):
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = np.rot90(SMOOTH, -1)
    pixels = read(encode(Image.fromarray(SMOOTH), exif=exif.tobytes()))
    assert pixels.shape == upright.shape and np.abs(pixels - upright).mean() < 3


def test_nothing_is_reduced(encode):
    pixels, box = decode_reduced(encode(Image.fromarray(SMOOTH).resize((480, 320))), 40)
    assert pixels.shape == (320, 480, 3) and box is None


def test_an_embedded_thumbnail_is_not_taken_for_the_photo():
    pillow_heif = pytest.importorskip("pillow_heif")
    heif, file = pillow_heif.from_pillow(Image.fromarray(SMOOTH).resize((480, 320))), io.BytesIO()
    heif.info["thumbnails"] = [64]
    heif.save(file)
    assert decode_reduced(file.getvalue(), 32)[0].shape == (320, 480, 3)


def test_a_damaged_photo_is_named(encode, tmp_path):
    contents = encode(Image.fromarray(SMOOTH))
    path = tmp_path / "photo.heic"
    for n_bytes in (60, len(contents) // 2, len(contents) - 10):
        path.write_bytes(contents[:n_bytes])
        with pytest.raises(ImageError, match=r"photo.heic' cannot be read \(.+\); repair it"):
            decode(path)


@pytest.mark.parametrize(
    ("format", "brand", "advice"), [("HEIF", b"heic", r'"skdecaf\[heif\]"'), ("AVIF", b"avif", '"pillow>=11.3"')]
)
def test_what_is_missing_is_said(format, brand, advice, monkeypatch):
    monkeypatch.delitem(formats._READERS, format, raising=False)
    with pytest.raises(ImageError, match=f"is a photo in the format {format}; run pip install {advice} to read it"):
        check_source(HEAD.replace(b"heic", brand))


def test_videos_are_in_none_of_the_formats():
    with pytest.raises(ImageError, match="in none of the formats"):
        check_source(b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp41")


def test_listings_take_what_can_be_read():
    assert (".heic" in photo_folders.SUFFIXES) == ("HEIF" in formats._READERS)
    assert (".avif" in photo_folders.SUFFIXES) == ("AVIF" in formats._READERS)
    assert ("pillow-heif" in decoder_version()) == ("HEIF" in formats._READERS)
    assert photo_folders.describe_ignored({".HEIC": 2}) == '2 .HEIC; to read HEIC, run pip install "skdecaf[heif]"'
