import pickle
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from tiny_networks import tiny_network

from skdecaf import DeCAFTransformer
from skdecaf.weights import Network

torch = pytest.importorskip("torch")

from skdecaf.training import FineTunedClassifier  # noqa: E402

CLASSES = np.array(["blue", "green", "red"])


def colors(n=30, seed=0):
    """Photos of noise in which one channel is brighter than the others."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    photos = generator.integers(0, 60, (n, 18, 20, 3), dtype=np.uint8)
    for photo, label in zip(photos, labels, strict=True):
        photo[..., 2 - label] += 150
    return list(photos), CLASSES[labels]


def quick(**parameters):
    options = {"network": tiny_network(), "layer": "fc7", "epochs": 2, "batch_size": 10, "random_state": 0, "n_jobs": 1}
    return FineTunedClassifier(**options | parameters)


def test_learns_and_predicts_probabilities():
    X, y = colors()
    classifier = quick(epochs=8, learning_rate=0.05).fit(X, y)
    test, right = colors(seed=1)
    probabilities = classifier.predict_proba(test)
    assert classifier.score(test, right) == 1
    assert probabilities.shape == (30, 3) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (classifier.classes_[probabilities.argmax(axis=1)] == classifier.predict(test)).all()
    assert classifier.classes_.tolist() == CLASSES.tolist() and classifier.n_iter_ == len(classifier.history_) == 8


def test_every_step_shows_its_progress_if_asked(capsys):
    X, y = colors()
    silent = quick().fit(X, y)
    assert capsys.readouterr() == ("", "")
    shows = quick(verbose=True).fit(X, y)
    out, err = capsys.readouterr()
    assert out == "" and [line.split(":")[0] for line in err.splitlines()] == [
        "reading", "features", "new layer", "training",
    ]  # fmt: skip
    np.testing.assert_array_equal(shows.predict_proba(X), silent.predict_proba(X))


def test_without_training_it_is_a_logistic_regression_on_the_features_below():
    X, y = colors()
    network = tiny_network()
    features = DeCAFTransformer("fc7", weights=network, dropout=False).fit_transform(X)
    features /= np.sqrt(np.square(features).sum(axis=1).mean())
    expected = LogisticRegression(C=100, max_iter=200).fit(features, y).predict_proba(features)
    still = quick(epochs=1, learning_rate=1e-12, augmentation=(), n_layers=1, weight_decay=0.0).fit(X, y)
    np.testing.assert_allclose(still.predict_proba(X), expected, atol=1e-3)


@pytest.mark.parametrize(("layer", "kept"), [("auto", "pool5"), (5, "pool5"), ("fc6", "fc6"), ("conv1", "conv1")])
def test_the_new_layer_reads_a_blob_and_later_layers_are_left_out(layer, kept):
    network = tiny_network()
    after = quick(layer=layer, n_layers=1).fit(*colors()).network_
    names = [layer.name for layer in network.layers]
    end = names.index(kept) + 1 + (kept != "pool5")  # with its ReLU
    assert [layer.name for layer in after.layers] == [*names[:end], "fc8", "prob"]
    assert after.blob_shapes["fc8"] == (3,) and after.blob_shapes[kept] == network.blob_shapes[kept]
    assert {name.rpartition(".")[0] for name in after.arrays} <= {layer.name for layer in after.layers}
    with pytest.raises(ValueError, match="there is no layer 'fc9'"):
        quick(layer="fc9").fit(*colors())


@pytest.mark.parametrize(("n_layers", "trained"), [(1, {"fc8"}), (2, {"fc7", "fc8"}), (None, None)])
def test_only_the_last_layers_are_trained(n_layers, trained):
    network = tiny_network()
    after = quick(n_layers=n_layers).fit(*colors()).network_
    before = {name: array for name, array in network.arrays.items() if not name.startswith("fc8")}
    changed = {name.split(".")[0] for name in before if not np.array_equal(before[name], after.arrays[name])}
    assert changed | {"fc8"} == (trained or {"conv1", "conv2", "fc6", "fc7", "fc8"})
    assert (
        quick(n_layers=5).fit(*colors()).network_.fingerprint
        == quick(n_layers=None).fit(*colors()).network_.fingerprint
    )


def test_earlier_layers_change_less():
    network = tiny_network()
    after = quick(n_layers=None, layer_decay=0.1, epochs=1, learning_rate=0.001).fit(*colors()).network_
    moved = [
        np.abs(after.arrays[f"{name}.weight"] - network.arrays[f"{name}.weight"]).mean()
        / np.abs(network.arrays[f"{name}.weight"]).mean()
        for name in ("conv1", "fc7")
    ]
    assert 0 < moved[0] < moved[1] / 5


def test_too_many_layers_is_an_error():
    with pytest.raises(ValueError, match=r"n_layers=6, but <Network .*> has 5 layers with weights"):
        quick(n_layers=6).fit(*colors())


def test_one_seed_gives_one_network():
    X, y = colors()
    first, second, other = (quick(random_state=seed).fit(X, y).network_.fingerprint for seed in (0, 0, 1))
    assert first == second != other


def test_global_random_state_and_threads_of_torch_stay_as_they_were():
    torch.manual_seed(5)
    expected, n_threads = torch.rand(3), torch.get_num_threads()
    torch.manual_seed(5)
    quick().fit(*colors())
    assert torch.equal(torch.rand(3), expected) and torch.get_num_threads() == n_threads


def test_sample_and_class_weights():
    X, y = colors()
    wrong = y.copy()
    wrong[:9] = "red"
    weights = np.r_[np.zeros(9), np.ones(21)]
    options = {"epochs": 8, "learning_rate": 0.05}
    weighted = quick(**options).fit(X, wrong, sample_weight=weights)
    assert weighted.score(X, y) > 0.9 > quick(**options).fit(X, wrong).score(X, y)
    balanced = quick(class_weight="balanced").fit(X, y).network_.fingerprint
    assert balanced == quick().fit(X, y).network_.fingerprint, "the classes are balanced already"
    assert balanced != quick(class_weight={"red": 5}).fit(X, y).network_.fingerprint


def test_early_stopping_keeps_the_best_epoch():
    X, y = colors(60)
    classifier = quick(early_stopping=True, validation_fraction=0.2, n_iter_no_change=2, epochs=30).fit(X, y)
    accuracies = [each["accuracy"] for each in classifier.history_]
    assert classifier.n_iter_ == accuracies.index(max(accuracies)) + 3


def test_early_stopping_keeps_the_start_if_training_only_harms():
    X, y = colors(60)
    options = {"early_stopping": True, "validation_fraction": 0.2}
    start, harmed = (quick(learning_rate=rate, **options).fit(X, y) for rate in (1e-12, 1e4))
    assert harmed.history_[-1]["accuracy"] < start.history_[-1]["accuracy"]
    np.testing.assert_allclose(harmed.predict_proba(X), start.predict_proba(X), atol=1e-3)


def test_weights_are_mixed_with_those_of_the_start():
    X, y = colors()
    options = {"epochs": 1, "augmentation": (), "weight_decay": 0.0}
    start, mixed, trained = (
        quick(learning_rate=rate, mixing=mixing, **options).fit(X, y).network_.arrays
        for rate, mixing in ((1e-12, 1.0), (0.01, 0.25), (0.01, 1.0))
    )
    for name, array in mixed.items():
        np.testing.assert_allclose(array, 0.75 * np.asarray(start[name]) + 0.25 * np.asarray(trained[name]), atol=1e-5)
    assert not np.allclose(start["fc8.weight"], trained["fc8.weight"], atol=1e-3)


def test_the_first_weights_do_not_know_the_photos_that_are_set_aside():
    X, _ = colors(60)
    y = np.random.default_rng(0).permutation(np.repeat(CLASSES, 20))
    still = quick(early_stopping=True, validation_fraction=0.5, learning_rate=1e-12, augmentation=()).fit(X, y)
    assert still.history_[0]["accuracy"] < 0.6


def test_warm_start_goes_on():
    X, y = colors()
    classifier = quick(warm_start=True, epochs=1).fit(X, y)
    first = classifier.network_
    again = classifier.fit(X, y).network_
    assert again.fingerprint != first.fingerprint
    assert not np.array_equal(again.arrays["fc8.weight"], first.arrays["fc8.weight"])
    assert quick(epochs=1).fit(X, y).fit(X, y).network_.fingerprint == first.fingerprint


def test_partial_fit_in_chunks():
    X, y = colors(60)
    classifier = quick(learning_rate=0.05)
    with pytest.raises(ValueError, match="classes must be passed to the first call"):
        classifier.partial_fit(X, y)
    for start in [0, 20, 40] * 3:
        classifier.partial_fit(X[start : start + 20], y[start : start + 20], classes=CLASSES)
    assert classifier.score(*colors(seed=1)) > 0.9
    with pytest.raises(ValueError, match="classes differ"):
        classifier.partial_fit(X, y, classes=["blue", "red"])
    with pytest.raises(ValueError, match="class 'pink', which is none of the classes"):
        classifier.partial_fit(X, np.full(60, "pink"))


def test_pickles_without_torch_and_the_network_can_be_used_and_saved(tmp_path):
    X, y = colors()
    classifier = quick().fit(X, y)
    test, _ = colors(seed=1)
    expected = classifier.predict_proba(test)
    path = tmp_path / "model.pickle"
    path.write_bytes(pickle.dumps(clone(classifier).set_params(network="mini").fit(X, y)))
    code = f"""
import pickle, sys, numpy as np
model = pickle.load(open({str(path)!r}, "rb"))
print(*model.predict([np.full((18, 20, 3), (200, 20, 20), np.uint8)]), "torch" in sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "red False\n"
    classifier.network_.save(tmp_path / "network.safetensors")
    stored = Network.load(tmp_path / "network.safetensors")
    assert [name for _, name in stored.labels] == CLASSES.tolist()
    found = DeCAFTransformer("prob", weights=stored, dropout=False).fit_transform(test)
    np.testing.assert_array_equal(found, expected)


def test_files_in_a_grid_search(tmp_path):
    X, y = colors()
    paths = [str(tmp_path / f"{i}.png") for i in range(len(X))]
    for path, photo in zip(paths, X, strict=True):
        Image.fromarray(photo).save(path)
    search = GridSearchCV(quick(epochs=1), {"n_layers": [1, 2]}, cv=2).fit(paths, y)
    assert search.best_score_ > 0.9


def test_bad_images_are_left_out_and_get_no_class():
    X, y = colors()
    X[4] = b"no image"
    with pytest.raises(ValueError, match="image 4"):
        quick().fit(X, y)
    with pytest.warns(UserWarning, match="1 of 30 images cannot be read and are left out: image 4"):
        classifier = quick(on_error="nan").fit(X, y)
    with pytest.warns(UserWarning, match="1 of 30 images cannot be read"):
        predicted = classifier.predict(X)
    assert predicted[4] == "" and np.isin(predicted[:4], CLASSES).all()


def test_without_torch_fit_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r'pip install "skdecaf\[train\]"'):
        quick().fit(*colors())
