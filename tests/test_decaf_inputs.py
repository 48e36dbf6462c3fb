"""What goes into DeCAFTransformer: kinds of input, ranges of values, views, bad images."""

# SPDX-License-Identifier: BSD-3-Clause
import io
import re
import sys
import zipfile
from contextlib import ExitStack
from pathlib import Path

import float64_layers
import fsspec
import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image
from sklearn.exceptions import NotFittedError
from small_photos import photo_arrays, truncated_png, write_photos
from tiny_networks import TINY, tiny_network

from skdecaf import DeCAFTransformer, FeatureCache
from skdecaf._forward import ForwardPass
from skdecaf.images import UnreadableImageWarning
from skdecaf.weights import Architecture, Network, Preprocessing

NETWORK = tiny_network()
PHOTOS = photo_arrays()


def transformer(**parameters):
    return DeCAFTransformer(**{"dropout": False, "weights": NETWORK, **parameters})


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("photos"))


def float64_features(crops, network=NETWORK, blob="fc6"):
    return np.array([float64_layers.blobs(network, crop)[blob].reshape(-1) for crop in crops])


# Kinds of input


def objects(values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def contents(paths):
    return [Path(path).read_bytes() for path in paths]


def opened(paths):
    """Each PIL image opened, but not read yet."""
    return [Image.open(io.BytesIO(content)) for content in contents(paths)]


def in_memory_urls(contents):
    """URLs of fsspec's file system in memory."""
    urls = [f"memory://photos/{i}" for i in range(len(contents))]
    for url, content in zip(urls, contents, strict=True):
        with fsspec.open(url, "wb") as file:
            file.write(content)
    return urls


def in_zip_file(paths):
    archive = Path(paths[0]).with_name("photos.zip")
    with zipfile.ZipFile(archive, "w") as file:
        for path in paths:
            file.write(path, Path(path).name)
    return [zipfile.Path(archive, Path(path).name) for path in paths]


KINDS = {
    "str": list,
    "tuple": tuple,
    "Path": lambda paths: [Path(path) for path in paths],
    "bytes": contents,
    "bytearray": lambda paths: [bytearray(content) for content in contents(paths)],
    "BytesIO": lambda paths: [io.BytesIO(content) for content in contents(paths)],
    "PIL": opened,
    "arrays": lambda paths: PHOTOS,
    "read-only views": lambda paths: [np.flip(np.ascontiguousarray(photo[:, ::-1]), 1) for photo in PHOTOS],
    "RGBA arrays": lambda paths: [np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)]) for photo in PHOTOS],
    "uint16 arrays": lambda paths: [photo * np.uint16(257) for photo in PHOTOS],
    "str array": np.array,
    "object array of paths": lambda paths: np.array(paths, dtype=object),
    "object array of arrays": lambda paths: objects(PHOTOS),
    "object array of PIL images": lambda paths: objects(opened(paths)),
    "(n, 1) array": lambda paths: np.array(paths).reshape(-1, 1),
    "list of lists": lambda paths: [[path] for path in paths],
    "Series": lambda paths: pd.Series(paths, index=range(9, 0, -1)),
    "Series of bytes": lambda paths: pd.Series(contents(paths)),
    "Series of arrays": lambda paths: pd.Series(PHOTOS),
    "Index": pd.Index,
    "frame": lambda paths: pd.DataFrame({"path": paths}),
    "polars Series": lambda paths: pl.Series("path", paths),
    "polars Series of bytes": lambda paths: pl.Series("path", contents(paths)),
    "polars frame": lambda paths: pl.DataFrame({"path": paths}),
    "dicts of bytes": lambda paths: [{"bytes": content, "path": None} for content in contents(paths)],
    "dicts of paths": lambda paths: pd.DataFrame({"image": [{"bytes": None, "path": path} for path in paths]}),
    "file URLs": lambda paths: [Path(path).as_uri() for path in paths],
    "URLs": lambda paths: in_memory_urls(contents(paths)),
    "members of a zip file": lambda paths: in_zip_file(paths),
    "mixed": lambda paths: [paths[0], Path(paths[1]), contents(paths)[2], io.BytesIO(contents(paths)[3]), *PHOTOS[4:]],
}


@pytest.fixture(scope="module")
def features(paths):
    return transformer().fit_transform(paths)


@pytest.mark.parametrize("kind", KINDS)
def test_all_kinds_give_the_same_features(kind, paths, features):
    X = KINDS[kind](paths)
    estimator = transformer(n_jobs=2, batch_size=2)
    found = [estimator.fit_transform(X), estimator.transform(X)]  # files are set back to where they stood
    columns = ("frame", "polars frame", "(n, 1) array", "list of lists", "dicts of paths")
    if kind not in columns:  # columns bind transform to columns
        found.append(transformer().fit(PHOTOS).transform(X))
    for one in found:
        # 16 bits are resized without rounding in between, so they differ where a photo is resized.
        np.testing.assert_allclose(one, features, rtol=0, atol=0.05 * features.max() if "uint16" in kind else 0)


def test_open_files(paths, features):
    with ExitStack() as stack:
        files = [stack.enter_context(open(path, "rb")) for path in paths]
        estimator = transformer(n_jobs=3, batch_size=1)
        np.testing.assert_array_equal(estimator.fit_transform([*files, *files])[9:], features)
        np.testing.assert_array_equal(estimator.transform(files), features)


def stack(n=7, size=(18, 20)):
    """Photos of the size to which the network resizes, so that nothing is interpolated."""
    return np.random.default_rng(1).integers(0, 256, (n, *size, 3), dtype=np.uint8)


def test_flattened_images_are_images():
    images = stack()
    expected = transformer().fit_transform(images)
    np.testing.assert_allclose(expected, float64_features(images[:, :17, :19]), rtol=1e-4, atol=1e-4)
    flat = images.reshape(7, -1)
    channels_first = np.moveaxis(images, 3, 1).reshape(7, -1)
    for table, shape in ((flat, (18, 20, 3)), (channels_first, (3, 18, 20)), (channels_first, [3, 18, 20])):
        for X in (table, np.asfortranarray(table), pd.DataFrame(table), pl.DataFrame(table)):
            estimator = transformer(image_shape=shape).fit(X)
            np.testing.assert_array_equal(estimator.transform(X), expected)
            assert estimator.n_features_in_ == 1080 and estimator.image_shape_ == tuple(shape)
    np.testing.assert_array_equal(transformer().fit_transform(list(images)), expected)
    np.testing.assert_array_equal(transformer().fit_transform(objects(list(images))), expected)
    grey = images[..., 0]
    expected = float64_features(np.repeat(grey[..., np.newaxis], 3, axis=3)[:, :17, :19])
    for X, shape in ((grey, None), (grey[..., np.newaxis], None), (grey.reshape(7, -1), (18, 20))):
        np.testing.assert_allclose(transformer(image_shape=shape).fit_transform(X), expected, rtol=1e-4, atol=1e-4)


def test_square_tables_need_no_shape():
    images = stack(size=(18, 18))
    found = transformer().fit_transform(images.reshape(7, -1))
    np.testing.assert_array_equal(found, transformer().fit_transform(images))
    with pytest.raises(ValueError, match=r"1080 columns of X are neither .* set image_shape"):
        transformer().fit(stack().reshape(7, -1))


@pytest.mark.parametrize("size", [(18, 20), (30, 41)])
def test_ranges_of_values_agree(size):
    images = stack(size=size)
    images[0, 0, 0] = 0, 128, 255
    expected = transformer().fit_transform(images)
    # Floats are resized without rounding to whole grey levels in between.
    tolerance = (1e-5 if size == (18, 20) else 0.02) * expected.max()
    scaled = {
        "0 to 255": images.astype(np.float32),
        "int64": images.astype(np.int64),
        "0 to 1": images / 255,
        "float16": (images / 255).astype(np.float16),
        "uint16": images * np.uint16(257),
        "-1 to 1": images / 127.5 - 1,
        "0 to 4095": images * (4095 / 255),
    }
    for name, X in scaled.items():
        atol = max(tolerance, 3e-3 * expected.max()) if name == "float16" else tolerance
        estimator = transformer()
        np.testing.assert_allclose(estimator.fit_transform(X), expected, rtol=0, atol=atol, err_msg=name)
        # transform keeps the range of fit: one dark image is not stretched.
        dark = X[:1] if name == "uint16" else np.where(images[:1] < 100, X[:1], X[0, 0, 0, 0]).astype(X.dtype)
        if name != "uint16":
            plain = transformer().fit_transform(np.where(images[:1] < 100, images[:1], 0).astype(np.uint8))
            np.testing.assert_allclose(estimator.transform(dark), plain, rtol=0, atol=atol, err_msg=name)


def test_value_range_is_asked_for_learned_or_given(paths):
    dark = [photo / 2550 for photo in stack(2)]
    with pytest.raises(ValueError, match=r"image 1 has float64 pixels.*value_range=\(low, high\)"):
        transformer().fit(paths).transform([paths[0], *dark])
    given = transformer(value_range=(0, 0.1)).fit(paths)
    np.testing.assert_allclose(given.transform(dark), transformer().fit_transform(stack(2)), rtol=1e-4, atol=1e-4)
    first = transformer().partial_fit([photo * 255 for photo in dark])
    assert first.value_range_ == (0, 255)
    assert first.partial_fit(dark).value_range_ == (0, 255)
    assert first.fit(dark).value_range_ == (0, 1)
    with pytest.warns(UserWarning, match="1 of 2 images have values of quite another range.* image 1") as caught:
        first.transform([dark[0], dark[1] * 2550])
    assert len(caught) == 1


# Views


WIDE = {
    policy: Network.random(
        Architecture(TINY.layers, Preprocessing((24, 29), (17, 19), policy=policy, resample="bicubic")), 0
    )
    for policy in ("warp", "crop")
}


def by_hand(photo, policy, size=(24, 29)):
    """A photo brought to a size by Pillow."""
    image, (height, width) = Image.fromarray(photo), photo.shape[:2]
    if policy == "warp":
        return np.asarray(image.resize(size[::-1], Image.Resampling.BICUBIC))
    ratio = max(size[0] / height, size[1] / width)
    scaled = image.resize((round(width * ratio), round(height * ratio)), Image.Resampling.BICUBIC)
    left, top = (scaled.width - size[1]) // 2, (scaled.height - size[0]) // 2
    return np.asarray(scaled.crop((left, top, left + size[1], top + size[0])))


@pytest.mark.parametrize("own", ["warp", "crop"])
@pytest.mark.parametrize("resize", ["warp", "crop", None])
def test_resize_and_ten_crops(own, resize):
    network = WIDE[own]
    photos = PHOTOS[:2]
    resized = [by_hand(photo, resize or own) for photo in photos]
    center = transformer(weights=network, resize=resize).fit_transform(photos)
    expected = float64_features([image[3:20, 5:24] for image in resized], network)
    np.testing.assert_allclose(center, expected, rtol=1e-4, atol=1e-4)
    ten = transformer(weights=network, resize=resize, crops="ten").fit_transform(photos)
    corners = [(0, 0), (0, 10), (7, 0), (7, 10), (3, 5)]
    crops = [image[top : top + 17, left : left + 19] for top, left in corners for image in resized]
    crops += [crop[:, ::-1] for crop in crops]
    expected = float64_features(crops, network).reshape(10, len(photos), -1).mean(axis=0)
    np.testing.assert_allclose(ten, expected, rtol=1e-4, atol=1e-4)
    scales = transformer(weights=network, resize=resize, crops="scales").fit_transform(photos)
    larger = [by_hand(photo, resize or own, (27, 32)) for photo in photos]
    enlarged = float64_features([image[5:22, 6:25] for image in larger], network)
    np.testing.assert_allclose(scales, (center + enlarged) / 2, rtol=1e-4, atol=1e-4)


# Nothing, and another kind


@pytest.mark.parametrize("dropout", [True, "mask", False])
def test_nothing(dropout, paths):
    for crops in ("center", "scales", "ten"):
        fitted = transformer(dropout=dropout, crops=crops, n_jobs=2).fit(paths)
        for X in ([], (), np.array([]), pd.Series([], dtype=object), pl.Series("a", []), np.empty((0, 9, 9, 3))):
            found = fitted.transform(X)
            assert found.shape == (0, 20) and found.dtype == np.float32
    frame = pd.DataFrame({"path": paths})
    fitted = transformer().set_output(transform="pandas").fit(frame)
    assert list(fitted.transform(frame[:0])) == list(fitted.get_feature_names_out())
    for X in ([], np.empty((0, 12)), frame[:0]):
        for method in (transformer().fit, transformer().fit_transform, transformer().partial_fit):
            with pytest.raises(ValueError, match="minimum of 1 is required"):
                method(X)


def test_another_kind(paths):
    table, estimator = stack(size=(18, 18)).reshape(7, -1), transformer(dropout=True)
    assert estimator.fit(table).n_features_in_ == 972
    with pytest.raises(ValueError, match="fit saw numbers, .* but X holds paths"):
        estimator.transform(paths)
    estimator.fit(paths)
    assert not hasattr(estimator, "n_features_in_") and estimator.image_shape_ is None
    np.testing.assert_array_equal(estimator.transform(paths), transformer(dropout=True).fit(paths).transform(paths))
    with pytest.raises(ValueError, match="fit saw paths.* but X holds numbers"):
        estimator.transform(table)
    with pytest.raises(ValueError, match="X has 975 features, but DeCAFTransformer is expecting 972"):
        estimator.fit(table).transform(np.ones((2, 975)))


# Bad images


@pytest.fixture
def bad_images(paths, tmp_path, monkeypatch):
    """Bad images that show without decoding, and those that do not; by a part of their message."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5000)
    files = {"text.png": b"no image", "empty.png": b"", "cut.png": truncated_png(paths[0])}
    files["cut.jpg"] = io.BytesIO()
    Image.fromarray(stack(1, (60, 60))[0]).save(files["cut.jpg"], "JPEG")
    files["cut.jpg"] = files["cut.jpg"].getvalue()[:-500]
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    Image.new("L", (101, 101)).save(tmp_path / "bomb.png")
    early = [
        (str(tmp_path / "no.png"), "does not exist"), (str(tmp_path), "is a directory"),
        (tmp_path / "empty.png", "is empty"), (str(tmp_path / "text.png"), "in none of the formats"),
        ("", "path ''"), (b"no image", "formats"), (b"", "empty"), (None, "NoneType"), (float("nan"), "float"),
        ({}, "dict"), ([1, 2], "list"), (object(), "object"), (np.ones((4, 4, 2)), r"shape \(4, 4, 2\)"),
        (np.ones((2, 2, 2, 3)), "shape"), (np.empty((0, 4)), "shape"), (np.full((4, 4), "a"), "dtype <U1"),
        (io.StringIO("text"), "open as text"),
    ]  # fmt: skip
    late = [
        (str(tmp_path / "cut.png"), "cannot be read"), (tmp_path / "cut.jpg", "cannot be read"),
        (truncated_png(paths[0]), "cannot be read"), (str(tmp_path / "bomb.png"), "too large"),
        (np.full((4, 4), np.nan), "NaN or infinite"), (np.array([[np.inf, 0]]), "NaN or infinite"),
    ]  # fmt: skip
    return early, late


def message(X, n_jobs, method="fit_transform", **parameters):
    estimator = transformer(n_jobs=n_jobs, batch_size=2, value_range=(0, 1), dropout=True, **parameters)
    with pytest.raises(ValueError) as caught:
        getattr(estimator.fit(X[:3]) if method == "transform" else estimator, method)(X)
    return str(caught.value)


def test_bad_images_are_named(bad_images, paths):
    early, late = bad_images
    for bad, words in early + late:
        X = [*paths[:5], bad, *paths[5:]]
        expected = message(X, 1)
        assert re.match(rf"image 5\b.*{words}", expected), expected
        assert "\n" not in expected
        if isinstance(bad, (str, Path)) and bad != "":
            assert repr(str(bad)) in expected
        for method in ("fit", "partial_fit", "transform"):
            assert message(X, 3, method) == expected


def test_the_lowest_bad_image_is_named_early_ones_first(bad_images, paths, monkeypatch):
    early, late = ([bad for bad, _ in bad_images[kind]] for kind in (0, 1))
    for n_jobs in (1, 2, 4):
        assert message([*paths, *late, *paths, *late], n_jobs).startswith("image 9 (")
    calls = []
    monkeypatch.setattr(ForwardPass, "run", lambda *args: calls.append(args))
    for n_jobs in (1, 2, 4):
        assert message([*paths, *late, *early], n_jobs) == message([*paths, *late, *early, *paths], 1)
        assert message([*paths, *late, *early], n_jobs).startswith("image 15 (")
    assert not calls


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_bad_images_become_nan(n_jobs, bad_images, paths):
    bad = [image for kind in bad_images for image, _ in kind]
    X, n = [*bad[:9], *paths[:4], *bad[9:], *paths[4:]], len(bad)
    rows = [*range(9, 13), *range(n + 4, n + 9)]
    expected = transformer(dropout=True).fit_transform(paths)
    estimator = transformer(dropout=True, on_error="nan", n_jobs=n_jobs, batch_size=2, value_range=(0, 1))
    first = (
        rf"{n} of {n + 9} images .*; their results are NaN: "
        r"image 0 \('.*no.png'\), image 1 \('.*'\), image 2 \('.*'\), …$"
    )
    for method in (estimator.fit_transform, estimator.transform, estimator.fit):
        with pytest.warns(UserWarning, match=first) as caught:
            found = method(X)
        assert len(caught) == 1
        if method == estimator.fit:
            found = estimator.transform(paths)
        else:
            assert np.isnan(np.delete(found, rows, axis=0)).all()
            found = found[rows]
        np.testing.assert_array_equal(found, expected)


def test_bad_images_stay_out_of_the_range(paths):
    infinite = np.array([[4000.0, np.inf]])
    with pytest.warns(
        UnreadableImageWarning, match="1 of 3 images cannot be read; their results are NaN: image 1$"
    ) as caught:
        estimator = transformer(dropout=True, on_error="nan").fit([stack(1)[0] / 255, infinite, paths[0]])
    assert estimator.value_range_ == (0, 1)
    assert list(caught[0].message.errors) == [1]


def test_nothing_but_bad_images(paths):
    estimator = transformer(dropout=True, on_error="nan")
    with (
        pytest.warns(UserWarning, match="2 of 2 images cannot be read"),
        pytest.raises(ValueError, match="none of the images can be read, so there is nothing to learn from"),
    ):
        estimator.fit(["no", "nothing"])
    with pytest.raises(NotFittedError):
        estimator.transform(paths)
    expected = estimator.fit(paths).transform(paths)
    with pytest.warns(UserWarning, match="1 of 1 images cannot be read"):
        estimator.partial_fit(["no"])
    np.testing.assert_array_equal(estimator.transform(paths), expected)


def test_nan_in_a_row_of_a_table():
    """A bad image like any other: scikit-learn's message where it is an error, else a row of NaN."""
    table = np.random.default_rng(0).random((4, 27))
    table[2, 5] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        transformer().fit(table)
    estimator = transformer(on_error="nan")
    with pytest.warns(UserWarning, match="1 of 4 images cannot be read; their results are NaN: image 2$"):
        features = estimator.fit_transform(table)
    assert np.isnan(features[2]).all() and np.isfinite(np.delete(features, 2, axis=0)).all()


@pytest.mark.parametrize("change", [{"crops": "all"}, {"dropout": "yes"}, {"on_error": "skip"}, {"n_jobs": 0}])
def test_wrong_parameters_after_fit(change, paths):
    estimator = transformer().fit(paths[:2])
    with pytest.raises(ValueError, match=f"The '{next(iter(change))}' parameter"):
        estimator.set_params(**change).transform(paths[:2])


# Other dtypes


@pytest.mark.parametrize("resample", ["bilinear", "bicubic"])
@pytest.mark.parametrize(
    ("dtype", "white"), [(">u2", 65535), ("u2", 65535), ("f2", 1), ("f2", 255), (">f4", 255), (">f8", 1)]
)
def test_the_same_photo_in_another_dtype_has_the_same_features(dtype, white, resample):
    generator = np.random.default_rng(0)
    photos = [generator.integers(0, 256, shape, dtype=np.uint8) for shape in ((40, 50, 3), (60, 30), (50, 50, 3))]
    photos[2] = np.where(photos[2] > 127, 255, 0).astype(np.uint8)  # the bicubic filter overshoots most here
    preprocessing = Preprocessing((18, 20), (17, 19), resample=resample)
    network = Network.random(Architecture(TINY.layers, preprocessing), 0)
    step = DeCAFTransformer(dropout=False, weights=network, value_range=(0, white))
    expected = step.fit_transform(photos)
    others = [(photo * np.float64(white / 255)).round(20 if white == 1 else 0).astype(dtype) for photo in photos]
    found = step.fit_transform(others)
    assert np.linalg.norm(found - expected) <= 1e-3 * np.linalg.norm(expected)


def test_deep_photos_keep_their_depth():
    deep = np.random.default_rng(0).integers(20_000, 20_200, (40, 50), dtype=np.uint16)
    step = transformer(dropout=False)
    assert (step.fit_transform([deep]) != step.fit_transform([deep // 257 * 257])).any()


@pytest.mark.parametrize("X", ["batch", "table", "list of rows"])
def test_masked_values_in_X_have_to_be_filled(X):
    images = np.ma.masked_array(np.random.default_rng(0).random((3, 4, 4)), mask=False)
    images[1, 2, 2] = np.ma.masked
    X = {"batch": images, "table": images.reshape(3, 16), "list of rows": list(images.reshape(3, 16))}[X]
    for on_error in ("raise", "nan"):
        with pytest.raises(ValueError, match="masked values; fill them"):
            transformer(on_error=on_error).fit(X)


# Files whose range of values is unknown


@pytest.fixture
def odd_files(tmp_path):
    """Files of floats and of 32-bit integers, whole and truncated."""
    for name, mode in (("float.tiff", "F"), ("integers.tiff", "I"), ("float.pfm", "F")):
        Image.new(mode, (20, 30), 7).save(tmp_path / name, "PPM" if name.endswith("pfm") else None)
    for path in tuple(tmp_path.iterdir()):
        (tmp_path / f"cut-{path.name}").write_bytes(path.read_bytes()[:-900])
    return sorted(map(str, tmp_path.glob("*.[tp]*")))


def test_odd_files_are_bad_rows_where_fit_saw_none(odd_files, paths):
    assert len(odd_files) == 6
    step = transformer(on_error="nan", dropout=False).fit(paths)
    expected = step.transform(paths[:2])
    with pytest.warns(UserWarning, match="6 of 8 images cannot be read") as caught:
        found = step.transform([paths[0], *odd_files, paths[1]])
    assert len(caught) == 1
    np.testing.assert_array_equal(found[[0, -1]], expected)
    assert np.isnan(found[1:-1]).all()
    with pytest.raises(ValueError, match="fit saw none from which to learn the range"):
        step.set_params(on_error="raise").transform([paths[0], *odd_files])
    with pytest.raises(ValueError, match=r"image 1 has float64 pixels, and fit saw none"):
        step.set_params(on_error="nan").transform([paths[0], np.ones((4, 4))])


def test_truncated_odd_files_are_bad_rows_in_fit(odd_files, paths):
    with pytest.warns(UserWarning, match="3 of 5 images cannot be read"):
        found = transformer(on_error="nan", dropout=False).fit_transform([*odd_files[:3], *paths[:2]])
    assert np.isnan(found[:3]).all() and np.isfinite(found[3:]).all()


def test_url_of_float_pixels_has_to_be_downloaded(tmp_path):
    Image.fromarray(np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)).save(tmp_path / "x.tif")
    [url] = in_memory_urls(contents([tmp_path / "x.tif"]))
    with pytest.raises(ValueError, match=r"'memory://photos/0'.* has float32 pixels.*download it"):
        transformer(value_range=(0, 1)).fit_transform([url])


def test_missing_url_is_a_bad_image():
    with pytest.raises(ValueError, match=r"image 0 \('memory://nowhere/0.jpg'\) cannot be read"):
        transformer().fit_transform(["memory://nowhere/0.jpg"])


def test_url_without_fsspec_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(ValueError, match=r"skdecaf\[remote\]"):
        transformer().fit_transform(["s3://bucket/0.jpg"])


def test_sources_that_open_files_are_stored_by_content(paths, features, tmp_path):
    for X in (in_zip_file(paths), in_memory_urls(contents(paths)), paths):
        cached = transformer(memory=tmp_path)
        np.testing.assert_array_equal(cached.fit_transform(X), features)
    assert FeatureCache(tmp_path).info().n_rows == len(paths)
