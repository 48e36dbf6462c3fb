"""The transformer's pickles, which leave the weights out, and where the weights come from."""

# SPDX-License-Identifier: BSD-3-Clause
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from small_photos import write_photos
from tiny_networks import TINY, tiny_network

from skdecaf import DeCAFTransformer, Network
from skdecaf._utils.process_cache import ProcessCache
from skdecaf.weights import ARCHITECTURES
from skdecaf.weights import _resolving as resolving

NETWORK = tiny_network()


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.mark.parametrize("layer", [6, "conv1", pytest.param(["fc6", "fc7", "conv2"], marks=pytest.mark.slow)], ids=str)
def test_pickles_are_small(layer, paths):
    paths = paths[:2]
    fitted = DeCAFTransformer(layer).fit(paths)
    content = pickle.dumps(fitted)
    assert len(content) < 10_000 + 8 * len(fitted.get_feature_names_out())
    np.testing.assert_array_equal(pickle.loads(content).transform(paths), fitted.transform(paths))


@pytest.mark.slow
def test_pickles_work_in_another_process(paths, tmp_path):
    file = tmp_path / "network.safetensors"
    saved = Network(NETWORK.layers, NETWORK.arrays, NETWORK.preprocessing)
    saved.save(file)
    fitted = [DeCAFTransformer(weights=weights).fit(paths) for weights in ("mini", saved, file)]
    joblib.dump((fitted, paths), tmp_path / "fitted")
    script = "import joblib, sys; fitted, paths = joblib.load(sys.argv[1]); " + (
        "joblib.dump([one.partial_fit(paths).transform(paths) for one in fitted], sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path / "fitted", tmp_path / "out"], check=True, cwd=tmp_path)
    for one, found in zip(fitted, joblib.load(tmp_path / "out"), strict=True):
        np.testing.assert_array_equal(found, one.partial_fit(paths).transform(paths))


def test_a_network_that_was_never_saved_cannot_be_pickled(paths, tmp_path):
    unsaved = Network(NETWORK.layers, NETWORK.arrays, NETWORK.preprocessing)
    estimator = DeCAFTransformer(weights=unsaved)
    for state in (estimator, estimator.fit(paths)):
        with pytest.raises(TypeError, match=r"network\.save\(path\)"):
            pickle.dumps(state)
    assert clone(estimator).weights is unsaved
    unsaved.save(tmp_path / "network.safetensors")
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(estimator)).transform(paths), estimator.transform(paths))


def test_weights_from_a_file(paths, tmp_path):
    file = tmp_path / "network.safetensors"
    tiny_network().save(file)
    for weights in (file, str(file)):
        fitted = DeCAFTransformer(weights=weights).fit(paths)
        np.testing.assert_array_equal(
            fitted.transform(paths), DeCAFTransformer(weights=NETWORK).fit(paths).transform(paths)
        )
    tiny_network(1).save(file)
    with pytest.raises(ValueError, match="another network than the one that fit saw; call fit again"):
        fitted.transform(paths)
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"network\.safetensors' is neither a file nor one of the names"):
        fitted.transform(paths)


def test_compact_weights(paths):
    full, compact = (DeCAFTransformer(dropout=False, precision=each) for each in ("float32", "compact"))
    expected, found = full.fit_transform(paths), compact.fit_transform(paths)
    assert 0 < np.abs(found - expected).max() < 2e-5 * expected.max()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(compact)).transform(paths), found)
    np.testing.assert_array_equal(clone(compact).fit_transform(paths[1:2]), found[1:2])
    with pytest.raises(ValueError, match="another network"):
        compact.set_params(precision="float32").transform(paths)


def test_random_weights(paths, monkeypatch):
    monkeypatch.setitem(ARCHITECTURES, "caffenet", TINY)
    monkeypatch.setattr(resolving, "_loaded", ProcessCache(4))

    def features(seed, **parameters):
        return DeCAFTransformer(weights="random", random_state=seed, **parameters).fit_transform(paths)

    np.testing.assert_array_equal(features(0), features(0))
    assert not np.array_equal(features(0), features(1))
    assert not np.array_equal(features(None), features(None))
    same = DeCAFTransformer(weights=Network.random("caffenet", 0)).fit_transform(paths)
    np.testing.assert_array_equal(features(0), same)
    # Drawn once in fit, and kept: also in a pickle, and whatever becomes of random_state.
    fitted = DeCAFTransformer(weights="random", random_state=np.random.RandomState(0))
    first = fitted.fit_transform(paths)
    monkeypatch.setattr(resolving, "_loaded", ProcessCache(4))
    for state in (fitted, pickle.loads(pickle.dumps(fitted))):
        np.testing.assert_array_equal(state.set_params(random_state=5).transform(paths), first)


@pytest.mark.slow
def test_random_weights_are_caffenet(paths):
    random = DeCAFTransformer(weights="random", random_state=0)
    features = random.fit_transform(paths[:2])
    assert features.shape == (2, 4096) and np.isfinite(features).all() and features.any()
