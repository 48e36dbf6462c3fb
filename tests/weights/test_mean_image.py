"""Networks that subtract a mean image, or reverse rows, against float64."""

from dataclasses import replace

import float64_layers
import numpy as np
import pytest
from PIL import Image
from tiny_networks import TINY, tiny_network

from skdecaf import DeCAFTransformer, Network

GENERATOR = np.random.default_rng(0)
PHOTO = GENERATOR.integers(0, 256, (18, 20, 3), dtype=np.uint8)  # of the size to which the network resizes
MEAN_IMAGE = GENERATOR.uniform(50, 150, (18, 20, 3)).astype(np.float32)


def network_with(flip=False, mean_image=None):
    mean = TINY.preprocessing.mean if mean_image is None else (0.0, 0.0, 0.0)
    preprocessing = replace(TINY.preprocessing, flip=flip, mean=mean)
    return Network(TINY.layers, tiny_network().arrays, preprocessing, mean_image=mean_image)


def expected_fc6(network, crop_corners, mirrored=(False,)):
    """Mean of fc6 over crops, each worked out from the definition: resize, flip, subtract, crop, mirror."""
    photo = PHOTO[::-1] if network.preprocessing.flip else PHOTO
    centred = photo.astype(np.float64) - (0 if network.mean_image is None else network.mean_image)
    found = []
    for mirror in mirrored:
        for top, left in crop_corners:
            crop = centred[top : top + 17, left : left + 19]
            found.append(float64_layers.blobs(network, crop[:, ::-1] if mirror else crop)["fc6"])
    return np.mean(found, axis=0)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("mean_image", [None, MEAN_IMAGE], ids=["pixel", "image"])
@pytest.mark.parametrize("crops", ["center", "ten"])
def test_features_with_mean_image_and_flip(flip, mean_image, crops):
    network = network_with(flip, mean_image)
    features = DeCAFTransformer(weights=network, dropout=False, crops=crops).fit_transform([PHOTO])
    corners = [(0, 0)] if crops == "center" else [(0, 0), (0, 1), (1, 0), (1, 1), (0, 0)]
    expected = expected_fc6(network, corners, (False,) if crops == "center" else (False, True))
    np.testing.assert_allclose(features[0], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("flip", [False, True])
def test_two_scales_with_mean_image_and_flip(flip):
    network = network_with(flip, MEAN_IMAGE)
    larger = np.asarray(Image.fromarray(PHOTO).resize((22, 20), Image.Resampling.BILINEAR))
    means = [Image.fromarray(np.ascontiguousarray(MEAN_IMAGE[:, :, channel])) for channel in range(3)]
    mean = np.stack([channel.resize((22, 20), Image.Resampling.BILINEAR) for channel in means], axis=2)
    enlarged = (larger[::-1] if flip else larger) - mean.astype(np.float64)
    features = DeCAFTransformer(weights=network, dropout=False, crops="scales").fit_transform([PHOTO])
    expected = (expected_fc6(network, [(0, 0)]) + float64_layers.blobs(network, enlarged[1:18, 1:20])["fc6"]) / 2
    np.testing.assert_allclose(features[0], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_a_saved_mean_image_comes_back(tmp_path):
    network = network_with(True, MEAN_IMAGE)
    network.save(tmp_path / "net.safetensors", dtype="int8")
    again = Network.load(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(again.mean_image, MEAN_IMAGE)
    assert again.preprocessing == network.preprocessing


def test_fingerprint_tells_mean_pixel_and_mean_image_apart():
    means = [None, MEAN_IMAGE, MEAN_IMAGE + 1]
    networks = [network_with(True), *(network_with(mean_image=mean) for mean in means)]
    assert len({network.fingerprint for network in networks}) == 4


def test_onnx_model_has_the_centre_of_the_mean_image(tmp_path):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    network = network_with(True, MEAN_IMAGE)
    network.to_onnx(tmp_path / "net.onnx", blobs=["fc6"])
    session = runtime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    # The model reverses the rows of the crop that it reads: of the photo's last 17 rows, here.
    crop = PHOTO[1:18, 0:19].transpose(2, 0, 1)[np.newaxis].astype(np.float32)
    (found,) = session.run(None, {"pixels": crop})
    expected = expected_fc6(network, [(0, 0)])
    np.testing.assert_allclose(found[0], expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


def test_mean_images_that_do_not_fit_are_refused():
    preprocessing = replace(TINY.preprocessing, mean=(0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="'mean_image' has shape"):
        Network(TINY.layers, tiny_network().arrays, preprocessing, mean_image=MEAN_IMAGE[:5])
    with pytest.raises(ValueError, match="takes the place of preprocessing.mean"):
        Network(TINY.layers, tiny_network().arrays, TINY.preprocessing, mean_image=MEAN_IMAGE)
