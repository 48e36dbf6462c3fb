import copy
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.base import clone
from sklearn.preprocessing import FunctionTransformer
from tiny_networks import TINY, tiny_network

from skdecaf.weights import ARCHITECTURES, Network, resolve_network


def test_embedded_network_is_the_published_one(published_weights):
    """The arrays of the package's file are those of the file that was handed out, byte for byte."""
    published = load_file(published_weights / "decaf-mini.safetensors")
    network = resolve_network("mini")
    for name, array in network.arrays.items():
        expected = published[name]
        if expected.dtype == np.int8:
            scale = published[name.replace("weight", "scale")]
            expected = expected * scale.reshape(-1, *[1] * (expected.ndim - 1))
        np.testing.assert_array_equal(array, expected)
    classes = json.loads((published_weights / "imagenet_classes.json").read_text())
    assert network.labels == tuple((c["wnid"], c["name"]) for c in classes)


def test_embedded_network_is_small_on_disk_and_loads_quickly():
    """At most 12 MB; the time is far below the bound of 0.3 s, so a bound of 3 s is no timed test."""
    from importlib.resources import files

    assert (files("skdecaf.weights") / "decaf-mini.safetensors").stat().st_size <= 12e6
    network = resolve_network("mini")
    assert network is resolve_network("mini"), "loaded once per process"
    assert network.layers == ARCHITECTURES["mini"].layers
    assert network.preprocessing == ARCHITECTURES["mini"].preprocessing


def test_random_filters_are_normal_with_the_stated_variance():
    network = Network.random("mini", 3)
    weight = network.arrays["fc6.weight"]
    assert weight.std() == pytest.approx(np.sqrt(2 / weight.shape[1]), rel=0.01)
    assert abs(weight.mean()) < 1e-4
    assert not network.arrays["conv1.bias"].any()


def test_random_networks_repeat():
    assert tiny_network(1).fingerprint == tiny_network(1).fingerprint != tiny_network(2).fingerprint
    first, second = np.random.RandomState(0), np.random.RandomState(0)
    assert tiny_network(first).fingerprint == tiny_network(second).fingerprint != tiny_network(second).fingerprint


def test_fingerprint_tells_apart_all_that_decides_a_feature():
    network = tiny_network()
    arrays = {name: array.copy() for name, array in network.arrays.items()}
    same = Network(network.layers, arrays, network.preprocessing, name="another name")
    assert same.fingerprint == network.fingerprint
    arrays["fc7.bias"][3] = 1e-3
    assert Network(network.layers, arrays, network.preprocessing).fingerprint != network.fingerprint
    from dataclasses import replace

    for change in ({"policy": "crop"}, {"mean": (1.0, 2.0, 3.0)}, {"channel_order": "RGB"}, {"resample": "bicubic"}):
        other = Network(network.layers, network.arrays, replace(network.preprocessing, **change))
        assert other.fingerprint != network.fingerprint


@pytest.mark.parametrize("dtype", ["float32", "float16", "int16", "int8"])
def test_saved_networks_come_back(tmp_path, dtype):
    network = tiny_network()
    network.save(tmp_path / "net.safetensors", dtype)
    again = Network.load(tmp_path / "net.safetensors")
    assert (again.layers, again.preprocessing, again.labels) == (network.layers, network.preprocessing, network.labels)
    step = {"float32": 0, "float16": 2**-11, "int16": 0.5 / 32767, "int8": 0.5 / 127}[dtype]
    for name, array in network.arrays.items():
        rows, restored = (a.reshape(len(array), -1) for a in (array, again.arrays[name]))
        largest = np.abs(rows).max(axis=1, keepdims=True)
        bound = step * (np.abs(rows) if dtype == "float16" else largest)
        assert (np.abs(restored - rows) <= bound * 1.001 + 1e-7 * (dtype != "float32")).all()
    assert [p.name for p in tmp_path.iterdir()] == ["net.safetensors"], "nothing temporary is left"


def test_arrays_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        tiny_network().arrays["fc6.bias"][0] = 1
    with pytest.raises(TypeError):
        tiny_network().arrays["fc6.bias"] = 1


def test_arrays_of_the_caller_stay_the_callers():
    arrays = {name: array.copy() for name, array in tiny_network().arrays.items()}
    network = Network(TINY.layers, arrays, TINY.preprocessing)
    arrays["fc6.bias"][0] = 1
    assert network.arrays["fc6.bias"][0] == 0


def test_nothing_in_a_network_can_be_replaced():
    network = tiny_network()
    for name in ("layers", "arrays", "preprocessing", "labels", "mean_image"):
        with pytest.raises(AttributeError, match="a network never changes"):
            setattr(network, name, getattr(network, name))


def test_networks_with_a_name_are_pickled_by_it(tmp_path):
    network = resolve_network("mini")
    network.save(tmp_path / "copy.safetensors")
    assert b"copy.safetensors" not in pickle.dumps(network) and str(tmp_path).encode() not in pickle.dumps(network)
    assert pickle.loads(pickle.dumps(network)) is network


@pytest.mark.parametrize("dtype", ["bfloat16", "float8"])
def test_dtypes_that_numpy_lacks_are_refused(tmp_path, dtype):
    network, path = tiny_network(), tmp_path / "net.safetensors"
    network.save(path)
    name = {"bfloat16": b"BF16", "float8": b"F8_E4M3"}[dtype]
    header = path.read_bytes()
    length = int.from_bytes(header[:8], "little")
    description = json.loads(header[8 : 8 + length])
    tensor = next(value for key, value in description.items() if key.endswith("bias"))
    begin, end = tensor["data_offsets"]
    size = 2 if dtype == "bfloat16" else 1
    tensor.update(dtype=name.decode(), shape=[(end - begin) // size])
    text = json.dumps(description).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + header[8 + length :])
    with pytest.raises(ValueError, match=r"bias' has dtype (BF16|F8_E4M3); weights are stored as"):
        Network.load(path)


def test_clone_and_deepcopy_share_the_network():
    network = tiny_network()
    assert copy.deepcopy(network) is network
    step = clone(FunctionTransformer(kw_args={"network": network}))
    assert step.kw_args["network"] is network


def test_pickle_goes_by_file_or_by_seed(tmp_path):
    drawn = tiny_network(5)
    assert pickle.loads(pickle.dumps(drawn)).fingerprint == drawn.fingerprint
    memory = Network(drawn.layers, drawn.arrays, drawn.preprocessing, name="mine")
    with pytest.raises(TypeError, match=r"call network\.save\(path\) first"):
        pickle.dumps(memory)
    memory.save(tmp_path / "mine.safetensors")
    data = pickle.dumps(memory)
    assert len(data) < 500
    assert pickle.loads(data).fingerprint == memory.fingerprint
    tiny_network(6).save(tmp_path / "mine.safetensors")
    with pytest.raises(ValueError, match="another one than when"):
        pickle.loads(data)


@pytest.mark.slow
def test_pickle_works_in_another_process(tmp_path):
    network = Network(tiny_network().layers, tiny_network().arrays, tiny_network().preprocessing)
    network.save(tmp_path / "mine.safetensors")
    code = "import sys, pickle; print(pickle.loads(sys.stdin.buffer.read()).fingerprint)"
    data = pickle.dumps(network)
    out = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert out.stdout.decode().strip() == network.fingerprint


def test_pickle_of_a_network_in_a_format_of_others(tmp_path):
    """By the path of that file, through whichever reader it needs."""
    from safetensors.numpy import save_file as save_plain

    path = tmp_path / "alexnet.safetensors"
    sizes = {"features.0": (4, 3, 11, 11), "features.3": (4, 4, 5, 5), "features.6": (4, 4, 3, 3)}
    sizes |= {"features.8": (4, 4, 3, 3), "features.10": (4, 4, 3, 3)}
    sizes |= {"classifier.1": (6, 4 * 36), "classifier.4": (5, 6), "classifier.6": (3, 5)}
    arrays = {f"{name}.weight": np.ones(shape, np.float32) for name, shape in sizes.items()}
    arrays |= {f"{name}.bias": np.ones(shape[0], np.float32) for name, shape in sizes.items()}
    save_plain(arrays, path)
    network = resolve_network(path)
    assert pickle.loads(pickle.dumps(network)).fingerprint == network.fingerprint


def without(name):
    arrays = dict(tiny_network().arrays)
    del arrays[name]
    return arrays


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (without("fc6.bias"), r"'fc6.bias' of shape \(20,\) is missing"),
        ({**tiny_network().arrays, "fc9.bias": np.zeros(3)}, "'fc9.bias' belongs to no layer"),
        ({**tiny_network().arrays, "fc6.bias": np.zeros(3)}, r"shape \(3,\), but its layer needs \(20,\)"),
        ({**tiny_network().arrays, "fc6.bias": np.full(20, np.nan)}, "'fc6.bias' has NaN"),
        ({**tiny_network().arrays, "fc6.bias": np.array([np.inf, -np.inf] * 10)}, "'fc6.bias' has NaN"),
        ({**tiny_network().arrays, "fc6.bias": np.full(20, 1e300)}, "too large for float32"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arrays, message):
    with pytest.raises(ValueError, match=message):
        Network(TINY.layers, arrays, TINY.preprocessing)


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="2 labels do not fit"):
        Network(TINY.layers, tiny_network().arrays, TINY.preprocessing, labels=[("a", "b")] * 2)


def test_a_missing_file_a_folder_and_a_wrong_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="no network at '.*nothing'"):
        Network.load("nothing")
    with pytest.raises(FileNotFoundError, match="neither a file nor one of the names 'mini', 'random'"):
        resolve_network("caffenett")
    with pytest.raises(ValueError, match="architecture is one of caffenet"):
        Network.random("vgg")
    with pytest.raises(FileNotFoundError, match="is a folder$"):
        resolve_network(tmp_path)


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "net.safetensors"
    tiny_network().save(path)
    data = path.read_bytes()
    for length in (0, 4, 8, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match="not a safetensors file"):
            Network.load(path)


def test_files_of_others_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"a": np.zeros(3, np.float32)}, path)
    with pytest.raises(ValueError, match="not a network of this package"):
        Network.load(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("layers", "[]"),
        ("layers", "{"),
        ("layers", "[1]"),
        ("layers", '[{"type": "relu"}]'),
        ("layers", "[" * 100_000),
        ("preprocessing", "{}"),
        ("preprocessing", '{"resize": [20, 20], "crop": [17, 19], "mean": [NaN, 0, 0]}'),
        ("preprocessing", '{"resize": [20, 20], "crop": [17, 19], "scale": [Infinity, 1, 1]}'),
        ("preprocessing", '{"resize": [200000, 200000], "crop": [200000, 200000]}'),
        ("preprocessing", '{"resize": [4, 4], "crop": [9, 9]}'),
        ("preprocessing", '{"resize": "ab", "crop": [9, 9]}'),
        ("labels", "7"),
        ("labels", "[[1, 2, 3]]"),
    ],
)
def test_descriptions_that_do_not_fit_are_refused(tmp_path, key, value):
    from skdecaf.weights._native_format import to_metadata

    network, path = tiny_network(), tmp_path / "net.safetensors"
    save_file(dict(network.arrays), path, metadata={**to_metadata(network), key: value})
    with pytest.raises(ValueError, match=r"net\.safetensors"):
        Network.load(path)


def test_replace_keeps_all_but_the_changes():
    network = Network.random("mini", random_state=0)
    other = network.replace(name="other", labels=[(str(i), str(i)) for i in range(1000)])
    assert other.name == "other" and len(other.labels) == 1000 and other.origin is None
    assert other.fingerprint == network.fingerprint and network.name == "random-mini"
