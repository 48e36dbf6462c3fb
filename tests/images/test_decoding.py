"""Every kind of source, what may be wrong with it, and the values of its pixels."""

# SPDX-License-Identifier: BSD-3-Clause
import io
import os
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skdecaf.images import ImageError, check_source, decode, describe, needs_value_range, to_rgb

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (20, 30, 3), np.uint8)
GREY = RGB[:, :, 0]
RGBA = np.dstack([RGB, RNG.integers(0, 256, (20, 30), np.uint8)])
LOSSLESS = {"BMP": {}, "PNG": {}, "PPM": {}, "TIFF": {}, "WEBP": {"lossless": True}, "JPEG2000": {}}
FORMATS = [*LOSSLESS, "GIF", "JPEG"]


def encode(image, format, **options):
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def on_white(rgba):
    alpha = rgba[..., 3:] / 255
    return rgba[..., :3] * alpha + 255 * (1 - alpha)


def read(source):
    """Decode, and check that the dtype was told beforehand."""
    pixels = decode(source)
    assert check_source(source) == pixels.dtype
    assert pixels.dtype.isnative
    return pixels


# Kinds of source


def test_paths_contents_and_open_files_give_the_same(tmp_path):
    path, data = tmp_path / "photo", encode(RGB, "PNG")
    path.write_bytes(data)
    in_memory = io.BytesIO(b"prefix" + data)
    in_memory.seek(6)
    with path.open("rb") as file, path.open("rb", buffering=0) as raw, Image.open(path) as image:
        sources = (str(path), path, np.str_(path), data, bytearray(data), memoryview(data), np.bytes_(data))
        for source in (*sources, file, raw, in_memory, image):
            for _ in range(2):
                np.testing.assert_array_equal(read(source), RGB)
        assert (file.tell(), raw.tell(), in_memory.tell()) == (0, 0, 6)


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_lazy_image_and_file_in_many_threads(format):
    data = encode(RGB, format)
    expected = decode(data)
    for source in (Image.open(io.BytesIO(data)), io.BytesIO(data)):
        with ThreadPoolExecutor(8) as pool:
            for pixels in pool.map(decode, [source] * 32):
                np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("format", ["BMP", "JPEG"])
@pytest.mark.parametrize("lazy", [False, True])
def test_members_of_one_archive_in_many_threads(format, lazy, tmp_path):
    photos = [RNG.integers(0, 256, (40, 50, 3), np.uint8) for _ in range(40)]
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        for i, photo in enumerate(photos):
            member = tarfile.TarInfo(f"photo{i}")
            data = encode(photo, format)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    expected = [decode(encode(photo, format)) for photo in photos]
    with tarfile.open(tmp_path / "photos.tar") as archive, ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            members = [archive.extractfile(member) for member in archive.getmembers()]
            sources = [Image.open(member) for member in members] if lazy else members
            for found, pixels in zip(pool.map(decode, sources), expected, strict=True):
                np.testing.assert_array_equal(found, pixels)


def test_a_damaged_member_of_an_archive_is_named(tmp_path):
    with tarfile.open(tmp_path / "photos.tar.gz", "w:gz") as archive:
        for name, data in (("cats/1.png", encode(RGB, "PNG")[:-80]), ("cats/2.png", b""), ("cats/3.png", b"text")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    with tarfile.open(tmp_path / "photos.tar.gz") as archive:
        for member in archive.getmembers():
            with pytest.raises(ImageError, match=rf"^'{member.name}' "):
                decode(archive.extractfile(member))
        with pytest.raises(ImageError, match=r"^'cats/1.png' "):
            decode(Image.open(archive.extractfile("cats/1.png")))


def test_pil_images_whose_exif_data_are_none():
    image = Image.fromarray(RGB)
    for nothing in (None, "", 3):
        image.info["exif"] = nothing
        np.testing.assert_array_equal(read(image), RGB)


def test_arrays():
    for array in (GREY, RGB, GREY > 9, GREY.astype(np.uint16), GREY.astype(np.float64), RGB.astype(np.int64)):
        np.testing.assert_array_equal(read(array), array)
        assert np.shares_memory(decode(array), array)
    np.testing.assert_array_equal(read(GREY[:, :, np.newaxis]), GREY)
    np.testing.assert_array_equal(read(GREY.astype(">u2")), GREY)
    np.testing.assert_array_equal(read(RGB[::-1, ::2]), RGB[::-1, ::2])


def test_rgba_arrays_are_composited_on_white():
    np.testing.assert_allclose(read(RGBA), on_white(RGBA), atol=0.51)
    np.testing.assert_allclose(read(RGBA.astype(np.uint16) * 257) / 257, on_white(RGBA), atol=0.51)
    bits = RGBA > 127
    np.testing.assert_array_equal(read(bits), bits[..., :3] | ~bits[..., 3:])
    assert read(np.full((1, 1, 4), 65535, np.uint16)).tolist() == [[[65535] * 3]]
    for scale in (1, 255, 1000):
        pixels = read(RGBA * (scale / 255))
        np.testing.assert_allclose(to_rgb(pixels, (0, scale)), on_white(RGBA), rtol=1e-5)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((4, 4, 2)), "shape"),
        (np.zeros((3, 20, 30)), "move the channels last"),
        (np.zeros((0, 4)), "shape"),
        (np.zeros(12), "shape"),
        (np.zeros((1, 4, 4, 3)), "shape"),
        (np.zeros((4, 4), complex), "dtype complex128"),
        (np.zeros((4, 4), object), "dtype object"),
        (np.array([["a.jpg"]]), "dtype <U5"),
        (np.zeros((4, 4), "M8[s]"), "dtype datetime64"),
    ],
)
def test_arrays_that_are_no_images(array, words):
    for function in (check_source, decode):
        with pytest.raises(ImageError, match=words):
            function(array)


def test_masked_arrays_have_to_be_filled():
    masked = np.ma.masked_array(RGB, mask=RGB[0, 0, 0] == RGB)
    assert "masked pixels; fill them" in errors_of(masked)
    np.testing.assert_array_equal(read(np.ma.masked_array(RGB, mask=False)), RGB)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers(value):
    array = np.zeros((4, 4, 3))
    array[1, 2, 0] = value
    check_source(array)
    with pytest.raises(ImageError, match=r"^the array has NaN or infinite pixels"):
        decode(array)


# What can be wrong


def errors_of(source):
    """The messages of both functions, which have to be the same."""
    messages = set()
    for function in (check_source, decode):
        with pytest.raises(ImageError) as caught:
            function(source)
        messages.add(str(caught.value))
    assert len(messages) == 1
    return messages.pop()


def test_what_is_no_photo(tmp_path):
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("Dear reader,")
    os.mkfifo(tmp_path / "pipe.jpg")
    for name, words in (
        ("gone.jpg", "does not exist"),
        (".", "is a directory"),
        ("empty.jpg", "is empty"),
        ("text.jpg", "is in none of the formats BMP, GIF"),
        ("pipe.jpg", "is a pipe"),
        ("text.jpg/1.jpg", "cannot be read (Not a directory)"),
    ):
        path = tmp_path / name
        assert errors_of(path).startswith(f"{str(path)!r} {words}")
    assert "too long" in errors_of("x" * 100_000)
    assert len(errors_of("x" * 100_000)) < 400
    assert "null" in errors_of("a\0b.jpg")
    assert errors_of("").startswith("the path '' does not exist")


def test_what_is_no_source():
    assert errors_of(b"").startswith("the file content is empty")
    assert "none of the formats" in errors_of(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    for value, name in ((None, "NoneType"), (float("nan"), "float"), ([[1, 2]], "list"), (3, "int")):
        assert errors_of(value).startswith(f"a value of type {name!r} is not an image; give a path")
    assert "mode" in errors_of(io.StringIO("text"))
    closed = io.BytesIO(b"data")
    closed.close()
    assert "closed" in errors_of(closed)
    at_end = io.BytesIO(b"data")
    at_end.seek(0, io.SEEK_END)
    with pytest.raises(ImageError, match=r"rewind it with seek\(0\)"):
        check_source(at_end)
    reader, writer = os.pipe()
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert "cannot be rewound" in errors_of(pipe)
    assert "no pixels" in errors_of(Image.new("RGB", (0, 5)))


@pytest.mark.parametrize("format", FORMATS)
def test_a_pil_image_that_was_loaded_before_its_file_was_closed(format, tmp_path):
    data = encode(RGB, format)
    (tmp_path / "photo").write_bytes(data)
    with Image.open(tmp_path / "photo") as image:
        image.load()
    np.testing.assert_array_equal(read(image), decode(data))


def test_a_pil_image_whose_file_was_closed(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "photo.png")
    with Image.open(tmp_path / "photo.png") as image:
        pass
    with pytest.raises(ImageError, match=r"photo\.png' cannot be read"):
        decode(image)


def test_a_truncated_file_is_named(tmp_path):
    path = tmp_path / "half.jpg"
    path.write_bytes(encode(RGB, "JPEG")[:-100])
    check_source(path)
    with pytest.raises(ImageError, match=r"half\.jpg' cannot be read \(.*truncated.*\); repair it") as caught:
        decode(path)
    assert "\n" not in str(caught.value)


# Values


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3)])
def test_to_rgb_by_type(shape):
    def as_rgb(values):
        return values if values.ndim == 3 else np.stack([values] * 3, axis=2)

    small = RNG.integers(0, 256, shape, np.uint8)
    assert to_rgb(small).dtype == np.uint8
    np.testing.assert_array_equal(to_rgb(small), as_rgb(small))
    np.testing.assert_array_equal(to_rgb(small > 99), as_rgb(np.where(small > 99, 255, 0)))
    assert to_rgb(small > 99).dtype == np.uint8
    deep = RNG.integers(0, 65536, shape, np.uint16)
    assert to_rgb(deep).dtype == np.float32
    np.testing.assert_allclose(to_rgb(deep), as_rgb(deep / 257), rtol=1e-7)


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.uint64, np.float16, np.float32, np.float64])
def test_to_rgb_by_range(dtype):
    assert needs_value_range(dtype)
    pixels = RNG.integers(0, 100, (4, 5, 3)).astype(dtype)
    with pytest.raises(ImageError, match="value_range"):
        to_rgb(pixels)
    rgb = to_rgb(pixels, (10, 60))
    assert rgb.dtype == np.float32
    # Outside the range nothing is clipped.
    np.testing.assert_allclose(rgb, (pixels.astype(float) - 10) / 50 * 255, rtol=1e-6, atol=1e-5)
    assert not to_rgb(pixels, (7, 7)).any()


def test_to_rgb_is_exact_at_both_ends():
    assert to_rgb(np.array([[-3.3, 7.1]]), (-3.3, 7.1))[0].tolist() == [[0] * 3, [255] * 3]


def test_to_rgb_never_overflows():
    for pixels, value_range in (([[1e308]], (0, 1)), ([[1e308]], (-1e308, 1e308)), ([[1.0]], (0, 1e-320))):
        with pytest.raises(ImageError, match="wider"):
            to_rgb(np.array(pixels), value_range)


def test_needs_value_range():
    assert not any(map(needs_value_range, (bool, "uint8", np.dtype(">u2"))))


def test_describe(tmp_path):
    assert describe("cats/1.jpg") == describe(Path("cats/1.jpg")) == "'cats/1.jpg'"
    Image.fromarray(RGB).save(tmp_path / "1.png")
    with open(tmp_path / "1.png", "rb") as file, Image.open(tmp_path / "1.png") as image:
        assert describe(file) == describe(image) == repr(str(tmp_path / "1.png"))
    for source in (RGB, b"\xff\xd8\xff", io.BytesIO(), Image.new("L", (1, 1)), None, 3):
        assert describe(source) is None
