"""Maps of a photo."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from displays import network_with_filters
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_photos import photo_arrays
from tiny_networks import tiny_network

from skdecaf import DeCAFTransformer
from skdecaf.images import cut_crops, fit_image
from skdecaf.plotting import (
    BlobDisplay,
    FilterDisplay,
)

pyplot = pytest.importorskip("matplotlib.pyplot")
LogNorm = pytest.importorskip("matplotlib.colors").LogNorm
PCA_TO_2 = PCA(2, svd_solver="full")


@pytest.mark.parametrize("fitted", [True, False])
@pytest.mark.parametrize("precision", ["float32", "compact"])
def test_maps_are_the_blob_of_the_photo(fitted, precision):
    network, (photo,) = tiny_network(), photo_arrays(1)
    transformer = DeCAFTransformer(7, weights=network, crops="ten", precision=precision)
    if fitted:
        transformer.fit([photo])
    display = BlobDisplay.from_estimator(transformer, photo, blob="conv2", n_maps=5)
    expected = DeCAFTransformer("conv2", dropout=False, weights=network).fit_transform([photo])
    np.testing.assert_array_equal(display.maps.ravel(), expected[0])
    assert display.maps.shape == network.blob_shapes["conv2"] and transformer.layer == 7
    strength = np.square(display.maps).mean(axis=(1, 2))
    np.testing.assert_array_equal(strength[display.channels_], np.sort(strength)[::-1][:5])


def test_maps_and_photo_are_upright_where_the_network_reverses_the_rows():
    flipping = network_with_filters(flip=True)
    photo = np.asarray(photo_arrays(1)[0])
    display = BlobDisplay.from_estimator(DeCAFTransformer(weights=flipping), photo, blob="conv1")
    read = DeCAFTransformer("conv1", dropout=False, weights=flipping).fit_transform([photo])
    np.testing.assert_array_equal(display.maps[:, ::-1].ravel(), read[0])
    plain = BlobDisplay.from_estimator(DeCAFTransformer(weights=network_with_filters()), photo[::-1], blob="conv1")
    np.testing.assert_array_equal(display.maps, plain.maps[:, ::-1])
    np.testing.assert_array_equal(display.photo, plain.photo[::-1])


def test_maps_of_a_pipeline_are_those_of_its_transformer():
    photos = photo_arrays(6)
    transformer = DeCAFTransformer(weights=tiny_network())
    pipeline = make_pipeline("passthrough", make_pipeline(transformer, StandardScaler()), GaussianNB())
    expected = BlobDisplay.from_estimator(transformer, photos[0], blob="conv2").maps
    for estimator in (pipeline, clone(pipeline).fit(photos, [0, 1] * 3)):
        np.testing.assert_array_equal(BlobDisplay.from_estimator(estimator, photos[0], blob="conv2").maps, expected)


@pytest.mark.parametrize("estimator", [PCA_TO_2, make_pipeline(PCA_TO_2, GaussianNB())], ids=["PCA", "Pipeline"])
def test_maps_and_filters_need_a_decaf_transformer(estimator):
    says = rf"from_estimator needs a DeCAFTransformer or a pipeline with one as a step; got {type(estimator).__name__}"
    with pytest.raises(TypeError, match=f"^BlobDisplay.{says}"):
        BlobDisplay.from_estimator(estimator, photo_arrays(1)[0])
    with pytest.raises(TypeError, match=f"^FilterDisplay.{says}"):
        FilterDisplay.from_estimator(estimator)


def test_a_photo_of_floats_is_read_as_those_that_fit_saw():
    network, photos = tiny_network(), [photo / 100.0 for photo in photo_arrays(3)]
    transformer = DeCAFTransformer("conv1", dropout=False, weights=network).fit(photos)
    display = BlobDisplay.from_estimator(transformer, photos[0] / 2, blob="conv1")
    np.testing.assert_array_equal(display.maps.ravel(), transformer.transform([photos[0] / 2])[0])


@pytest.mark.slow
def test_maps_of_random_weights_are_those_of_the_fitted_network():
    (photo,) = photo_arrays(1)
    transformer = DeCAFTransformer("conv1", dropout=False, weights="random").fit([photo])
    display = BlobDisplay.from_estimator(transformer, photo, blob="conv1")
    np.testing.assert_array_equal(display.maps.ravel(), transformer.transform([photo])[0])


def test_a_new_figure_shows_the_photo_as_the_network_reads_it():
    generator = np.random.default_rng(0)
    photo = generator.integers(0, 256, (90, 60, 3), dtype=np.uint8)
    for resize in ("warp", "crop"):
        display = BlobDisplay.from_estimator(
            DeCAFTransformer(resize=resize, weights=tiny_network()), photo, blob="conv1"
        )
        preprocessing = tiny_network().preprocessing
        expected = cut_crops(
            fit_image(photo, preprocessing.resize, resize, preprocessing.resample), preprocessing.crop, "center"
        )
        (image,) = display.photo_ax_.get_images()
        np.testing.assert_array_equal(image.get_array(), expected[0])
        display.figure_.draw_without_rendering()
        assert display.photo_ax_.get_position().x1 <= display.ax_.get_position().x0
    _, ax = pyplot.subplots()
    assert display.plot(ax).photo_ax_ is None and display.ax_ is ax


def test_the_strongest_maps_come_first():
    maps = np.zeros((6, 2, 3))
    maps[4], maps[1, 0, 0] = 2.0, 3.0
    display = BlobDisplay(maps, blob="conv9").plot(n_maps=2)
    assert display.channels_.tolist() == [4, 1]
    picture = display.image_.get_array().filled(np.nan)
    np.testing.assert_array_equal(picture[:2, :3], maps[4])
    np.testing.assert_array_equal(picture[:2, 4:], maps[1])
    assert [text.get_text() for text in display.ax_.texts] == ["4", "1"]
    assert display.ax_.get_title() == "2 strongest maps of conv9, 2 × 3"


def test_a_norm_has_limits_of_its_own():
    maps = np.arange(1.0, 13).reshape(3, 2, 2)
    for options in ({"norm": LogNorm()}, {"norm": "log", "vmin": 1}):
        image = BlobDisplay(maps).plot(**options).image_
        assert isinstance(image.norm, LogNorm) and (image.norm.vmin, image.norm.vmax) == (1, 12)
    plain = BlobDisplay(maps).plot(norm=None).image_
    assert plain.norm.vmax == np.percentile(maps, 99) and BlobDisplay(maps).plot(vmax=5).image_.norm.vmax == 5


def test_a_photo_that_cannot_be_read_has_no_maps(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"no photo")
    transformer = DeCAFTransformer(weights=tiny_network(), on_error="nan")
    with pytest.raises(ValueError, match="photo.jpg"):
        BlobDisplay.from_estimator(transformer, tmp_path / "photo.jpg", blob="conv2")


def test_a_blob_without_maps_is_refused():
    (photo,) = photo_arrays(1)
    transformer = DeCAFTransformer(weights=tiny_network())
    with pytest.raises(ValueError, match="'fc6' has no maps; blobs with maps are conv1_pre, conv1"):
        BlobDisplay.from_estimator(transformer, photo, blob="fc6")
    with pytest.raises(ValueError, match="there is no layer 'conv9'"):
        BlobDisplay.from_estimator(transformer, photo, blob="conv9")


@pytest.mark.parametrize("n_maps", [0, -1])
def test_at_least_one_map_is_drawn(n_maps):
    with pytest.raises(ValueError, match=f"n_maps == {n_maps}, must be >= 1"):
        BlobDisplay(np.ones((3, 2, 2))).plot(n_maps=n_maps)
