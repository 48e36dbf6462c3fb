"""The memory that photos take: a few bytes a pixel beyond Pillow's own decoded image, in one budget for all threads."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from skdecaf import DeCAFTransformer
from skdecaf.images import decode
from skdecaf.images._pixel_budget import PixelBudget, pixel_budget

resource = pytest.importorskip("resource")
needs_statm = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux")

# Width and height, and the bytes that Pillow's decoded image takes a pixel.
SIDE = 3000
DECODED_BYTES = {
    "rgba.png": 4,
    "palette-alpha.png": 1,
    "transparent.gif": 1,
    "frame.gif": 1,
    "deep.png": 4,  # 2 in newer versions of Pillow
    "grey-alpha.png": 4,
    "grey.png": 1,
    "bits.png": 1,
    "turned.jpg": 4,
    "cmyk.jpg": 4,
    "float.tiff": 4,
    "integers.tiff": 4,
    "lossy.webp": 10,  # libwebp keeps two frames, too
}

LIMITED = """
    import resource, sys
    import numpy as np
    from skdecaf.images import decode, fit_image, to_rgb
    from skdecaf.images._decoding import decode_reduced

    min_side = int(sys.argv[3]) if len(sys.argv) > 3 else None
    fit = {"size": (72, 72), "policy": "warp", "resample": "bicubic"}
    fit_image(to_rgb(decode(np.zeros((9, 9, 4), np.uint8))), **fit)
    with open("/proc/self/statm") as file:
        in_use = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + int(sys.argv[2]), resource.RLIM_INFINITY))
    pixels, box = decode_reduced(sys.argv[1], min_side)
    fit_image(to_rgb(pixels, (0, 255)), **fit, box=box)
"""


def write(folder, name):
    shape, path = (SIDE, SIDE), str(folder / name)
    exif = Image.Exif()
    exif[0x0112] = 6
    make = {
        "rgba.png": lambda: Image.new("RGBA", shape, (9, 8, 7, 6)),
        "palette-alpha.png": lambda: Image.new("P", shape),
        "transparent.gif": lambda: Image.new("P", shape),
        "frame.gif": lambda: Image.new("P", shape),
        "deep.png": lambda: Image.new("I;16", shape, 999),
        "grey-alpha.png": lambda: Image.new("LA", shape, (9, 8)),
        "grey.png": lambda: Image.new("L", shape, 9),
        "bits.png": lambda: Image.new("1", shape),
        "turned.jpg": lambda: Image.new("RGB", shape, (9, 8, 7)),
        "cmyk.jpg": lambda: Image.new("CMYK", shape, (9, 8, 7, 6)),
        "float.tiff": lambda: Image.new("F", shape, 9.5),
        "integers.tiff": lambda: Image.new("I", shape, 9),
        "lossy.webp": lambda: Image.new("RGB", shape, (9, 8, 7)),
        "flat.jp2": lambda: Image.new("RGB", shape, (9, 8, 7)),
    }
    options = {
        "palette-alpha.png": {"transparency": bytes([99])},
        "transparent.gif": {"transparency": 0},
        "turned.jpg": {"exif": exif},
    }
    make[name]().save(path, **options.get(name, {}))
    return path


def decode_within(limit, path, *min_side):
    """Decode a photo in a process that may take so many bytes more."""
    script = "\n".join(line[4:] for line in LIMITED.splitlines())
    command = [sys.executable, "-c", script, path, str(limit), *map(str, min_side)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@needs_statm
@pytest.mark.parametrize("name", DECODED_BYTES)
def test_a_photo_takes_six_bytes_a_pixel_beyond_its_decoded_image(name, tmp_path):
    decode_within(SIDE**2 * (DECODED_BYTES[name] + 6) + 12_000_000, write(tmp_path, name))


@needs_statm
def test_a_jpeg_2000_that_is_reduced_takes_two_bytes_a_pixel(tmp_path):
    decode_within(SIDE**2 * 2 + 12_000_000, write(tmp_path, "flat.jp2"), 216)


def test_large_photos_are_converted_as_small_ones(tmp_path, monkeypatch):
    generator = np.random.default_rng(0)
    rgba = Image.fromarray(generator.integers(0, 256, (50, 40, 4), dtype=np.uint8))
    deep = Image.fromarray(generator.integers(0, 65536, (50, 40), dtype=np.uint16))
    palette = rgba.convert("RGB").quantize(9)
    palette.info["transparency"] = 3
    sources = [rgba, rgba.convert("RGB"), rgba.convert("LA"), rgba.convert("CMYK"), rgba.convert("1"), deep, palette]
    exif = Image.Exif()
    for orientation in range(1, 9):
        exif[0x0112] = orientation
        turned = rgba.convert("RGB")
        turned.info["exif"] = exif.tobytes()
        sources.append(turned)
    expected = [decode(source) for source in sources]
    monkeypatch.setattr("skdecaf.images._arrays._BAND_PIXELS", 200)
    for source, pixels in zip(sources, expected, strict=True):
        np.testing.assert_array_equal(decode(source), pixels)


def test_threads_share_one_budget_for_large_photos():
    budget, held, most = PixelBudget(20_000_000), [], []

    def work(n_pixels):
        with budget.hold(n_pixels):
            held.append(n_pixels)
            most.append(sum(held))
            time.sleep(0.005)
            held.remove(n_pixels)

    sizes = [8_000_000, 9_000_000, 30_000_000, 5_000_000, 12_000_000] * 4
    threads = [threading.Thread(target=work, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert max(most) == 30_000_000 and sorted(most)[-5] <= 20_000_000
    with budget.hold(30_000_000), budget.hold(3_000_000):
        pass  # small photos never wait


def test_extraction_holds_the_budget_until_a_photo_is_resized(tmp_path, monkeypatch):
    path, held = write(tmp_path, "grey.png"), []
    hold = pixel_budget.hold

    def recording(n_pixels):
        held.append(n_pixels)
        return hold(n_pixels)

    monkeypatch.setattr(pixel_budget, "hold", recording)
    fit_image = sys.modules["skdecaf.images._preparing"].fit_image

    def resize(*args, **options):
        assert pixel_budget._n_pixels == SIDE**2
        return fit_image(*args, **options)

    monkeypatch.setattr("skdecaf.images._preparing.fit_image", resize)
    DeCAFTransformer(dropout=False).fit_transform([path])
    assert held == [SIDE**2] and pixel_budget._n_pixels == 0
    with open(path, "rb") as file, pytest.raises(ValueError):
        DeCAFTransformer(dropout=False).fit_transform([file.read()[:3000]])
    assert pixel_budget._n_pixels == 0
