"""The feature cache: what it returns is what would be computed, whatever changes, crashes or runs beside it."""

# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import copy
import hashlib
import io
import multiprocessing
import os
import pickle
import shutil
import signal
import sqlite3
import time
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
from folder_listing import names_in
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from small_photos import photo_arrays, truncated_png, write_photos
from tiny_networks import TINY, tiny_network

from skdecaf import DeCAFTransformer, FeatureCache, ImageNetClassifier
from skdecaf._feature_cache import cache as cache_module
from skdecaf._feature_cache import database, process_memory
from skdecaf._forward import ForwardPass
from skdecaf._inputs import blob_extractor
from skdecaf.images import Crop, _digests, _per_file_cache
from skdecaf.images._pixel_budget import pixel_budget
from skdecaf.weights import Architecture, Network, Preprocessing

NETWORK = tiny_network()


def transformer(layer=6, memory=None, weights=NETWORK, dropout=False, **parameters):
    return DeCAFTransformer(layer, dropout, weights=weights, memory=memory, **parameters)


def forget():
    """What a new process knows: nothing."""
    process_memory._memories.clear()
    _per_file_cache._files.clear()


@contextlib.contextmanager
def as_database(cache):
    with contextlib.closing(sqlite3.connect(cache.path / "features.sqlite")) as connection, connection:
        yield connection


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture
def cache(tmp_path):
    return FeatureCache(tmp_path / "cache")


@pytest.fixture
def passes(monkeypatch):
    """The number of images in each call of the forward pass."""
    calls, run = [], ForwardPass.run

    def counted(self, images, *args, **kwargs):
        calls.append(len(images))
        return run(self, images, *args, **kwargs)

    monkeypatch.setattr(ForwardPass, "run", counted)
    return calls


# The same bits


BOXES = [(0, 0, 9, 9), (0, 0, 9, 10), (1, 2, 9, 9)]
INPUTS = {
    "paths": lambda paths: paths,
    "contents": lambda paths: [Path(path).read_bytes() for path in paths],
    "PIL images": lambda paths: [Image.open(path) for path in paths],
    "arrays": lambda paths: photo_arrays(),
    "floats": lambda paths: [photo / 255 for photo in photo_arrays()],
    "table": lambda paths: np.array([photo[:15, :15].ravel() for photo in photo_arrays()], np.float32),
    "crops": lambda paths: [Crop(photo, box) for photo in (*paths[:2], photo_arrays()[2]) for box in BOXES],
    "mixed": lambda paths: [paths[0], photo_arrays()[1] / 255, Path(paths[2]), Path(paths[3]).read_bytes(), paths[4]],
}


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize(
    ("layer", "parameters"),
    [([5, "fc6_pre", 7], {"batch_size": 2, "n_jobs": 2}), (6, {"crops": "ten", "dropout": True})],
    ids=["several blobs", "ten crops"],
)
def test_features_have_the_same_bits_as_without_a_cache(kind, layer, parameters, paths, cache, passes):
    X = INPUTS[kind](paths)
    expected = transformer(layer, **parameters).fit_transform(X)
    first = transformer(layer, cache, **parameters).fit_transform(X)
    passes.clear()
    again = transformer(layer, cache, **parameters).fit_transform(X)
    forget()
    from_disk = transformer(layer, cache, **(parameters | {"batch_size": 4})).fit(X).transform(X)
    assert not passes
    for found in (first, again, from_disk):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == np.float32 and found.flags.writeable


def test_a_photo_is_computed_once_whatever_stands_beside_it(paths, cache, passes):
    expected = transformer().fit_transform(paths)
    passes.clear()
    copies = [paths[0], Path(paths[0]).read_bytes(), paths[1], paths[0], paths[2]]
    found = transformer(memory=cache, n_jobs=1).fit_transform(copies)
    np.testing.assert_array_equal(found, expected[[0, 0, 1, 0, 2]])
    assert passes == [3]
    order = [8, 1, 5, 0, 2, 7, 1, 3, 6, 4]
    found = transformer(memory=cache, n_jobs=1).fit_transform([paths[i] for i in order])
    np.testing.assert_array_equal(found, expected[order])
    assert passes == [3, 6]


def test_blobs_of_one_pass_serve_each_layer_alone(paths, cache, passes):
    transformer([5, 6], cache).fit_transform(paths)
    passes.clear()
    for layer in (6, 5, [6, 5]):
        found = transformer(layer, cache).fit_transform(paths)
        assert not passes
        np.testing.assert_array_equal(found, transformer(layer).fit_transform(paths))
        passes.clear()
    transformer([6, 7], cache).fit_transform(paths)
    assert sum(passes) == len(paths) and cache.info().n_rows == 3 * len(paths)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["mini", "caffenet"])
def test_a_blob_has_the_same_bits_whatever_else_is_asked_for(architecture):
    """Which the cache relies on: a plan may merge layers, but not where that changes a bit."""
    network = Network.random(architecture, 0)
    crops = np.random.default_rng(0).integers(0, 256, (3, *network.preprocessing.crop, 3), dtype=np.uint8)
    together = ForwardPass(network, list(network.blob_shapes)).run(crops)
    for blob, values in together.items():
        np.testing.assert_array_equal(ForwardPass(network, [blob]).run(crops)[blob], values, err_msg=blob)


def test_dropout_learns_the_same(paths, cache):
    expected = transformer(dropout=True).fit(paths)
    for _ in range(2):
        found = transformer(dropout=True, memory=cache, batch_size=2).fit(paths)
        np.testing.assert_array_equal(found.transform(paths), expected.transform(paths))
    masked = [
        transformer(dropout="mask", memory=memory, random_state=3).fit_transform(paths) for memory in (None, cache)
    ]
    np.testing.assert_array_equal(*masked)


def test_image_net_classifier_keeps_probabilities(paths, tmp_path, passes):
    labels = [(f"n{i}", f"class {i}") for i in range(5)]
    network = Network(NETWORK.layers, NETWORK.arrays, NETWORK.preprocessing, labels=labels)
    expected = ImageNetClassifier(network).predict_proba(paths)
    for calls in (1, 0):
        passes.clear()
        found = ImageNetClassifier(network, memory=str(tmp_path / "cache"), n_jobs=1).predict_proba(paths)
        np.testing.assert_array_equal(found, expected)
        assert len(passes) == calls


# Never stale


def _other_networks():
    preprocessing = TINY.preprocessing
    pixels = {"channel_order": "BGR", "mean": preprocessing.mean, "scale": preprocessing.scale}
    others = [
        Preprocessing((18, 20), (17, 19), **pixels, flip=True),
        Preprocessing((18, 20), (17, 19), **pixels, resample="bicubic"),
        Preprocessing((18, 20), (17, 19), **(pixels | {"mean": (1.0, 2.0, 3.0)})),
        Preprocessing((17, 19), (17, 19), **pixels),
    ]
    return [NETWORK, tiny_network(1), *(Network.random(Architecture(TINY.layers, one), 0) for one in others)]


def _large_jpeg(seed):
    """Large enough for these networks to be decoded at half its size."""
    file, pixels = io.BytesIO(), np.random.default_rng(seed).integers(0, 256, (130, 170, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


_NETWORKS = _other_networks()
_TABLE = np.random.default_rng(0).integers(0, 256, (3, 48)).astype(np.float64)
_JPEGS = [_large_jpeg(seed) for seed in range(2)]
_CHOICES = {
    "weights": _NETWORKS,
    "layer": [5, 6, 7, [5, 6], "fc6_pre", "norm1"],
    "precision": ["float32", "compact"],
    "crops": ["center", "scales", "ten"],
    "resize": [None, "warp", "crop"],
    "image_shape": [None, (3, 4, 4), (6, 8), (8, 6), (8, 6, 1)],
    "value_range": [None, (0, 255), (-1, 255), (0, 300)],
    "fast_decode": [True, False],
    "batch_size": [1, 2, 3, 4],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", _CHOICES)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parameters=st.fixed_dictionaries({name: st.sampled_from(values) for name, values in _CHOICES.items()}),
    table=st.sampled_from([_TABLE, _TABLE + 1, _TABLE.astype(np.uint8)]),
)
def test_whatever_changes_nothing_stale_comes_back(name, parameters, table, cache):
    """One parameter at a time, since of two that change, one that is forgotten would hide behind the other."""
    for value in _CHOICES[name]:
        changed = parameters | {name: value}
        for X in (table, _JPEGS):
            expected = transformer(**changed).fit_transform(X)
            np.testing.assert_array_equal(transformer(memory=cache, **changed).fit_transform(X), expected)


@pytest.mark.parametrize("version", ["decoder_version", "numerics_version"])
def test_another_version_computes_anew(version, paths, cache, passes, monkeypatch):
    transformer(memory=cache).fit_transform(paths)
    monkeypatch.setattr(f"skdecaf._inputs.blob_extractor.{version}", lambda: "another one")
    passes.clear()
    transformer(memory=cache).fit_transform(paths)
    assert sum(passes) == len(paths)


def test_the_value_range_matters_only_where_it_is_used(cache, passes):
    photo = photo_arrays()[0]
    transformer(memory=cache).fit_transform([photo])
    transformer(memory=cache, value_range=(0, 1)).fit_transform([photo])
    assert sum(passes) == 1


def test_files_that_change_are_read_anew(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(_per_file_cache, "_SETTLED_AFTER", -1e9)  # as if all files were old
    path, (photo, other, *_) = tmp_path / "photo.bmp", [array[:15, :15] for array in photo_arrays()]
    Image.fromarray(photo).save(path)
    before = path.stat()
    transformer(memory=cache).fit_transform([path])
    time.sleep(0.02)  # more than a tick of the file system's clock
    Image.fromarray(other).save(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size and path.stat().st_mtime_ns == before.st_mtime_ns
    expected = transformer().fit_transform([other])
    np.testing.assert_array_equal(transformer(memory=cache).fit_transform([path]), expected)


def test_a_file_that_was_just_written_is_not_trusted(tmp_path, cache):
    path = tmp_path / "photo.bmp"
    for photo in photo_arrays():
        Image.fromarray(photo[:15, :15]).save(path)
        found = transformer(memory=cache).fit_transform([path])
        np.testing.assert_array_equal(found, transformer().fit_transform([photo[:15, :15]]))


def test_a_file_that_changes_while_it_is_read_is_not_stored(tmp_path, cache, monkeypatch):
    path, (photo, other, *_) = tmp_path / "photo.png", photo_arrays()
    Image.fromarray(photo).save(path)

    load = blob_extractor.load_image

    def load_after_change(*args, **options):
        Image.fromarray(other).save(path)
        return load(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(blob_extractor, "load_image", load_after_change)
        transformer(memory=cache).fit_transform([path])
    for pixels in (photo, other):
        Image.fromarray(pixels).save(path)
        found = transformer(memory=cache).fit_transform([path])
        np.testing.assert_array_equal(found, transformer().fit_transform([pixels]))


@pytest.mark.parametrize("kind", ["path", "crop"])
def test_a_very_large_file_is_not_read_into_memory_and_not_stored(kind, tmp_path, cache, monkeypatch):
    path = tmp_path / "photo.png"
    Image.fromarray(photo_arrays()[0]).save(path)
    source = Crop(path, (0, 0, 9, 9)) if kind == "crop" else path
    expected = transformer().fit_transform([source])
    with monkeypatch.context() as patch:
        patch.setattr(_digests, "_MAX_BYTES", path.stat().st_size - 1)
        patch.setattr(_digests, "file_contents", None)
        np.testing.assert_array_equal(transformer(memory=cache).fit_transform([source, source]), [*expected, *expected])
    assert cache.info().n_rows == 0
    np.testing.assert_array_equal(transformer(memory=cache).fit_transform([source]), expected)
    assert cache.info().n_rows == 1


def test_bytes_that_are_read_for_a_digest_count_in_the_budget_of_pixels(tmp_path, cache, monkeypatch):
    path, held = tmp_path / "photo.bmp", []
    Image.fromarray(photo_arrays()[0]).save(path)
    hold = pixel_budget.hold
    monkeypatch.setattr(pixel_budget, "hold", lambda n_pixels: held.append(n_pixels) or hold(n_pixels))
    transformer(memory=cache).fit_transform([path])
    n_held, n_pixels = path.stat().st_size // 10, photo_arrays()[0][..., 0].size
    assert held == [n_held, n_held + n_pixels]


@pytest.mark.parametrize("kind", ["path", "crop", "open file"])
def test_a_file_that_changes_to_and_fro_while_it_is_read_is_stored_as_what_was_read(kind, tmp_path, cache, monkeypatch):
    """A digest from before reading and one from after it agree, and what was decoded in between is something else."""
    path, (photo, other, *_) = tmp_path / "photo.bmp", [array[:15, :15] for array in photo_arrays()]
    source = Crop(path, (0, 0, 9, 9)) if kind == "crop" else path

    def write(pixels):
        Image.fromarray(pixels).save(path)

    load = blob_extractor.load_image

    def load_other(*args, **options):
        write(other)
        loaded = load(*args, **options)
        write(photo)
        return loaded

    write(photo)
    expected = [transformer().fit_transform([source]) for pixels in (photo, other) if not write(pixels)]
    write(photo)
    with monkeypatch.context() as patch, open(path, "rb") as file:
        patch.setattr(blob_extractor, "load_image", load_other)
        transformer(memory=cache).fit_transform([file if kind == "open file" else source])
    for pixels, features in zip((photo, other), expected, strict=True):
        write(pixels)
        np.testing.assert_array_equal(transformer(memory=cache).fit_transform([source]), features)


def test_a_link_that_turns_to_and_fro_while_it_is_read_is_not_trusted(tmp_path, cache, monkeypatch):
    """The digest belongs to the file that was read, not to the one that the link points at before and after."""
    monkeypatch.setattr(_per_file_cache, "_SETTLED_AFTER", -1e9)  # as if all files were old
    (photo, other, *_), link = photo_arrays(), tmp_path / "link.png"
    for name, pixels in (("photo", photo), ("other", other)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")

    def turn_to(name):
        link.unlink(missing_ok=True)
        link.symlink_to(tmp_path / f"{name}.png")

    opened = _per_file_cache.open_path

    @contextlib.contextmanager
    def open_other(path, **options):
        turn_to("other")
        with opened(path, **options) as file:
            turn_to("photo")
            yield file

    turn_to("photo")
    with monkeypatch.context() as patch:
        patch.setattr(_per_file_cache, "open_path", open_other)
        transformer(memory=cache).fit_transform([link])
    found = transformer(memory=cache).fit_transform([link])
    np.testing.assert_array_equal(found, transformer().fit_transform([photo]))


# Bad images


def test_bad_images_are_not_stored(paths, cache):
    X = [*paths[:2], truncated_png(paths[0]), paths[2], np.full((5, 5), np.nan), paths[3]]
    for n_stored in (0, 4):
        assert cache.info().n_rows == n_stored
        with pytest.warns(UserWarning, match="2 of 6 images cannot be read"):
            found = transformer(memory=cache, on_error="nan", value_range=(0, 1)).fit_transform(X)
        assert np.isnan(found[[2, 4]]).all() and np.isfinite(found[[0, 1, 3, 5]]).all()
    assert cache.info().n_rows == 4


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_first_bad_image_is_the_one_that_is_named(n_jobs, paths, tmp_path, cache):
    broken = [tmp_path / f"broken {i}.png" for i in range(2)]
    for path in broken:
        path.write_bytes(truncated_png(paths[0]))
    X = [*paths[:2], broken[0], paths[2], broken[1], *paths[3:]]
    messages = []
    for memory in (None, cache, cache):
        with pytest.raises(ValueError) as info:
            transformer(memory=memory, batch_size=2, n_jobs=n_jobs).fit_transform(X)
        messages.append(str(info.value))
    assert len(set(messages)) == 1 and messages[0].startswith(f"image 2 ({str(broken[0])!r})")
    assert cache.info().n_rows >= 2  # those before it


def test_values_far_outside_the_range_are_warned_of_each_time(cache):
    photos = [photo / 255 for photo in photo_arrays()[:3]]
    fitted = transformer(memory=cache).fit(photos)
    photos[1] = photos[1] * 10
    for _ in range(2):
        with pytest.warns(UserWarning, match="quite another range"):
            fitted.transform(photos)


# The object


def test_it_is_a_good_parameter(cache, paths):
    assert copy.deepcopy(cache) is cache
    assert clone(transformer(memory=cache)).memory is cache
    assert pickle.loads(pickle.dumps(cache)) == cache == FeatureCache(str(cache.path))
    assert hash(cache) == hash(FeatureCache(cache.path)) and cache != FeatureCache(cache.path, max_bytes=1)
    assert len(pickle.dumps(cache)) < 500
    assert repr(cache) == f"FeatureCache({str(cache.path)!r})"
    assert not cache.path.exists()
    before = vars(fitted := transformer(memory=cache).fit(paths)).copy()
    fitted.transform(paths)
    assert vars(fitted) == before


def test_relative_paths_stay_where_they_were(tmp_path, monkeypatch, paths):
    monkeypatch.chdir(tmp_path)
    cache = FeatureCache("cache")
    monkeypatch.chdir("/")
    transformer(memory=cache).fit_transform(paths)
    assert cache.path == tmp_path / "cache" and cache.path.is_dir()


@pytest.mark.parametrize("value", [-1, 1.5, "1 GB", True, None])
@pytest.mark.parametrize("name", ["max_bytes", "max_memory_bytes"])
def test_limits_are_numbers_of_bytes(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a whole number of bytes"):
        FeatureCache("cache", **{name: value})


@pytest.mark.parametrize("estimator", [DeCAFTransformer(dropout=False), ImageNetClassifier()])
def test_a_memory_of_joblib_is_told_from_ours(estimator, tmp_path, paths):
    memory = joblib.Memory(tmp_path, verbose=0)
    match = (
        r"must be the path of a folder, a skdecaf.FeatureCache or None. Got Memory\(.*here .* memory=memory.location"
    )
    with pytest.raises(ValueError, match=match):
        clone(estimator).set_params(memory=memory).fit(paths)
    fitted = clone(estimator).fit(paths).set_params(memory=memory)
    with pytest.raises(ValueError, match=match):
        fitted.predict(paths) if hasattr(fitted, "predict") else fitted.transform(paths)
    fitted.set_params(memory=memory.location)
    fitted.predict(paths) if hasattr(fitted, "predict") else fitted.transform(paths)
    assert FeatureCache(memory.location).info().n_rows == len(paths)


def test_info_and_clear(paths, cache):
    assert cache.info() == (str(cache.path), 0, 0, 0, 0) and not cache.path.exists()
    cache.clear()
    transformer(["conv1", 6], cache).fit_transform(paths)
    transformer(6, cache).fit_transform(paths[:4])
    info = cache.info()
    n_values = sum(np.prod(NETWORK.blob_shapes[blob]) for blob in ("conv1", "fc6"))
    assert info.n_rows == 2 * len(paths) and info.n_bytes >= 4 * n_values * len(paths)
    assert (info.hits, info.misses) == (4, len(paths))
    cache.clear()
    assert cache.info().n_bytes < info.n_bytes
    assert cache.info().n_rows == cache.info().hits == cache.info().misses == 0
    np.testing.assert_array_equal(transformer(memory=cache).fit_transform(paths), transformer().fit_transform(paths))


def test_memory_is_bounded(paths, tmp_path, passes):
    cache = FeatureCache(tmp_path, max_memory_bytes=3 * 20 * 4)
    transformer(memory=cache).fit_transform(paths)
    memory = process_memory.memory_of(cache.path)
    assert len(memory._blobs) == 3 and memory._n_bytes == 240
    passes.clear()
    transformer(memory=cache).fit_transform(paths)
    assert not passes


# On disk


@pytest.fixture
def clock(monkeypatch):
    """Seconds that the cache believes to have passed."""
    now = [1_700_000_000]
    monkeypatch.setattr(cache_module.time, "time", lambda: now[0])
    return now


def noise_photos(n):
    return list(np.random.default_rng(1).integers(0, 256, (n, 20, 20, 3)).astype(np.uint8))


def test_what_was_not_used_for_longest_goes_first(tmp_path, clock, passes):
    cache, photos = FeatureCache(tmp_path, max_bytes=90_000), noise_photos(40)
    step = transformer("conv1", cache, n_jobs=1).fit(photos)  # each blob takes 1,792 bytes
    for i in range(0, 40, 4):
        clock[0] += 100
        step.transform([*photos[i : i + 4], photos[0]])
    assert 8 < cache.info().n_rows < 30 and cache.info().n_bytes <= 90_000
    forget()
    passes.clear()
    step.transform([photos[0], *photos[36:]])
    assert not passes, "used again and again, or just stored"
    step.transform(photos[1:9])
    assert passes == [8], "unused for longest"


EMPTY = 5 * 8192  # the pages of a file without blobs


@pytest.mark.parametrize("max_bytes", [0, 30_000, 100_000, 1_000_000])
def test_the_file_does_not_grow_beyond_its_limit(max_bytes, tmp_path):
    cache, photos = FeatureCache(tmp_path, max_bytes=max_bytes, max_memory_bytes=0), noise_photos(80)
    expected = transformer("conv1").fit_transform(photos)
    for _ in range(2):
        np.testing.assert_array_equal(transformer("conv1", cache).fit_transform(photos), expected)
        assert (tmp_path / "features.sqlite").stat().st_size <= max(max_bytes, EMPTY)
    assert cache.info().n_bytes <= max(max_bytes, EMPTY)


def test_a_lower_limit_shrinks_the_file(tmp_path):
    transformer("conv1", FeatureCache(tmp_path)).fit_transform(noise_photos(80))
    assert (tmp_path / "features.sqlite").stat().st_size > 150_000
    cache = FeatureCache(tmp_path, max_bytes=100_000)
    transformer("fc6", cache).fit_transform(noise_photos(1))
    assert (tmp_path / "features.sqlite").stat().st_size <= 100_000 and cache.info().n_rows > 10


def test_reading_seldom_writes(paths, cache, clock):
    def time_of_use():
        with as_database(cache) as connection:
            return {used for (used,) in connection.execute("SELECT used FROM blobs")}

    transformer(memory=cache).fit_transform(paths)
    first, later = {clock[0]}, clock[0] + 59
    clock[0] = later
    transformer(memory=cache).fit_transform(paths)
    forget()
    transformer(memory=cache).fit_transform(paths)
    assert time_of_use() == first
    clock[0] = later + 1
    transformer(memory=cache).fit_transform(paths)
    assert time_of_use() == {later + 1}


def header_destroyed(path):
    path.write_bytes(b"\xff" * 100 + path.read_bytes()[100:])


def pages_destroyed(path):
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 30_000)


def zeros(path):
    path.write_bytes(bytes(path.stat().st_size))  # as after a power cut


def text(path):
    path.write_bytes(b"a file of something else" * 50)


def table_missing(path):
    _execute(path, "ALTER TABLE blobs RENAME TO others")


def other_program(path):
    _execute(path, "PRAGMA application_id = 1")


def other_version(path):
    _execute(path, "PRAGMA user_version = 3")


def other_program_and_pages_destroyed(path):
    other_program(path)
    content = path.read_bytes()
    path.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))


@pytest.mark.parametrize(
    "damage",
    [
        header_destroyed, pages_destroyed, zeros, text, table_missing, other_program, other_version,
        other_program_and_pages_destroyed,
    ],
)  # fmt: skip
def test_a_damaged_file_is_set_aside(damage, paths, cache, passes):
    transformer(memory=cache).fit_transform(paths)
    expected = transformer().fit_transform(paths)
    file = cache.path / "features.sqlite"
    damage(file)
    damaged = file.read_bytes()
    forget()
    passes.clear()
    with pytest.warns(
        UserWarning, match=r"features.sqlite' is damaged: .*renamed to '.*damaged-1'; you can d"
    ) as record:
        for _ in range(2):
            np.testing.assert_array_equal(transformer(memory=cache).fit_transform(paths), expected)
            forget()
    assert len(record) == 1 and record[0].filename == __file__
    assert sum(passes) == len(paths), "stored again"
    assert names_in(cache.path) == ["features.sqlite", "features.sqlite.damaged-1"]
    assert (cache.path / "features.sqlite.damaged-1").read_bytes() == damaged


DAMAGED_ROWS = {
    "a flipped bit": "UPDATE blobs SET data = x'00' || substr(data, 2) WHERE rowid <= 2",
    "NaN": "UPDATE blobs SET data = x'0000c07f' || substr(data, 5) WHERE rowid <= 2",
    "too short": "UPDATE blobs SET data = substr(data, 1, 40) WHERE rowid <= 2",
    "half a number": "UPDATE blobs SET data = substr(data, 1, 41) WHERE rowid <= 2",
    "too long": "UPDATE blobs SET data = data || data WHERE rowid <= 2",
    "text": "UPDATE blobs SET data = 'text' WHERE rowid <= 2",
    "text that is no UTF-8": "UPDATE blobs SET data = CAST(x'ff' AS TEXT) WHERE rowid = 1",
    "a number": "UPDATE blobs SET data = 3 WHERE rowid <= 2",
    "nothing": "UPDATE blobs SET data = NULL WHERE rowid <= 2",
    "swapped": "UPDATE blobs SET (data, checksum) = "
    "(SELECT data, checksum FROM blobs b WHERE b.rowid = 3 - blobs.rowid) WHERE rowid <= 2",
    "another photo's": "UPDATE blobs SET (data, checksum) = "
    "(SELECT data, checksum FROM blobs b WHERE b.rowid = blobs.rowid + 2) WHERE rowid <= 2",
    "no checksum": "UPDATE blobs SET checksum = NULL WHERE rowid <= 2",
    "a time that is text": "UPDATE blobs SET used = 'now' WHERE rowid <= 2",
}


@pytest.mark.parametrize("damage", DAMAGED_ROWS)
def test_damaged_rows_are_computed_again(damage, paths, cache, passes):
    layers = ["fc6_pre", "fc6"]
    expected = transformer(layers).fit_transform(paths)
    transformer(layers, cache).fit_transform(paths)
    _execute(cache.path / "features.sqlite", DAMAGED_ROWS[damage])
    forget()
    passes.clear()
    with pytest.warns(UserWarning, match=r"features.sqlite' (are|is) damaged") as record:
        np.testing.assert_array_equal(transformer(layers, cache).fit_transform(paths), expected)
    assert len(record) == 1 and record[0].filename == __file__ and 0 < sum(passes) <= 10
    forget()
    passes.clear()
    np.testing.assert_array_equal(transformer(layers, cache).fit_transform(paths), expected)
    assert not passes, "stored again"


@pytest.mark.parametrize("rounds", [60, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore:(the feature cache|features are computed|.*stored blobs)")
def test_no_damage_gives_other_features(rounds, cache):
    photos = noise_photos(12)
    step = transformer(["conv1", 6], cache).fit(photos)
    expected = step.transform(photos)
    file = cache.path / "features.sqlite"
    sound, generator = file.read_bytes(), np.random.default_rng(rounds)
    for i in range(rounds):
        remove_all(cache.path)
        file.write_bytes(mutated(sound, MUTATIONS[i % len(MUTATIONS)], generator))
        forget()
        try:
            np.testing.assert_array_equal(step.transform(photos), expected)
        except ValueError as error:
            assert MUTATIONS[i % len(MUTATIONS)] == "bytes", error
            assert "is a database of something else" in str(error) or "has format" in str(error)


MUTATIONS = ("bit", "bit of the header", "owner", "bytes", "end", "pages", "lost page")


def mutated(content, kind, generator):
    """A file with one kind of damage; only with "bytes" are there up to five damaged places in its first pages."""
    content = np.frombuffer(content, np.uint8).copy()
    first, last = {"bit": (0, len(content)), "owner": (60, 72), "bytes": (0, 3 * 8192)}.get(kind, (0, 100))
    if kind == "end":
        return content[: generator.integers(len(content))].tobytes()
    if kind in ("pages", "lost page"):
        pages = content.reshape(-1, 8192)
        one, other = generator.integers(len(pages), size=2)
        pages[[one, other]] = pages[[other, one]] if kind == "pages" else 0
        return content.tobytes()
    places = generator.integers(first, last, generator.integers(1, 6) if kind == "bytes" else 1)
    content[places] ^= np.uint8(1) << generator.integers(8, size=len(places)).astype(np.uint8)
    return content.tobytes()


def remove_all(folder):
    for path in folder.iterdir():
        path.unlink()


def test_what_was_set_aside_is_not_overwritten(paths, cache):
    cache.path.mkdir()
    for i in range(3):
        (cache.path / "features.sqlite").write_text(f"text {i}")
        with pytest.warns(UserWarning, match=f"damaged-{i + 1}'"):
            cache.info() if i else cache.clear()
        assert cache.info().n_rows == 0
    assert [(cache.path / f"features.sqlite.damaged-{i + 1}").read_text() for i in range(3)] == [
        f"text {i}" for i in range(3)
    ]


def test_damage_that_shows_in_the_midst(paths, cache):
    """Rows that were stored before the damage are lost, and those after it are stored."""
    cache, photos = FeatureCache(cache.path, max_memory_bytes=0), noise_photos(60)
    expected = transformer("conv1").fit_transform(photos)
    transformer("conv1", cache).fit_transform(photos)
    file = cache.path / "features.sqlite"
    with open(file, "r+b") as pages:  # the first ones are sound, so that it opens
        pages.seek(4 * 8192)
        pages.write(b"\xff" * (file.stat().st_size - 4 * 8192))
    with pytest.warns(UserWarning, match="is damaged: database disk image is malformed") as record:
        for _ in range(2):
            found = transformer("conv1", cache, batch_size=4, n_jobs=2).fit_transform(photos)
            np.testing.assert_array_equal(found, expected)
    assert len(record) == 1 and cache.info().n_rows == 60


needs_deletion_while_open = pytest.mark.skipif(os.name == "nt", reason="Windows deletes no open file")


@pytest.mark.parametrize("again", [slice(0, 0), slice(2, 4), slice(None)], ids=["none", "some", "all"])
def test_rows_in_memory_are_written_again_after_the_folder_is_deleted(again, cache, passes):
    images, new = photo_arrays(), noise_photos(1)
    expected = transformer().fit_transform(images + new)
    transformer(memory=cache).fit_transform(images)
    shutil.rmtree(cache.path)
    found = transformer(memory=cache).fit_transform(images[again] + new)
    np.testing.assert_array_equal(found, np.concatenate([expected[:-1][again], expected[-1:]]))
    assert cache.info().n_rows == len(images) + 1
    forget()
    passes.clear()
    np.testing.assert_array_equal(transformer(memory=cache).fit_transform(images + new), expected)
    assert not passes


def test_rows_that_are_all_in_memory_are_written_again(paths, cache, passes):
    transformer(memory=cache).fit_transform(paths)
    shutil.rmtree(cache.path)
    passes.clear()
    for _ in range(2):
        transformer(memory=cache).fit_transform(paths)
        assert cache.info().n_rows == len(paths) and not passes


@needs_deletion_while_open
def test_a_folder_that_is_deleted_in_the_midst_of_a_run(cache):
    first, second, third = (hashlib.sha256(bytes([i])).digest() for i in range(3))
    row = np.arange(5, dtype=np.float32)
    with cache_module.CachedRows(cache, "recipe", {"fc6": 5}) as rows:
        rows.store({first: row})
        shutil.rmtree(cache.path)
        rows.store({second: row + 1})
        shutil.rmtree(cache.path)
        assert set(rows.find([first, second, third])) == {first, second}
    assert cache.info().n_rows == 2
    forget()
    with cache_module.CachedRows(cache, "recipe", {"fc6": 5}) as rows:
        np.testing.assert_array_equal(rows.find([second])[second], row + 1)


def test_a_cache_that_was_cleared_stays_empty(paths, cache):
    transformer(memory=cache).fit_transform(paths)
    cache.clear()
    transformer(memory=cache).fit_transform(paths[:1])
    assert cache.info().n_rows == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become someone else")
def test_a_damaged_file_that_cannot_be_set_aside_stays(paths, cache):
    cache.path.mkdir()
    (cache.path / "features.sqlite").write_text("text")
    images = photo_arrays()
    expected = transformer().fit_transform(images)
    with as_nobody(cache.path), pytest.warns(UserWarning, match="Permission denied; give a folder in which"):
        found = transformer(memory=cache).fit_transform(images)
    np.testing.assert_array_equal(found, expected)
    assert names_in(cache.path) == ["features.sqlite"]


FOREIGN = {
    "tables": ["CREATE TABLE accounts (name, money)"],
    "a table that looks like ours": ["CREATE TABLE blobs (photo BLOB)", "CREATE INDEX blobs_by_use ON blobs (photo)"],
    "no table": ["PRAGMA application_id = 7"],
    "no table, and a version": ["PRAGMA user_version = 2"],
    "what is not yet in the file": ["PRAGMA journal_mode = WAL", "CREATE TABLE accounts (name, money)"],
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_database_of_another_program_is_left_alone(kind, paths, cache):
    cache.path.mkdir()
    file = cache.path / "features.sqlite"
    with contextlib.closing(sqlite3.connect(file)) as connection:
        for statement in FOREIGN[kind]:
            connection.execute(statement)
        names, before = names_in(cache.path), file.read_bytes()
        for use in (cache.info, cache.clear, lambda: transformer(memory=cache).fit_transform(paths)):
            with pytest.raises(ValueError, match=r"features.sqlite' is a database of something else; choose another"):
                use()
        assert names_in(cache.path) == names and file.read_bytes() == before


def test_a_damaged_database_of_another_program_is_left_alone(paths, cache):
    cache.path.mkdir()
    file = cache.path / "features.sqlite"
    _execute(file, "CREATE TABLE accounts (name, money)")
    before = file.read_bytes()
    file.write_bytes(before[:100] + b"\xff" * len(before[100:]))
    with pytest.raises(ValueError, match=r"features.sqlite' is a database of something else"):
        transformer(memory=cache).fit_transform(paths)
    assert names_in(cache.path) == ["features.sqlite"]


@pytest.mark.parametrize("damage", ["PRAGMA application_id = 0", "PRAGMA user_version = 3"])
def test_another_format_is_cleared_when_asked(damage, paths, cache, monkeypatch):
    with monkeypatch.context() as other_version:
        other_version.setattr(database, "_FORMAT", 99)
        other_version.setattr(database, "_OWNER", (database._APPLICATION_ID, 99))
        transformer(memory=cache).fit_transform(paths)
    _execute(cache.path / "features.sqlite", damage)
    forget()
    match = (
        r"features.sqlite' has format 99, and this version reads format 2; choose another folder, or call FeatureCache"
    )
    with pytest.raises(ValueError, match=match):
        transformer(memory=cache).fit_transform(paths)
    cache.clear()
    transformer(memory=cache).fit_transform(paths)
    assert cache.info().n_rows == len(paths)


def _execute(path, statement):
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


@contextlib.contextmanager
def as_nobody(folder):
    """Be someone else, who may look into a folder and those above it, and not write."""
    folder.chmod(0o755)
    folders = [above for above in folder.parents if above.stat().st_mode & 0o005 != 0o005]
    modes = [above.stat().st_mode for above in folders]
    for above in folders:
        above.chmod(0o755)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        for above, mode in zip(folders, modes, strict=True):
            above.chmod(mode)


def test_a_file_is_no_folder(paths):
    with pytest.raises(NotADirectoryError, match=r"is a file; a feature cache needs a folder"):
        transformer(memory=paths[0]).fit_transform(paths)


def test_a_full_disk_warns_once_and_keeps_what_is_stored(cache, monkeypatch, passes):
    photos = noise_photos(40)
    transformer("conv1", cache).fit_transform(photos[36:])
    connect = database._connect

    def connect_to_full_disk(*args, **options):
        connection = connect(*args, **options)
        connection.execute("PRAGMA max_page_count = 1")  # no more than it has
        return connection

    monkeypatch.setattr(database, "_connect", connect_to_full_disk)
    expected = transformer("conv1").fit_transform(photos)
    forget()
    passes.clear()
    with pytest.warns(UserWarning, match=r"cannot be used: .*database or disk is full; free some space$") as record:
        for _ in range(2):
            found = transformer("conv1", cache, batch_size=4, n_jobs=1).fit_transform(photos)
            np.testing.assert_array_equal(found, expected)
            process_memory.memory_of(cache.path)._blobs.clear()
    assert len(record) == 1 and record[0].filename == __file__
    assert len(passes) in (16, 17, 18), "all but those that were stored, or found room in a page"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become someone else")
def test_a_folder_without_permission_is_read_only(cache, passes, clock):
    photos = noise_photos(4)
    transformer(memory=cache).fit_transform(photos[:2])
    forget()
    with as_nobody(cache.path):
        passes.clear()
        for _ in range(2):
            clock[0] += 3600  # so that the use should be noted
            transformer(memory=cache).fit_transform(photos[:2])
        assert not passes
        with pytest.warns(UserWarning, match=r"cannot be used: .* a readonly database; give a folder in which"):
            found = transformer(memory=cache).fit_transform(photos)
    np.testing.assert_array_equal(found, transformer().fit_transform(photos))


def test_a_folder_that_cannot_be_made_warns(paths):
    with pytest.warns(UserWarning, match=r"'/proc/cache/features.sqlite': No such file or directory; give a folder"):
        found = transformer(memory="/proc/cache").fit_transform(paths)
    np.testing.assert_array_equal(found, transformer().fit_transform(paths))


def test_a_folder_that_cannot_be_locked_warns(paths, cache):
    (cache.path / ".features.sqlite.lock").mkdir(parents=True)
    with pytest.warns(UserWarning, match=r"cannot be used: '.*features.sqlite': Is a directory; give a folder"):
        found = transformer(memory=cache).fit_transform(paths)
    np.testing.assert_array_equal(found, transformer().fit_transform(paths))


# Several processes


def in_processes(target, *args, n=1):
    """Start forked processes; tests that start a new Python are slow."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=target, args=(*args, i), daemon=True) for i in range(n)]
    for process in processes:
        process.start()
    return processes


def _check_features(cache, photos, expected, seed):
    order = np.random.default_rng(seed).permutation(len(photos))
    found = transformer("conv1", cache, batch_size=3, n_jobs=2).fit_transform([photos[i] for i in order])
    np.testing.assert_array_equal(found, expected[order])


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
ignores_fork_warnings = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@needs_fork
@ignores_fork_warnings
def test_processes_write_at_once(cache):
    """Also the first use, when each would make the file."""
    photos = noise_photos(60)
    expected = transformer("conv1").fit_transform(photos)
    processes = in_processes(_check_features, cache, photos, expected, n=4)
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert cache.info().n_rows == 60
    _check_features(cache, photos, expected, 9)


def _check_features_after_damage(cache, photos, expected, seed):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the feature cache .* is damaged")
        _check_features(cache, photos, expected, seed)


@needs_fork
@ignores_fork_warnings
def test_processes_that_find_damage_at_once_set_it_aside_once(cache):
    photos = noise_photos(30)
    expected = transformer("conv1").fit_transform(photos)
    cache.path.mkdir()
    (cache.path / "features.sqlite").write_bytes(b"damage")
    processes = in_processes(_check_features_after_damage, cache, photos, expected, n=4)
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert names_in(cache.path) == ["features.sqlite", "features.sqlite.damaged-1"]
    assert cache.info().n_rows == 30


def _write_for_ever(cache, seed):
    generator = np.random.default_rng([seed, os.getpid()])
    while True:
        photos = generator.integers(0, 256, (20, 20, 20, 3)).astype(np.uint8)
        transformer("conv1", cache, batch_size=2).fit_transform(list(photos))


@needs_fork
@ignores_fork_warnings
@pytest.mark.parametrize("rounds", [1, pytest.param(60, marks=pytest.mark.slow)])
def test_a_kill_corrupts_nothing(rounds, tmp_path):
    cache, photos = FeatureCache(tmp_path, max_bytes=2_000_000), noise_photos(10)
    expected = transformer("conv1").fit_transform(photos)
    generator = np.random.default_rng()
    for i in range(rounds):
        processes = in_processes(_write_for_ever, cache, n=2)
        time.sleep(generator.uniform(0.02, 0.25))
        for process in processes:
            os.kill(process.pid, signal.SIGKILL)
            process.join()
        forget()
        with as_database(cache) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
        _check_features(cache, photos, expected, i)


@needs_fork
@ignores_fork_warnings
def test_a_forked_child_goes_on(cache):
    photos = noise_photos(20)
    expected = transformer("conv1").fit_transform(photos)
    _check_features(cache, photos[:10], expected[:10], 0)
    [process] = in_processes(_check_features, cache, photos, expected)
    _check_features(cache, photos, expected, 1)
    process.join(60)
    assert process.exitcode == 0 and cache.info().n_rows == 20


@pytest.mark.slow
def test_grid_search_in_processes(tmp_path, paths):
    network = tmp_path / "network.safetensors"
    NETWORK.save(network)
    cache = FeatureCache(tmp_path / "cache")
    labels = [i % 3 for i in range(len(paths))]
    grid = {"decaftransformer__dropout": [True, False], "linearsvc__C": [0.1, 1.0]}
    scores = []
    for memory in (None, cache):
        pipeline = make_pipeline(transformer(memory=memory, weights=str(network)), LinearSVC(random_state=0))
        search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2).fit(paths, labels)
        scores.append(search.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(*scores)
    assert cache.info().n_rows == len(paths)


def test_the_folder_may_be_below_the_home():
    assert FeatureCache("~/photos/cache").path == Path.home() / "photos" / "cache"
