"""Every mode and format against formulas, and files that are damaged or hostile."""

# SPDX-License-Identifier: BSD-3-Clause
import colorsys
import io
import os
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import PIL
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, TiffImagePlugin

from skdecaf.images import ImageError, check_source, decode

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (20, 30, 3), np.uint8)
GREY = RGB[:, :, 0]
RGBA = np.dstack([RGB, RNG.integers(0, 256, (20, 30), np.uint8)])
DATA = os.environ.get("SKDECAF_TEST_DATA")
LOSSLESS = {"BMP": {}, "PNG": {}, "PPM": {}, "TIFF": {}, "WEBP": {"lossless": True}, "JPEG2000": {}}
FORMATS = [*LOSSLESS, "GIF", "JPEG"]


def encode(image, format, **options):
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def png(header, rows, *chunks):
    """A PNG from the fields of its header, its packed rows and further chunks."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", *header, 0, 0, 0)), *chunks]
    chunks += [(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))), (b"IEND", b"")]
    pack = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(pack)


def on_white(rgba):
    alpha = rgba[..., 3:] / 255
    return rgba[..., :3] * alpha + 255 * (1 - alpha)


def read(source):
    """Decode, and check that the dtype was told beforehand."""
    pixels = decode(source)
    assert check_source(source) == pixels.dtype
    assert pixels.dtype.isnative
    return pixels


# Formats and modes


@pytest.mark.parametrize("format", LOSSLESS)
def test_lossless_formats_keep_every_pixel(format):
    np.testing.assert_array_equal(read(encode(RGB, format, **LOSSLESS[format])), RGB)
    if format != "WEBP":
        np.testing.assert_array_equal(read(encode(GREY, format, **LOSSLESS[format])), GREY)


@pytest.mark.parametrize("format", ["JPEG", "MPO", "WEBP"])
def test_lossy_formats_come_close(format):
    smooth = np.linspace(0, 250, 32 * 48 * 3).reshape(32, 48, 3).astype(np.uint8)
    second = {"save_all": True, "append_images": [Image.new("RGB", (48, 32))]} if format == "MPO" else {}
    pixels = read(encode(smooth, format, quality=95, **second))
    assert np.abs(pixels.astype(int) - smooth).mean() < 3


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "PPM"])
def test_one_bit_images_are_black_and_white(format):
    bits = GREY > 127
    np.testing.assert_array_equal(read(encode(bits, format)), np.where(bits, 255, 0))


@pytest.mark.parametrize("format", ["PNG", "GIF", "BMP", "TIFF"])
def test_palettes_become_colours(format):
    image = Image.fromarray(GREY % 4)
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 255, 0, 128])
    palette = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90], [255, 0, 128]])
    np.testing.assert_array_equal(read(encode(image, format)), palette[GREY % 4])
    np.testing.assert_array_equal(read(image), palette[GREY % 4])


def test_transparent_palette_entries_become_white():
    image = Image.fromarray(GREY % 3)
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    opaque, expected = np.array([[10, 20, 30, 255], [40, 50, 60, 255], [70, 80, 90, 255]]), GREY % 3
    opaque[1, 3] = 0
    np.testing.assert_array_equal(read(encode(image, "PNG", transparency=1)), on_white(opaque)[expected])
    np.testing.assert_array_equal(read(encode(image, "GIF", transparency=1)), on_white(opaque)[expected])
    opaque[:, 3] = 0, 100, 200
    pixels = read(encode(image, "PNG", transparency=bytes([0, 100, 200])))
    np.testing.assert_allclose(pixels, on_white(opaque)[expected], atol=0.51)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_alpha_is_composited_on_white(format):
    pixels = read(encode(RGBA, format, **LOSSLESS[format], **({"exact": True} if format == "WEBP" else {})))
    np.testing.assert_allclose(pixels, on_white(RGBA), atol=0.51)


@pytest.mark.parametrize("mode", ["LA", "PA", "La", "RGBa"])
def test_other_modes_with_alpha(mode):
    grey = np.dstack([GREY, GREY, GREY, RGBA[..., 3]])
    image = Image.fromarray(grey)
    if mode == "PA":
        image = image.convert("L").convert("P").convert("PA")
        image.putalpha(Image.fromarray(RGBA[..., 3]))
    else:
        image = (image if mode == "RGBa" else image.convert("LA")).convert(mode)
    # Premultiplied colours are rounded twice more.
    np.testing.assert_allclose(read(image), on_white(grey), atol=2 if mode in ("La", "RGBa") else 0.51)


def test_the_transparent_colour_of_a_png_becomes_white():
    image = Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8))
    assert read(encode(image, "PNG", transparency=(4, 5, 6))).tolist() == [[[1, 2, 3], [255, 255, 255]]]
    grey = Image.fromarray(np.array([[1, 4]], np.uint8))
    assert read(encode(grey, "PNG", transparency=4)).tolist() == [[[1] * 3, [255] * 3]]
    deep = png((2, 1, 16, 0), [struct.pack(">HH", 300, 4000)], (b"tRNS", struct.pack(">H", 4000)))
    assert read(deep).tolist() == [[300, 65535]]
    deep = png((1, 1, 16, 2), [struct.pack(">HHH", 1, 300, 4000)], (b"tRNS", struct.pack(">HHH", 1, 300, 4000)))
    assert read(deep).shape == (1, 1, 3)


def test_16_bit_png():
    deep = RNG.integers(0, 65536, (5, 7), np.uint16)
    pixels = read(png((7, 5, 16, 0), [row.astype(">u2").tobytes() for row in deep]))
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels, deep)
    deep = RNG.integers(0, 65536, (5, 7, 3), np.uint16)
    pixels = read(png((7, 5, 16, 2), [row.astype(">u2").tobytes() for row in deep]))
    np.testing.assert_allclose(pixels, deep / 257, atol=1)
    grey_and_alpha = np.dstack([deep[..., 0], np.full((5, 7), 65535, np.uint16)])
    pixels = read(png((7, 5, 16, 4), [row.astype(">u2").tobytes() for row in grey_and_alpha]))
    np.testing.assert_allclose(pixels[..., 1], deep[..., 0] / 257, atol=1)


def test_16_bit_grey_in_other_formats():
    deep = RNG.integers(0, 65536, (5, 7), np.uint16)
    for source in (
        b"P5 7 5 65535\n" + deep.astype(">u2").tobytes(),
        encode(deep, "TIFF"),
        encode(Image.frombytes("I;16B", (7, 5), deep.astype(">u2").tobytes()), "TIFF"),
        Image.fromarray(deep),
    ):
        pixels = read(source)
        assert pixels.dtype == np.uint16
        np.testing.assert_array_equal(pixels, deep)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_tiffs_of_wide_pixels_keep_their_type(dtype):
    wide = (RNG.standard_normal((5, 7)) * 1000).astype(dtype)
    for source in (encode(wide, "TIFF"), encode(wide, "TIFF", compression="tiff_lzw"), Image.fromarray(wide)):
        pixels = read(source)
        assert pixels.dtype == dtype
        np.testing.assert_array_equal(pixels, wide)
    wide = wide.astype(np.float32)
    wide[2, 3] = np.nan
    with pytest.raises(ImageError, match="NaN"):
        decode(encode(wide, "TIFF"))


@pytest.mark.parametrize("format", ["GIF", "TIFF", "WEBP", "PNG"])
def test_the_first_of_several_frames_is_read(format):
    frames = [Image.new("RGB", (8, 6), color) for color in ("red", "lime", "blue")]
    options = {"lossless": True} if format == "WEBP" else {}
    pixels = read(encode(frames[0], format, save_all=True, append_images=frames[1:], **options))
    np.testing.assert_array_equal(pixels, np.broadcast_to([255, 0, 0], (6, 8, 3)))


CMYK = RNG.integers(0, 256, (20, 30, 4), np.uint8)


def rgb_of_cmyk(cmyk):
    return (255 - cmyk[..., :3].astype(float)) * (255 - cmyk[..., 3:].astype(float)) / 255


def test_cmyk():
    image = Image.fromarray(CMYK, "CMYK") if Image.__version__ < "11" else Image.frombytes("CMYK", (30, 20), CMYK)
    for source in (encode(image, "TIFF"), image):
        np.testing.assert_allclose(read(source), rgb_of_cmyk(CMYK), atol=1)
    color = np.array([[[200, 30, 90, 60]]], np.uint8)
    jpeg = encode(Image.new("CMYK", (16, 16), tuple(color[0, 0].tolist())), "JPEG", quality=100)
    np.testing.assert_allclose(read(jpeg), np.broadcast_to(rgb_of_cmyk(color), (16, 16, 3)), atol=3)


def test_ycck():
    # A CMYK file holds 255 - CMYK; relabelled, these are luma, two chroma channels and 255 - K.
    luma, blue, red, k = 150, 110, 140, 55
    jpeg = encode(Image.new("CMYK", (16, 16), (255 - luma, 255 - blue, 255 - red, k)), "JPEG", quality=100)
    transform = jpeg.index(b"Adobe") + 11
    jpeg = jpeg[:transform] + b"\x02" + jpeg[transform + 1 :]
    red, blue = red - 128, blue - 128
    cmy = [luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue]
    np.testing.assert_allclose(read(jpeg)[8, 8], rgb_of_cmyk(np.array([*cmy, k])), atol=3)


def test_other_colour_spaces():
    luma, blue, red = 120.0, 100.0 - 128, 150.0 - 128
    expected = [luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue]
    np.testing.assert_allclose(read(Image.new("YCbCr", (2, 2), (120, 100, 150)))[0, 0], expected, atol=1.5)
    expected = 255 * np.array(colorsys.hsv_to_rgb(40 / 255, 200 / 255, 180 / 255))
    np.testing.assert_allclose(read(Image.new("HSV", (2, 2), (40, 200, 180)))[0, 0], expected, atol=2)
    # Neutral L* = 50.2 is a luminance of 0.186 in linear light.
    linear = ((128 / 255 * 100 + 16) / 116) ** 3
    expected = 255 * (1.055 * linear ** (1 / 2.4) - 0.055)
    neutral = encode(Image.frombytes("LAB", (2, 2), bytes([128, 0, 0]) * 4), "TIFF")
    np.testing.assert_allclose(read(neutral)[0, 0], expected, atol=3)


UPRIGHT = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation(format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = LOSSLESS.get(format, {})
    plain = decode(encode(RGB, format, **options))
    turned = encode(RGB, format, exif=exif, **options)
    for source in (turned, Image.open(io.BytesIO(turned))):
        np.testing.assert_array_equal(decode(source), UPRIGHT[orientation](plain))
    wide = encode(GREY.astype(np.float32), "TIFF", exif=exif)
    np.testing.assert_array_equal(decode(wide), UPRIGHT[orientation](GREY))


@pytest.mark.parametrize("order", ["<", ">"])
def test_damaged_exif_data_is_no_reason_to_fail_or_warn(order):
    start = b"Exif\0\0" + {"<": b"II*\0", ">": b"MM\0*"}[order]
    entry = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, 6, 0)
    found = start + struct.pack(f"{order}IH", 8, 50) + entry + b"junk"
    plain = decode(encode(RGB, "JPEG"))
    np.testing.assert_array_equal(decode(encode(RGB, "JPEG", exif=found)), np.rot90(plain, -1))
    for lost in (start, start[:9], start + struct.pack(f"{order}I", 4_000_000_000), b"Exif\0\0junk"):
        np.testing.assert_array_equal(decode(encode(RGB, "JPEG", exif=lost)), plain)


# Readable files that Pillow warns about


def tiff_with(entry):
    """A TIFF with one more tag, before all others."""
    data = encode(RGB, "TIFF")
    (start,) = struct.unpack_from("<I", data, 4)
    (n_entries,) = struct.unpack_from("<H", data, start)
    tags = data[start + 2 : start + 2 + 12 * n_entries]
    tags = b"".join(sorted([entry, *(tags[i : i + 12] for i in range(0, len(tags), 12))], key=lambda tag: tag[1::-1]))
    directory = struct.pack("<H", n_entries + 1) + tags + bytes(4)
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + directory


def animated_png(*controls):
    data = encode(RGB, "PNG")
    chunks = [(b"acTL", struct.pack(">II", n_frames, 0)) for n_frames in controls]
    pack = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks]
    return data[:33] + b"".join(pack) + data[33:]


WARNED = {
    "a tag with too many entries": tiff_with(struct.pack("<HHIHH", 274, 3, 2, 1, 1)),
    "a tag beyond the end": tiff_with(struct.pack("<HHII", 315, 2, 99, 4_000_000)),
    "a tag larger than the file": tiff_with(struct.pack("<HHII", 270, 2, 99_000_000, 8)),
    "a directory that ends too early": tiff_with(struct.pack("<HHII", 270, 2, 1, 0))[:-4],
    "an animation of no frames": animated_png(0),
    "two animations": animated_png(1, 1),
}


OLD_PILLOW = int(PIL.__version__.split(".")[0]) < 12


@pytest.mark.parametrize("kind", WARNED)
def test_warnings_of_pillow_neither_leak_nor_stop(kind, tmp_path):
    if OLD_PILLOW and kind in ("a tag with too many entries", "a tag larger than the file"):
        pytest.skip("this Pillow does not warn of such files, or refuses them")
    data = WARNED[kind]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            image.getexif()
    assert caught, "Pillow warns its own users"
    (tmp_path / "photo").write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(read(data), RGB)
        np.testing.assert_array_equal(read(tmp_path / "photo"), RGB)
        with ThreadPoolExecutor(4) as pool:
            for pixels in pool.map(decode, [data] * 40):
                np.testing.assert_array_equal(pixels, RGB)
        with pytest.raises(Warning), Image.open(io.BytesIO(data)) as image:
            image.getexif()


def test_pillow_logs_nothing_about_a_photo(caplog):
    data = tiff_with(struct.pack("<HHIHH", 277, 3, 1, 60_000, 0))  # samples per pixel, before the right number
    for source in (data, encode(RGB, "TIFF")):
        with suppress(ImageError):
            decode(source)
    assert not caplog.records
    with suppress(SyntaxError):
        TiffImagePlugin.TiffImageFile(io.BytesIO(data))
    assert OLD_PILLOW or "60000" in caplog.text, "Pillow tells its own users"


# What formats' specifications say


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("mode", ["L", "P"])
def test_the_canvas_outside_the_first_frame_of_a_gif_is_white(mode, transparent):
    image = Image.fromarray(GREY // 16 + 1)  # black is not in it, but is the first colour of the palette
    if mode == "P":
        image = image.convert("RGB").quantize(16)
    data = bytearray(encode(image, "GIF", **({"transparency": 0} if transparent else {})))
    frame = decode(bytes(data))
    height, width = frame.shape[:2]
    struct.pack_into("<HH", data, 6, width + 9, height + 7)
    place = data.index(b"," + struct.pack("<HHHH", 0, 0, width, height))
    struct.pack_into("<HH", data, place + 1, 5, 3)
    for source in (bytes(data), Image.open(io.BytesIO(data))):
        pixels = read(source)
        assert pixels.shape[:2] == (height + 7, width + 9)
        np.testing.assert_array_equal(pixels[3 : 3 + height, 5 : 5 + width], frame)
        pixels = pixels.copy()
        pixels[3 : 3 + height, 5 : 5 + width] = 255
        assert (pixels == 255).all()


# Damaged and hostile files


LONG_FILES_ARE_SLOW = [
    pytest.param(format, marks=[pytest.mark.slow] if format in ("JPEG2000", "TIFF") else []) for format in FORMATS
]


@pytest.mark.parametrize("format", LONG_FILES_ARE_SLOW)
def test_truncated_files(format):
    data = encode(RGB, format)
    n_read = 0
    for length in range(len(data)):
        for function in (check_source, decode):
            try:
                n_read += function(data[:length]) is not None and function is decode
            except ImageError as error:
                assert str(error).startswith("the file content "), error
    # Only what follows the pixels may be missing.
    assert n_read <= 64


SAMPLES = [encode(RGB, format) for format in FORMATS]
SAMPLES += [encode(RGBA, "PNG"), encode(RGB, "TIFF", compression="tiff_lzw"), encode(GREY, "GIF")]


@given(st.sampled_from(SAMPLES), st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=8))
def test_damaged_files(data, changes):
    damaged = bytearray(data)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    check_hostile(bytes(damaged))


@given(st.sampled_from(SAMPLES), st.integers(2, 32), st.binary(max_size=200))
@example(b"", 0, b"P6 4000000000 4000000000 255\n")
@example(b"", 0, b"P1 is where it starts")
def test_random_bytes_after_a_sound_start(data, length, junk):
    check_hostile(data[:length] + junk)


def check_hostile(data):
    for function in (check_source, decode):
        try:
            result = function(data)
        except ImageError:
            continue
        assert function is check_source or result.ndim in (2, 3)


def test_a_jpeg_with_many_scans_is_refused():
    """A hundred bytes may take as long as all pixels."""
    data = encode(RGB, "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    n_scans = data.count(b"\xff\xda")
    full = data[:-2] + last * (100 - n_scans) + data[-2:]
    assert decode(full).shape == RGB.shape
    with pytest.raises(ImageError, match="has more than 100 scans, which take long to decode; save it again"):
        decode(data[:-2] + last * (101 - n_scans) + data[-2:])
    thumbnails = b"\xff\xe1" + struct.pack(">H", 2 + 400) + b"\xff\xda" * 200
    for harmless in (data[:2] + thumbnails + data[2:], data + full, data[:2] + b"\xff" * 99 + data[2:]):
        np.testing.assert_array_equal(decode(harmless), decode(data))


@pytest.mark.parametrize("format", FORMATS)
def test_decompression_bombs(format, monkeypatch):
    data, expected = encode(RGB, format), decode(encode(RGB, format))
    # Pillow would warn, ...
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", RGB[..., 0].size - 1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        np.testing.assert_array_equal(decode(data), expected)
        check_source(data)
    assert not caught
    # ... would refuse, ...
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", RGB[..., 0].size // 2 - 1)
    with pytest.raises(ImageError, match="MAX_IMAGE_PIXELS"):
        decode(data)
    # ... and was told not to look.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    np.testing.assert_array_equal(decode(data), expected)


def test_reading_leaves_no_trace_in_pillow():
    readers = dict(Image.OPEN)
    limit, filters = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    for data in SAMPLES:
        decode(data)
    assert (dict(Image.OPEN), Image.MAX_IMAGE_PIXELS, list(warnings.filters)) == (readers, limit, filters)


@pytest.mark.skipif(DATA is None, reason="SKDECAF_TEST_DATA is not set")
def test_photos_are_read_as_pillow_reads_them():
    paths = sorted(path for path in Path(DATA).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    for path in paths[:: len(paths) // 20]:
        with Image.open(path) as image:
            expected = np.asarray(image if image.mode == "L" else image.convert("RGB"))
        np.testing.assert_array_equal(read(path), expected)
