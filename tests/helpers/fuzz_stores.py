"""What is fuzzed besides readers of weights: photos, archives, and the files that the package stores."""

# SPDX-License-Identifier: BSD-3-Clause
import io
import json
import os
import shutil
import sqlite3
import struct
import sys
import warnings
from contextlib import closing, contextmanager, suppress
from functools import cache

import numpy as np
from dataset_archives import tar_bytes, zip_bytes
from PIL import Image, features
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skdecaf import DeCAFTransformer, FeatureCache
from skdecaf._extraction.partial_features import PartialFeatures
from skdecaf._feature_cache import CachedRows, process_memory
from skdecaf._utils.archives import Limits, extract
from skdecaf.cli._models import load_model, save_model
from skdecaf.images import check_source, fit_image, to_rgb
from skdecaf.images._decoding import decode_reduced

# Photos


@contextmanager
def _pixels_limited_to(limit):
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, limit
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def read_photo(path):
    """Decode a photo and resize it; what its first bytes say about its pixels must be true."""
    with _pixels_limited_to(250_000):  # larger ones take long
        dtype = check_source(path)
        pixels, box = decode_reduced(path, 16)
    assert pixels.dtype == dtype and pixels.ndim in (2, 3), (pixels.dtype, dtype, pixels.shape)
    fit_image(to_rgb(pixels, (0, 255)), (8, 8), policy="crop", resample="bicubic", box=box)


def photos(folder):
    rgba = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30, 4), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    palette = rgba.convert("RGB").quantize(9)
    deep = Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(40, 30) * 50)
    floats = Image.fromarray(np.linspace(0, 1, 1200, dtype=np.float32).reshape(40, 30))
    frames = {"save_all": True, "append_images": [palette.rotate(90)]}
    for image, kind, options in (
        (rgba.convert("RGB"), "JPEG", {"exif": exif}),
        (rgba.convert("CMYK"), "JPEG", {"progressive": True}),
        (rgba, "PNG", {"exif": exif}),
        (palette, "PNG", {"transparency": bytes(range(0, 90, 10))}),
        (deep, "PNG", {"transparency": 50}),
        (rgba.convert("RGB"), "PNG", frames),
        (palette, "GIF", {"transparency": 3, "disposal": 2, **frames}),
        (rgba.convert("LA"), "TIFF", {"compression": "tiff_lzw"}),
        (floats, "TIFF", {}),
        (rgba.convert("RGB"), "TIFF", {"compression": "jpeg"}),
        (rgba.convert("RGB"), "JPEG2000", {}),
        (rgba, "WEBP", {}),
        (rgba.convert("RGB"), "WEBP", frames),
        (palette, "BMP", {}),
        (deep, "PPM", {}),
        *([(rgba, "AVIF", {})] if "avif" in features.modules and features.check("avif") else []),
    ):
        file = io.BytesIO()
        image.save(file, kind, **options)
        yield file.getvalue()


# Archives


def read_archive(path):
    """Extract an archive; nothing else may appear."""
    folder, before = path.with_name("extracted"), set(os.listdir(path.parent))
    try:
        extract([path], folder, Limits(2**20, 100))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        assert set(os.listdir(path.parent)) == before


def archives(folder):
    files = {"a/1.jpg": b"photo" * 9, "a/" + 40 * "long": b"2", "b/inside.zip": zip_bytes({"3.jpg": b"3"})}
    for compression in ("", "gz", "bz2"):
        yield tar_bytes(files, compression)
    yield zip_bytes(files)


# The feature cache

_BLOBS = {"conv1": 3000, "fc6": 20}
_ROWS = {i: np.random.default_rng(i).random(sum(_BLOBS.values()), np.float32) for i in range(8)}


def read_cache(path):
    """Use a cache whose file is damaged: it gives the right rows or none, and takes those that it lacks.

    A database of something else must stay as it is.
    """
    folder, before = path.with_name("cache"), path.read_bytes()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(path, folder / "features.sqlite")
    try:
        with warnings.catch_warnings(action="ignore"):
            _use_cache(folder)
    except ValueError:
        assert (folder / "features.sqlite").read_bytes() == before
        raise


def _use_cache(folder):
    for _ in range(2):
        process_memory._memories.clear()
        with CachedRows(FeatureCache(folder, max_bytes=2**20), "recipe", _BLOBS) as rows:
            keys = {rows.identity(bytes([i]), None): values for i, values in _ROWS.items()}
            found = rows.find(keys)
            for key, values in found.items():
                np.testing.assert_array_equal(values, keys[key])
            rows.store({key: values for key, values in keys.items() if key not in found})


def caches(folder):
    for name in ("none", "cache"):
        shutil.rmtree(folder / "cache", ignore_errors=True)
        if name == "cache":
            _use_cache(folder / "cache")
        else:
            FeatureCache(folder / "cache").clear()
            _open_and_close(folder / "cache")
        with closing(sqlite3.connect(folder / "cache" / "features.sqlite")) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        yield (folder / "cache" / "features.sqlite").read_bytes()


def _open_and_close(folder):
    with CachedRows(FeatureCache(folder), "recipe", _BLOBS) as rows:
        rows.find([b"key"])


# Unfinished extractions

_PHOTOS = [f"{i}.jpg" for i in range(12)]
_COLUMNS = 5
_FEATURES = np.arange(len(_PHOTOS) * _COLUMNS, dtype=np.float32).reshape(-1, _COLUMNS)
_LEFT_OUT = {3: "broken"}


def read_extraction(path, name="journal"):
    """Resume an extraction whose journal, or whose rows, are damaged: the rows that it keeps are the right ones."""
    folder = path.with_name("x.npy.part")
    shutil.rmtree(folder, ignore_errors=True)
    _extract(folder, 9)
    shutil.copy(path, folder / name)
    with _partial(folder) as partial:
        rest = list(partial.resume(_PHOTOS))
        assert rest == _PHOTOS[partial.n_photos :]
        expected = _rows(range(partial.n_photos))
        assert partial.left_out == {i: reason for i, reason in _LEFT_OUT.items() if i < partial.n_photos}
        for rows in partial.stored_rows().batches():
            np.testing.assert_array_equal(rows, expected[: len(rows)])
            expected = expected[len(rows) :]
        assert not len(expected)
        good = [photo for i, photo in enumerate(_PHOTOS[: partial.n_photos]) if i not in _LEFT_OUT]
        assert list(partial.stored_names()) == good
        assert partial.n_rows == len(good)
        if partial.n_photos < len(_PHOTOS):
            _add(partial, len(_PHOTOS))
        assert partial.n_photos == len(_PHOTOS)


def _partial(folder):
    return PartialFeatures(str(folder), {"format": 1}, _COLUMNS)


def _rows(photos):
    return _FEATURES[[i for i in photos if i not in _LEFT_OUT]]


def _add(partial, stop):
    photos = range(partial.n_photos, stop)
    partial.add([_PHOTOS[i] for i in photos], _rows(photos), {i: _LEFT_OUT[i] for i in photos if i in _LEFT_OUT})


def _extract(folder, n_photos):
    with _partial(folder) as partial:
        partial.resume(_PHOTOS)
        for stop in range(3, n_photos + 1, 3):
            _add(partial, stop)


def extraction_files(folder, name="journal"):
    _extract(folder / "x.npy.part", 9)
    yield (folder / "x.npy.part" / name).read_bytes()


# Models

_done = []  # what a model that is loaded does to the outside
_is_watching = False
_OUTSIDE = ("os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.system", "shutil.rmtree", "socket.connect")
_OUTSIDE += ("subprocess.Popen", "sqlite3.connect", "os.exec", "os.symlink", "os.chmod")


def _watch(event, arguments):
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if _is_watching and (writes or event in _OUTSIDE):
        _done.append((event, arguments))


def read_model(path):
    """Load a model; it must do nothing to anything else, and then predict."""
    global _is_watching
    _is_watching = True
    try:
        with warnings.catch_warnings(action="ignore"):
            load_model(str(path))
    except (FileNotFoundError, ImportError) as error:
        raise ValueError(str(error)) from error
    finally:
        _is_watching = False
        assert not _done, _done


@cache
def model_file():
    sys.addaudithook(_watch)
    transformer = DeCAFTransformer(8, dropout=False)
    model = make_pipeline(transformer, LogisticRegression(max_iter=2))
    photos = [np.full((9, 9, 3), value, np.uint8) for value in (0, 99, 200, 255)]
    with warnings.catch_warnings(action="ignore"):
        model.fit(photos, list("abab"))
    path = "/dev/shm/model.skops" if os.path.isdir("/dev/shm") else "model.skops"
    try:
        save_model(model, path)
        with open(path, "rb") as file:
            return file.read()
    finally:
        with suppress(FileNotFoundError):
            os.unlink(path)


_VALUES = [
    None, True, 0, -1, 2**70, 1e308, "", "a", "builtins", "os", "numpy", "skdecaf", "list", "dict", "function", "Tree",
    "system", "eval", "FunctionNode", "MethodNode", "ReduceNode", "CachedNode", "JsonNode", "ObjectNode", "caffenet",
    "/tmp/x", "sklearn.utils", "_decaf", "skdecaf._decaf", "LogisticRegression", [], {}, [[[]]], {"a": 1}, float("nan"),
]  # fmt: skip


def edited_schema(data, schema):
    """Apply edits that the bytes describe to a tree of JSON: replace or copy parts, or delete them."""
    tree = json.loads(schema)
    for place, source, kind in struct.iter_unpack("<HHB", data[: len(data) // 5 * 5][:100]):
        parts = list(_parts(tree))
        holder, key = parts[place % len(parts)]
        other, other_key = parts[source % len(parts)]
        if kind % 4 == 0:
            del holder[key]
        elif kind % 4 == 1:
            holder[key] = json.loads(json.dumps(other[other_key]))
        else:
            holder[key] = _VALUES[source % len(_VALUES)]
        if not tree:
            break
    return json.dumps(tree).encode()


def _parts(tree):
    """Yield the holder and the key of each value in a tree of JSON."""
    for key in list(tree if isinstance(tree, dict) else range(len(tree))):
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from _parts(tree[key])
