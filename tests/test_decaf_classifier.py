import pickle

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks
from tiny_networks import tiny_network

from skdecaf import DeCAFClassifier, DeCAFTransformer, DropoutFeatures
from skdecaf._utils.random import draw_seed

CLASSES = np.array(["blue", "green", "red"])


def colors(n=24, seed=0):
    """Photos of noise in which one channel is brighter than the others."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    photos = generator.integers(0, 160, (n, 18, 20, 3), dtype=np.uint8)
    for photo, label in zip(photos, labels, strict=True):
        photo[..., 2 - label] += 60
    return list(photos), CLASSES[labels]


def tiny(**parameters):
    return DeCAFClassifier(weights=tiny_network(), random_state=0, **parameters)


def test_equals_the_pipeline_of_its_parts():
    X, y = colors()
    classifier = tiny(layer="pool5", C=3.0).fit(X, y)
    parts = make_pipeline(
        DeCAFTransformer("pool5", dropout=False, weights=tiny_network()),
        DropoutFeatures(),
        LinearSVC(C=3.0, tol=1e-8, max_iter=100_000),
    ).fit(X, y)
    test, _ = colors(seed=1)
    np.testing.assert_allclose(classifier.decision_function(test), parts.decision_function(test), atol=0.02)
    assert classifier.layer_ == "pool5" and classifier.C_ == 3.0
    assert type(classifier.pipeline_[0]) is DeCAFTransformer and classifier.pipeline_.predict(test).shape == (24,)


def test_more_photos_than_features():
    X, y = colors(60)
    classifier = tiny(layer="fc7").fit(X, y)
    assert classifier.pipeline_[-1].coef_.shape == (3, 10)
    assert (classifier.pipeline_.predict(X) == classifier.predict(X)).all()


def test_chooses_what_cross_validation_says():
    X, y = colors()
    classifier = tiny().fit(X, y)
    results = classifier.cv_results_
    assert set(results["layer"]) == {"pool5", "fc6", "fc7"} and set(results["C"]) == {0.1, 1.0, 10.0}
    splits = StratifiedKFold(3, shuffle=True, random_state=draw_seed(np.random.RandomState(0)))
    for layer, C, found in zip(results["layer"], results["C"], results["mean_test_score"], strict=True):
        features = DeCAFTransformer(layer, dropout=False, weights=tiny_network()).fit_transform(X)
        features = DropoutFeatures().fit_transform(features)
        expected = cross_val_score(LinearSVC(C=C), features, y, cv=splits).mean()
        assert found == pytest.approx(expected, abs=0.05)
    best = int(np.argmax(results["mean_test_score"]))
    assert (classifier.layer_, classifier.C_) == (results["layer"][best], results["C"][best])
    assert classifier.best_score_ == results["mean_test_score"][best]
    assert (classifier.cv_predictions_ == y).mean() == pytest.approx(classifier.best_score_)
    np.testing.assert_allclose(classifier.cv_probabilities_.sum(axis=1), 1)
    assert (CLASSES[classifier.cv_probabilities_.argmax(axis=1)] == classifier.cv_predictions_).all()


def test_probabilities_are_calibrated_and_have_the_order_of_the_decisions():
    X, y = colors(60)
    flipped = np.random.default_rng(0).choice(60, 20, replace=False)
    noisy = y.copy()
    noisy[flipped] = np.random.default_rng(1).choice(CLASSES, 20)
    classifier = tiny(layer="fc7", C=1.0).fit(X, noisy)
    test, right = colors(300, seed=1)
    probabilities = classifier.predict_proba(test)
    assert (probabilities.argmax(axis=1) == classifier.decision_function(test).argmax(axis=1)).all()
    sure = tiny(layer="fc7", C=1.0).fit(X, y)
    assert sure.temperature_ < classifier.temperature_, "labels that cannot be predicted make it less sure"
    losses = [log_loss(y, softmax(sure.decision_function(X) / t, axis=1)) for t in (0.01, sure.temperature_, 100)]
    assert losses[1] < losses[2]
    assert log_loss(right, sure.predict_proba(test)) < np.log(3)


def test_two_classes():
    X, y = colors()
    two = y != "red"
    classifier = tiny().fit([photo for photo, chosen in zip(X, two, strict=True) if chosen], y[two])
    decisions, probabilities = classifier.decision_function(X), classifier.predict_proba(X)
    assert decisions.shape == (24,) and probabilities.shape == (24, 2)
    np.testing.assert_allclose(probabilities[:, 1], expit(2 * decisions / classifier.temperature_))
    np.testing.assert_allclose(classifier.pipeline_.predict_proba(X), probabilities)


def test_one_photo_per_class_has_nothing_to_choose_with():
    X, y = colors(3)
    with pytest.warns(UserWarning, match="a class has 1 image"):
        classifier = tiny().fit(X, y)
    assert classifier.layer_ == "pool5" and np.isnan(classifier.best_score_) and classifier.cv_predictions_ is None
    assert tiny(layer=6, C=1.0).fit(X, y).layer_ == "fc6", "nothing to choose, so no warning"


def test_bad_images_are_left_out_and_get_no_class():
    X, y = colors()
    X[4] = b"no image"
    with pytest.raises(ValueError, match="image 4"):
        tiny().fit(X, y)
    with pytest.warns(UserWarning, match="1 of 24 images cannot be read"):
        classifier = tiny(on_error="nan").fit(X, y)
    with pytest.warns(UserWarning, match="1 of 24 images cannot be read"):
        predicted = classifier.predict(X)
    assert predicted[4] == "" and np.isin(predicted[:4], CLASSES).all()
    assert classifier.cv_predictions_[4] == "" and len(classifier.cv_predictions_) == 24
    assert np.flatnonzero(np.isnan(classifier.cv_probabilities_).any(axis=1)).tolist() == [4]


def test_a_class_without_a_readable_image_is_an_error():
    X, y = colors()
    X = [b"no image" if label == "red" else photo for photo, label in zip(X, y, strict=True)]
    with (
        pytest.warns(UserWarning, match="8 of 24 images cannot be read"),
        pytest.raises(ValueError, match="none of the images of class 'red' can be read"),
    ):
        tiny(on_error="nan").fit(X, y)


def test_several_layers_side_by_side():
    X, y = colors()
    classifier = tiny(layer=[7, "pool5"], cv=[]).fit(X, y)
    assert classifier.layer_ == "fc7+pool5" and classifier.C_ == 1 and classifier.cv_results_["layer"] == []
    width = 10 + int(np.prod(tiny_network().blob_shapes["pool5"]))
    assert classifier.pipeline_[-1].coef_.shape == (3, width) and classifier.best_fold_scores_ == ()


def test_parameters_of_prediction_can_change_after_fit(tmp_path):
    X, y = colors()
    classifier = tiny().fit(X, y)
    expected = classifier.predict_proba(X)
    classifier.set_params(n_jobs=2, batch_size=3, memory=str(tmp_path))
    assert np.array_equal(classifier.predict_proba(X), expected) and any(tmp_path.iterdir())
    assert classifier.pipeline_[0].memory is None


def test_random_weights_are_the_same_in_fit_and_predict():
    X, y = colors(6)
    classifier = DeCAFClassifier(weights="random", layer=5, random_state=np.random.RandomState(3)).fit(X, y)
    assert (classifier.predict(X) == y).all()


def test_is_cloned_and_pickled():
    X, y = colors()
    classifier = DeCAFClassifier().fit(X, y)
    again = pickle.loads(pickle.dumps(classifier))
    assert np.array_equal(again.predict_proba(X), classifier.predict_proba(X))
    assert clone(classifier).get_params() == classifier.get_params()


def test_targets_are_checked_before_photos_are_read():
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[2, 1\]"):
        tiny().fit(["no.jpg", "such.jpg"], ["a"])
    with pytest.raises(ValueError, match="at least 2 classes; y has 1 class, a"):
        tiny().fit(["no.jpg", "such.jpg"], ["a", "a"])
    with pytest.raises(ValueError, match="has no blob|fc9"):
        tiny(layer="fc9").fit(*colors())


def test_own_cross_validation():
    X, y = colors()
    groups = np.arange(24) // 12
    splits = [(np.flatnonzero(groups != group), np.flatnonzero(groups == group)) for group in (0, 1)]
    by_indices, by_splitter = tiny(cv=splits).fit(X, y), tiny(cv=KFold(2)).fit(X, y)
    assert by_indices.cv_results_ == by_splitter.cv_results_
    once = tiny(cv=ShuffleSplit(2, random_state=0)).fit(X, y)
    assert once.best_score_ <= 1 and once.cv_predictions_ is None


@parametrize_with_checks(
    [DeCAFClassifier(weights=tiny_network())],
    expected_failed_checks=lambda estimator: {
        "check_sample_weight_equivalence_on_dense_data": "the scale of the features counts each image once"
    },
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
