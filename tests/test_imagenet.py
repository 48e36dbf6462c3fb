"""The network's own classes: probabilities by hand, names, accuracy, with and without fit."""

# SPDX-License-Identifier: BSD-3-Clause
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.special import softmax
from sklearn.base import clone
from sklearn.metrics import top_k_accuracy_score
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdecaf._imagenet import ImageNetClassifier
from skdecaf.weights import FullyConnected, Network, Preprocessing, Softmax, resolve_network

# A network of one layer that names colours: four times the mean of red, of green, of blue, and 1 for what is dark.
LABELS = [("n01", "crane"), ("n02", "crane"), ("n03", "maillot"), ("n04", "maillot, tank suit")]
SOLID = {"n01": (255, 0, 0), "n02": (0, 255, 0), "n03": (0, 0, 255), "n04": (20, 20, 20)}
LAYERS = (FullyConnected("fc8", 4), Softmax("prob"))


def colour_network(labels=LABELS, layers=LAYERS):
    weight = np.zeros((4, 3, 16))
    weight[:3] = np.eye(3)[:, :, np.newaxis] * 4 / 16
    arrays = {"fc8.weight": weight.reshape(4, 48), "fc8.bias": np.array([0, 0, 0, 1.0])}
    return Network(layers, arrays, Preprocessing((4, 4), (4, 4), scale=(255.0,) * 3), labels=labels, name="colours")


def probabilities_of_colour(rgb):
    return softmax([*(4 * np.asarray(rgb) / 255), 1])


def solid_images(identifiers, size=(9, 7)):
    return [np.full((*size, 3), SOLID[identifier], np.uint8) for identifier in identifiers]


@pytest.fixture
def colours():
    return ImageNetClassifier(colour_network())


@pytest.fixture(scope="module")
def reference():
    return np.load(Path(__file__).parent / "data" / "decaf-mini-reference.npz")


def mini_without_resizing():
    """The embedded network for images of which the crop is all."""
    network = resolve_network("mini")
    preprocessing = replace(network.preprocessing, resize=network.preprocessing.crop)
    return Network(network.layers, network.arrays, preprocessing, labels=network.labels)


IGNORES_Y = "fit ignores y: the classes are the network's"
COMPARES_NUMBERS = "subtracts predictions, which are str here; run below on indices"
IN_MEMORY = "pickles the network, which exists in memory only; run below on a file"
NOT_APPLICABLE = {
    "check_classifiers_classes": IGNORES_Y,
    "check_classifiers_one_label": IGNORES_Y,
    "check_classifiers_regression_target": IGNORES_Y,
    "check_classifiers_train": IGNORES_Y,
    "check_supervised_y_2d": IGNORES_Y,
    "check_supervised_y_no_nan": IGNORES_Y,
}
RUN_BELOW = {
    "check_classifier_data_not_an_array": COMPARES_NUMBERS,
    "check_estimators_overwrite_params": IN_MEMORY,
    "check_estimators_pickle": IN_MEMORY,
    "check_fit_idempotent": COMPARES_NUMBERS,
    "check_methods_sample_order_invariance": COMPARES_NUMBERS,
    "check_methods_subset_invariance": COMPARES_NUMBERS,
}


class PredictsIndices(ImageNetClassifier):
    def predict(self, X):
        return self.predict_proba(X).argmax(axis=1)


@pytest.mark.slow
@parametrize_with_checks(
    [ImageNetClassifier(colour_network())],
    expected_failed_checks=lambda estimator: NOT_APPLICABLE | RUN_BELOW,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", RUN_BELOW)
def test_scikit_learn_checks_on_indices_and_a_file(name, tmp_path):
    path = str(tmp_path / "colours.safetensors")
    colour_network().save(path)
    getattr(estimator_checks, name)("ImageNetClassifier", PredictsIndices(path))


@pytest.mark.parametrize("name", ["check_parameters_default_constructible", "check_estimators_overwrite_params"])
def test_scikit_learn_checks_of_the_defaults(name):
    getattr(estimator_checks, name)("ImageNetClassifier", ImageNetClassifier())


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
def test_scikit_learn_check_of_column_names(colours):
    estimator_checks.check_dataframe_column_names_consistency("ImageNetClassifier", colours)


def test_probabilities_of_the_embedded_network(reference):
    classifier = ImageNetClassifier(mini_without_resizing())
    found = classifier.predict_proba(reference["crops"])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, softmax(reference["fc8"].astype(np.float64), axis=1), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1, dtype=np.float64), 1, atol=1e-6)
    best = reference["fc8"].argmax(axis=1)
    np.testing.assert_array_equal(classifier.predict(reference["crops"]), classifier.classes_[best])


@pytest.mark.slow
def test_ten_crops_average_probabilities(reference):
    photos = np.random.default_rng(0).permuted(np.repeat(reference["crops"][:2], 2, axis=1), axis=0)[:, :72]
    photos = np.concatenate([photos, photos[:, :, :8]], axis=2)
    assert photos.shape == (2, 72, 72, 3)
    corners = [(0, 0), (0, 8), (8, 0), (8, 8), (4, 4)]
    windows = [photos[:, top : top + 64, left : left + 64] for top, left in corners]
    windows += [window[:, :, ::-1] for window in windows]
    one_by_one = ImageNetClassifier(mini_without_resizing())
    expected = np.mean([one_by_one.predict_proba(window) for window in windows], axis=0, dtype=np.float64)
    found = ImageNetClassifier(crops="ten").predict_proba(photos)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(found.sum(axis=1, dtype=np.float64), 1, atol=1e-6)


@pytest.mark.parametrize("crops", ["center", "scales", "ten"])
def test_colours(crops):
    classifier = ImageNetClassifier(colour_network(), crops=crops)
    identifiers = ["n03", "n01", "n04", "n02"]
    images = solid_images(identifiers)
    expected = [probabilities_of_colour(SOLID[identifier]) for identifier in identifiers]
    np.testing.assert_allclose(classifier.predict_proba(images), expected, rtol=1e-5)
    assert classifier.predict(images).tolist() == identifiers


def test_classes_of_the_embedded_network():
    classifier = ImageNetClassifier()
    assert classifier.classes_.shape == classifier.class_names_.shape == (1000,)
    assert classifier.classes_.tolist() == sorted(set(classifier.classes_.tolist()))
    names = dict(zip(classifier.classes_.tolist(), classifier.class_names_.tolist(), strict=True))
    assert names["n01440764"] == "tench, Tinca tinca"
    assert names["n02012849"] == names["n03126707"] == "crane"


@pytest.mark.slow
def test_photos(photos):
    """The published figures of the embedded network: 12 and 31 of these 100 photos."""
    paths = sorted((photos / "imagenet_samples").glob("*.JPEG"))
    identifiers, names = zip(*(path.stem.split("_", maxsplit=1) for path in paths), strict=True)
    classifier = ImageNetClassifier()
    assert classifier.score(paths, [name.replace("_", " ") for name in names]) == pytest.approx(0.12)
    probabilities = classifier.predict_proba(paths)
    top_1, top_5 = (top_k_accuracy_score(identifiers, probabilities, k=k, labels=classifier.classes_) for k in (1, 5))
    assert top_1 == pytest.approx(0.12)
    assert top_5 == pytest.approx(0.31)


def test_top_k(colours):
    blueish = np.full((5, 5, 3), (90, 0, 250), np.uint8)
    (predictions,) = colours.top_k([blueish], k=3)
    expected = probabilities_of_colour((90, 0, 250))
    assert [prediction.wnid for prediction in predictions] == ["n03", "n01", "n04"]
    assert [prediction.name for prediction in predictions] == ["maillot", "crane", "maillot, tank suit"]
    np.testing.assert_allclose([prediction.probability for prediction in predictions], expected[[2, 0, 3]], rtol=1e-5)
    assert f"{predictions[0]}" == f"maillot ({100 * expected[2]:.0f}%)"
    assert len(colours.top_k([blueish], k=4)[0]) == 4


def test_top_k_begins_with_what_predict_says_where_classes_tie(colours):
    grey = np.full((5, 5, 3), 200, np.uint8)
    (predictions,) = colours.top_k([grey], k=4)
    assert predictions[0].wnid == colours.predict([grey])[0] == "n01"
    assert [prediction.wnid for prediction in predictions] == ["n01", "n02", "n03", "n04"]


@pytest.mark.parametrize("k", [0, 5, 2.0, "2", None])
def test_top_k_of_a_wrong_k(colours, k):
    with pytest.raises(ValueError, match="k must be a whole number from 1 to 4"):
        colours.top_k(solid_images(["n01"]), k=k)


@pytest.mark.parametrize(
    "y, expected",
    [
        (["n01", "n02", "n03", "n03"], 0.75),
        (np.array(["n01", "n02", "n03", "n04"]), 1),
        ([0, 1, 2, 3], 1),
        (np.array([0, 0, 2, 3], dtype=np.int8), 0.75),
        (pd.Series([3, 1, 2, 3], index=[9, 8, 7, 6]), 0.75),
        (pd.Categorical(["n01", "n01", "n01", "n01"]), 0.25),
        (["maillot, tank suit"] * 4, 0.25),
        (["crane"] * 4, 0.5),
        (["maillot"] * 4, 0.5),
        (["crane", "n02", "maillot", "maillot, tank suit"], 1),
    ],
)
def test_score_takes_identifiers_names_and_indices(colours, y, expected):
    assert colours.score(solid_images(SOLID), y) == expected


def test_score_weighs_images(colours):
    images = solid_images(SOLID)
    assert colours.score(images, [0, 1, 2, 0], sample_weight=[1, 1, 1, 5]) == pytest.approx(3 / 8)


@pytest.mark.parametrize(
    "y, message",
    [
        (["n01", "heron"], r"y\[1\] = 'heron' is not a class of the network"),
        ([0, 4], r"y\[1\] = 4 is not a class of the network.*from 0 to 3"),
        ([0, 1.0], r"y\[0\] = 0.0 is not a class of the network"),
        ([True, False], r"y\[0\] = True is not a class of the network"),
        ([-1, 0], r"y\[0\] = -1"),
        (["n01", None], r"y\[1\] = None"),
        (["tank suit", "n01"], r"y\[0\] = 'tank suit'"),
        (["n01"], "inconsistent numbers of samples"),
    ],
)
def test_score_of_unknown_classes(colours, y, message):
    with pytest.raises(ValueError, match=message):
        colours.score(solid_images(["n01", "n02"]), y)


def test_scikit_learn_scores_with_identifiers(colours):
    identifiers = np.array(list(SOLID) * 4)
    images = solid_images(identifiers)
    scores = cross_validate(colours, images, identifiers, scoring=["accuracy", "neg_log_loss", "roc_auc_ovr"], cv=2)
    assert scores["test_accuracy"].tolist() == scores["test_roc_auc_ovr"].tolist() == [1, 1]
    expected = np.mean([np.log(probabilities_of_colour(SOLID[key])[i]) for i, key in enumerate(SOLID)])
    np.testing.assert_allclose(scores["test_neg_log_loss"], expected, rtol=1e-5)
    search = GridSearchCV(colours, {"crops": ["center", "ten"]}, cv=2).fit(images, identifiers)
    assert search.best_score_ == 1 and search.classes_.tolist() == list(SOLID)


def test_every_kind_of_image_without_fit(colours, tmp_path):
    path = tmp_path / "red.png"
    (red,) = solid_images(["n01"])
    Image.fromarray(red).save(path)
    X = [path, str(path), path.read_bytes(), Image.open(path), red]
    before = dict(vars(colours))
    assert colours.predict(X).tolist() == ["n01"] * 5
    assert colours.predict(pd.DataFrame({"path": [str(path)]})).tolist() == ["n01"]
    assert colours.predict(red[np.newaxis]).tolist() == ["n01"]
    assert colours.predict(np.full((2, 48), 5, np.uint8)).tolist() == ["n04", "n04"]
    assert vars(colours) == before


def test_floats_need_a_value_range_or_fit(colours):
    green = [image / 255 for image in solid_images(["n02"])]
    expected = [probabilities_of_colour(SOLID["n02"])]
    for classifier in (colours, clone(colours).fit(), clone(colours).fit(solid_images(["n01"]))):
        with pytest.raises(ValueError, match=r"image 0 has float64 pixels.*fit on such images, or set value_range"):
            classifier.predict(green)
    ranged = clone(colours).set_params(value_range=(0, 1))
    for classifier in (ranged, clone(ranged).fit(), clone(colours).fit(green)):
        np.testing.assert_allclose(classifier.predict_proba(green), expected, rtol=1e-5)
    # What fit saw counts, not what predict sees.
    np.testing.assert_allclose(
        colours.fit(green).predict_proba([green[0] / 2]), [probabilities_of_colour((0, 127.5, 0))], rtol=1e-5
    )


@pytest.mark.filterwarnings("ignore:1 of 1 images have values of quite another range")
def test_fit_fixes_the_input_and_forgets_it(colours):
    table = np.random.default_rng(0).random((6, 48))
    colours.fit(table, ["whatever"] * 6)
    assert (colours.input_kind_, colours.image_shape_, colours.value_range_) == ("table", (4, 4, 3), (0, 1))
    assert colours.n_features_in_ == 48
    with pytest.raises(ValueError, match="fit saw numbers, one flattened image a row"):
        colours.predict(solid_images(["n01"]))
    assert colours.predict([]).shape == (0,) and colours.top_k([], k=1) == []
    assert colours.predict_proba(np.empty((0, 48))).shape == (0, 4)
    colours.fit()
    assert colours.value_range_ is None
    assert not hasattr(colours, "input_kind_") and not hasattr(colours, "n_features_in_")
    assert colours.predict(solid_images(["n01"])).tolist() == ["n01"]


def test_parameters_are_checked_without_fit(colours):
    for name, value in [("crops", "two"), ("on_error", "skip"), ("batch_size", 0), ("weights", 3)]:
        with pytest.raises(ValueError, match=f"The '{name}' parameter of ImageNetClassifier"):
            clone(colours).set_params(**{name: value}).predict(solid_images(["n01"]))
    with pytest.raises(ValueError, match="value_range must be None or"):
        colours.set_params(value_range=(1, 0)).predict(solid_images(["n01"]))


def test_broken_images(colours):
    X = [*solid_images(["n02"]), b"no image", *solid_images(["n04"])]
    for method in (colours.predict, colours.predict_proba, colours.fit):
        with pytest.raises(ValueError, match="image 1"):
            method(X)
    assert colours.predict(X[::2]).tolist() == ["n02", "n04"]  # no half of the failed fit is left
    colours.set_params(on_error="nan")
    with pytest.warns(UserWarning, match="1 of 3 images cannot be read.*image 1"):
        assert colours.predict(X).tolist() == ["n02", "", "n04"]
    with pytest.warns(UserWarning, match="cannot be read"):
        assert np.isnan(colours.predict_proba(X)).all(axis=1).tolist() == [False, True, False]
    with pytest.warns(UserWarning, match="cannot be read"):
        assert [len(predictions) for predictions in colours.top_k(X, k=2)] == [2, 0, 2]
    with pytest.warns(UserWarning, match="cannot be read"):
        assert colours.score(X, ["n02", "n01", "n04"]) == pytest.approx(2 / 3)


def test_no_images_have_no_classes_with_and_without_fit(colours):
    for classifier in (colours, clone(colours).fit(), clone(colours).fit(solid_images(["n02"]))):
        assert classifier.predict([]).tolist() == []
        assert classifier.predict_proba([]).shape == (0, 4)
        assert classifier.top_k([], k=2) == []


def test_networks_that_name_no_classes():
    cases = [
        (colour_network(labels=()), "has no labels"),
        (colour_network(layers=(FullyConnected("fc8", 4),)), "last layer must be a Softmax"),
        (colour_network(labels=[("n01", "one"), ("n01", "two"), ("n02", ""), ("n03", "")]), "must differ"),
    ]
    for network, message in cases:
        classifier = ImageNetClassifier(network)
        for method in (classifier.fit, classifier.predict, classifier.top_k, classifier.predict_proba):
            with pytest.raises(ValueError, match=message):
                method(solid_images(["n01"]))
        with pytest.raises(AttributeError, match=message):
            _ = classifier.classes_


def test_a_missing_file_shows_when_used_and_not_in_a_notebook():
    classifier = ImageNetClassifier("nowhere.safetensors")
    assert "nowhere" in classifier._repr_html_()
    assert not hasattr(classifier, "class_names_")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        classifier.predict(solid_images(["n01"]))


def test_a_missing_package_shows_when_used_and_not_in_a_notebook(monkeypatch):
    def resolve(*arguments, **options):
        raise ImportError("onnx is missing")

    monkeypatch.setattr("skdecaf._photo_estimator.resolve_network", resolve)
    classifier = ImageNetClassifier("network.onnx")
    assert not hasattr(classifier, "classes_")
    with pytest.raises(ImportError, match="onnx is missing"):
        classifier.predict(solid_images(["n01"]))


def test_pickles_are_small_and_know_their_network(tmp_path):
    path = tmp_path / "colours.safetensors"
    colour_network().save(path)
    images = solid_images(SOLID)
    kept = pickle.dumps(ImageNetClassifier(path).fit(images))
    assert len(kept) < 1000
    assert pickle.loads(kept).predict(images).tolist() == list(SOLID)
    other = colour_network()
    Network(other.layers, {**other.arrays, "fc8.bias": np.ones(4)}, other.preprocessing, labels=LABELS).save(path)
    with pytest.raises(ValueError, match="another network than the one that fit saw"):
        pickle.loads(kept).predict(images)


def test_threads_and_batches_change_no_bit(reference):
    crops = reference["crops"][:3]
    expected = ImageNetClassifier(crops="ten").predict_proba(crops)
    found = ImageNetClassifier(crops="ten", n_jobs=2, batch_size=7).predict_proba(crops)
    np.testing.assert_array_equal(found, expected)
