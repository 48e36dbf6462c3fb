"""Occlusion: the drops are those of the decision, and the map lies where they are."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from PIL import Image
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, LinearSVC
from small_photos import photo_arrays
from tiny_networks import tiny_network

from skdecaf import DeCAFClassifier, DeCAFTransformer, ImageNetClassifier
from skdecaf.images import ImageError
from skdecaf.plotting import OcclusionDisplay

pyplot = pytest.importorskip("matplotlib.pyplot")

ROWS, COLUMNS = slice(20, 30), slice(40, 60)  # the region that decides


class RegionClassifier(ClassifierMixin, BaseEstimator):
    """The decision value of "bright" is the mean of one region of the photo."""

    def __init__(self):
        self.classes_ = np.array(["dark", "bright"])
        self.n_photos = []

    def fit(self, X, y):
        return self

    def decision_function(self, X):
        self.n_photos.append(len(X))
        return np.array([pixels[ROWS, COLUMNS].astype(float).mean() for pixels in X])

    def predict(self, X):
        return self.classes_[(self.decision_function(X) > 0).astype(int)]


class RegionProbabilities(RegionClassifier):
    def predict_proba(self, X):
        share = self.decision_function(X) / 255
        return np.column_stack([1 - share, share])


def white_region(shape=(60, 80)):
    """A black photo with the region in white, and the grey of the squares."""
    photo = np.zeros((*shape, 3), np.uint8)
    photo[ROWS, COLUMNS] = 255
    return photo, int(photo.mean())


def drops_by_hand(photo, grey, side, tops, lefts):
    region = photo[ROWS, COLUMNS].astype(float).mean()
    drops = []
    for top in tops:
        for left in lefts:
            covered = photo.astype(float)
            covered[top : top + side, left : left + side] = grey
            drops.append(region - covered[ROWS, COLUMNS].mean())
    return np.reshape(drops, (len(tops), len(lefts)))


def test_drops_are_those_of_the_decision_value():
    photo, grey = white_region()
    display = OcclusionDisplay.from_estimator(RegionClassifier(), photo, size=1 / 6, step=1)
    expected = drops_by_hand(photo, grey, 10, range(0, 60, 10), range(0, 80, 10))
    np.testing.assert_allclose(display.drops, expected)
    assert np.argwhere(display.drops).tolist() == [[2, 4], [2, 5]]
    assert (display.label, display.score, display.score_name) == ("bright", 255, "decision value")
    assert display.ax_.get_title() == "bright: decision value 255.00"


def test_the_map_is_zero_where_no_square_touches_the_region_and_largest_within():
    photo, _ = white_region()
    display = OcclusionDisplay.from_estimator(RegionClassifier(), photo, size=1 / 6, step=0.5)
    drops = display.image_.get_array()
    assert drops.shape == photo.shape[:2]
    near = np.zeros(photo.shape[:2], bool)
    near[10:40, 30:70] = True  # squares have sides of 10 pixels
    assert not drops[~near].any()
    assert drops[ROWS, COLUMNS].min() > drops[~near].max() and drops.max() == drops[ROWS, COLUMNS].max()
    np.testing.assert_allclose(display.image_.get_alpha(), 0.75 * drops / drops.max())


def test_each_pixel_has_the_mean_drop_of_the_squares_that_cover_it():
    display = OcclusionDisplay(np.zeros((2, 6, 3), np.uint8), np.array([[3.0, 6.0, 0.0, -3.0, 0.0]]), size=1).plot()
    np.testing.assert_array_equal(display.image_.get_array(), [[3, 4.5, 3, -1.5, -1.5, 0]] * 2)
    assert display.image_.get_clim() == (-4.5, 4.5)


def test_squares_reach_all_edges():
    photo = np.full((61, 83, 3), 200, np.uint8)
    photo[-1, -1] = 0

    class Corner(RegionClassifier):
        def decision_function(self, X):
            return np.array([float(pixels[-1, -1].sum()) for pixels in X])

    drops = OcclusionDisplay.from_estimator(Corner(), photo, size=0.3, step=0.7).drops
    assert np.argwhere(drops).tolist() == [[drops.shape[0] - 1, drops.shape[1] - 1]]


def test_the_probability_is_taken_if_there_is_one():
    photo, _ = white_region()
    display = OcclusionDisplay.from_estimator(RegionProbabilities(), photo)
    values = OcclusionDisplay.from_estimator(RegionProbabilities(), photo, response_method="decision_function")
    assert (display.score_name, display.score) == ("probability", 1)
    np.testing.assert_allclose(display.drops, values.drops / 255)


@pytest.mark.parametrize("classifier", [RegionClassifier(), RegionProbabilities()])
def test_what_supports_one_of_two_classes_speaks_against_the_other(classifier):
    photo, _ = white_region()
    bright = OcclusionDisplay.from_estimator(classifier, photo)
    dark = OcclusionDisplay.from_estimator(classifier, photo, label="dark")
    np.testing.assert_allclose(dark.drops, -bright.drops, atol=1e-12)
    assert dark.label == "dark" and bright.drops.max() > 0


def test_all_photos_are_classified_in_one_batch_unless_there_are_very_many():
    photo, _ = white_region()
    few, many = RegionClassifier(), RegionClassifier()
    display = OcclusionDisplay.from_estimator(few, photo)
    assert few.n_photos == [1 + display.drops.size]
    fine = OcclusionDisplay.from_estimator(many, photo, size=0.1)
    assert sum(many.n_photos) == 1 + fine.drops.size > 256 and max(many.n_photos) == 256


def test_the_photo_that_was_given_is_unchanged():
    photo, _ = white_region()
    before = photo.copy()
    OcclusionDisplay.from_estimator(RegionClassifier(), photo)
    np.testing.assert_array_equal(photo, before)


def test_photos_of_every_kind(tmp_path):
    photo, _ = white_region()
    expected = OcclusionDisplay.from_estimator(RegionClassifier(), photo).drops
    Image.fromarray(photo).save(tmp_path / "photo.png")
    for same in (tmp_path / "photo.png", Image.fromarray(photo), photo[:, :, 0], photo.astype(np.uint16) * 257):
        display = OcclusionDisplay.from_estimator(RegionClassifier(), same)
        np.testing.assert_array_equal(display.drops, expected)
    of_floats = OcclusionDisplay.from_estimator(RegionClassifier(), photo / 255).drops
    np.testing.assert_allclose(of_floats * 255, expected, rtol=0.1)
    with pytest.raises(ValueError, match="alpha channel of floats"):
        OcclusionDisplay.from_estimator(RegionClassifier(), np.ones((60, 80, 4)))


def test_large_photos_are_reduced():
    display = OcclusionDisplay.from_estimator(RegionClassifier(), np.zeros((900, 1280), np.uint8), size=1)
    assert display.photo.shape == (450, 640, 3) and display.image_.get_array().shape == (450, 640)
    assert not display.drops.any() and np.isfinite(display.image_.get_alpha()).all()


def test_classifiers_of_scikit_learn_behind_a_network():
    photos, y = photo_arrays(9), ["a", "b", "c"] * 3
    network = DeCAFTransformer(weights=tiny_network())
    for last in (LinearSVC(), LogisticRegression(), SVC(), GridSearchCV(LinearSVC(), {"C": [1, 2]}, cv=3)):
        model = make_pipeline(network, last).fit(photos, y)
        display = OcclusionDisplay.from_estimator(model, photos[0])
        assert display.label == model.predict(photos[:1])[0]
        assert display.drops.any() and type(display.label) is str


def test_classifiers_of_this_package():
    photos, y = photo_arrays(8), [0, 1] * 4
    model = DeCAFClassifier(6, C=1.0, weights=tiny_network(), random_state=0).fit(photos, y)
    display = OcclusionDisplay.from_estimator(model, photos[0], label=0)
    assert (display.label, display.score_name) == (0, "probability")
    assert display.score == model.predict_proba(photos[:1])[0, 0]


def test_classes_of_a_network_are_asked_for_by_identifier_and_shown_by_name():
    (photo,) = photo_arrays(1)
    network = ImageNetClassifier()
    display = OcclusionDisplay.from_estimator(network, photo, label="n02825657", size=1)
    assert display.label == "bell cote, bell cot"
    assert display.ax_.get_title().startswith("bell cote, bell cot: probability 0.")


@pytest.mark.slow
def test_a_fine_tuned_network():
    pytest.importorskip("torch")
    from skdecaf.training import FineTunedClassifier

    photos, y = photo_arrays(8), ["a", "b"] * 4
    model = FineTunedClassifier(tiny_network(), epochs=1, n_jobs=1, random_state=0).fit(photos, y)
    display = OcclusionDisplay.from_estimator(model, photos[0])
    assert display.label == model.predict(photos[:1])[0] and display.score_name == "probability"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"label": "grey"}, "label='grey' is no class of the estimator, whose classes are 'dark', 'bright'"),
        ({"size": 0}, "size == 0, must be > 0"),
        ({"size": 1.5}, "size == 1.5, must be <= 1"),
        ({"step": 0.0}, "step == 0.0, must be > 0"),
        ({"response_method": "predict"}, "response_method is 'auto', 'predict_proba', 'decision_function'"),
    ],
)
def test_parameters_are_checked_before_the_work(options, says):
    classifier = RegionClassifier()
    with pytest.raises(ValueError, match=says):
        OcclusionDisplay.from_estimator(classifier, white_region()[0], **options)
    assert not classifier.n_photos


def test_what_cannot_be_computed_is_said(tmp_path):
    (photo,) = photo_arrays(1)
    with pytest.raises(TypeError, match=r"needs a classifier with predict_proba or decision_function; got DeCAFTrans"):
        OcclusionDisplay.from_estimator(DeCAFTransformer(), photo)
    with pytest.raises(TypeError, match="needs a classifier with predict_proba; got RegionClassifier"):
        OcclusionDisplay.from_estimator(RegionClassifier(), photo, response_method="predict_proba")
    with pytest.raises(NotFittedError):
        OcclusionDisplay.from_estimator(make_pipeline(DeCAFTransformer(), LinearSVC()), photo)
    (tmp_path / "photo.jpg").write_bytes(b"no photo")
    with pytest.raises(ImageError, match="photo.jpg"):
        OcclusionDisplay.from_estimator(RegionClassifier(), tmp_path / "photo.jpg")


def test_one_score_for_each_class_is_needed():
    photos, y = photo_arrays(8), list("abcd") * 2
    model = make_pipeline(DeCAFTransformer(weights=tiny_network()), SVC(decision_function_shape="ovo")).fit(photos, y)
    with pytest.raises(ValueError, match="decision_function returns 6 columns for 4 classes"):
        OcclusionDisplay.from_estimator(model, photos[0])


def test_options_for_the_map():
    display = OcclusionDisplay(np.zeros((4, 4), np.uint8), np.eye(2), size=0.5)
    image = display.plot(cmap="viridis", alpha=0.5, vmax=3).image_
    assert image.get_cmap().name == "viridis" and image.get_alpha() == 0.5 and image.get_clim() == (-1, 3)
    assert display.ax_.get_title() == ""
