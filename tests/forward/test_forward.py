"""The forward pass against float64, torch and onnxruntime."""

import threading

import float64_layers
import numpy as np
import pytest
from tiny_networks import tiny_network

from skdecaf._forward import ForwardPass, plan_forward_pass
from skdecaf.weights import (
    ARCHITECTURES,
    Architecture,
    Convolution,
    FullyConnected,
    MaxPool,
    Network,
    Preprocessing,
    ReLU,
    ResponseNorm,
    resolve_network,
)


def images(network, n, dtype=np.uint8, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (n, *network.preprocessing.crop, 3))
    return pixels.astype(dtype)


def relative_error(value, expected):
    return np.abs(value - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_every_blob_against_float64(dtype):
    network = tiny_network()
    batch = images(network, 3, dtype)
    blobs = ForwardPass(network, network.blob_shapes).run(batch)
    assert set(blobs) == set(network.blob_shapes)
    for i, image in enumerate(batch):
        expected = float64_layers.blobs(network, image)
        for name, value in blobs.items():
            assert value.dtype == np.float32
            assert relative_error(value[i], expected[name].reshape(-1)) < 1e-5, name


@pytest.mark.parametrize("blob", tiny_network().blob_shapes)
def test_any_blob_alone_has_the_bits_that_it_has_among_all(blob):
    network = tiny_network()
    batch = images(network, 4)
    every = ForwardPass(network, network.blob_shapes).run(batch)
    np.testing.assert_array_equal(ForwardPass(network, [blob]).run(batch)[blob], every[blob])


def test_nothing_beyond_the_last_blob_is_planned():
    network = tiny_network()
    plan = ForwardPass(network, ["pool1", "conv2_pre"])
    assert [name for name, _ in plan._map_steps] == [None, "pool1", "norm1", "conv2_pre"]
    assert not plan._vector_steps
    assert [name for name, _ in ForwardPass(network, ["fc6"])._vector_steps] == ["fc6"]


def test_poolings_are_fused_unless_the_blob_before_is_asked_for():
    def fused(network, *blobs):
        return set(ForwardPass(network, blobs).fused.values())

    network, caffenet = tiny_network(), resolve_network("random")
    assert fused(network, "fc6") == {("conv1", "pool1")}
    assert fused(network, "pool1", "fc6") == {("conv1", "pool1")}
    assert fused(network, "conv1", "fc6") == fused(network, "conv1_pre", "fc6") == set()
    assert fused(caffenet, "pool5") == {("conv1", "pool1"), ("conv2", "pool2"), ("conv5", "pool5")}


def test_threads_wait_for_each_other_only_where_a_layer_reads_the_channels_of_others():
    """The two groups of conv4 and conv5 are computed by a thread each, and so is what conv3 makes for them."""
    network = resolve_network("random")
    plan = ForwardPass(network, ["pool5"])
    plan.run(images(network, 1), n_threads=2)
    blocks = [[blob for blob, _ in block.steps] for block in plan._blocks[2]]
    assert blocks == [[None], ["pool1"], ["norm1"], ["pool2"], ["norm2"], ["conv3", "conv4", "pool5"]]


def random_layers(generator):
    """Up to two convolutions, and up to three poolings and normalisations in any order after each; ReLU anywhere."""

    def any_of(*values):
        return values[generator.integers(len(values))]

    for stage in ("1", "2")[: any_of(0, 1, 2, 2)]:
        if any_of(True, True, True, False):
            kernel, groups = any_of(1, 2, 3, 3, 5, 5, 7), any_of(1, 2) if stage == "2" else any_of(1, 1, 1, 3)
            pad, stride = int(generator.integers(kernel)), any_of(1, 1, 2, 4)
            yield Convolution(f"conv{stage}", 6 * any_of(1, 2, 3), kernel, stride=stride, pad=pad, groups=groups)
            if any_of(True, True, False):
                yield ReLU(f"relu{stage}")
        for name in ("a", "b", "c")[: any_of(0, 1, 2, 3)]:
            if any_of(True, False):
                size = any_of(1, 2, 3, 4)
                pad, rounding = int(generator.integers(size)), any_of("ceil", "floor")
                yield MaxPool(f"pool{stage}{name}", size, any_of(1, 2, 3, 5), pad=pad, rounding=rounding)
            else:
                yield ResponseNorm(f"norm{stage}{name}", size=any_of(1, 3, 5), alpha=0.5, beta=any_of(0.5, 0.75))
            if any_of(True, False, False):
                yield ReLU(f"relu{stage}{name}")
    yield FullyConnected("fc6", 3)


def test_random_networks_alone_and_blob_by_blob():
    """Layers are fused in all ways that there are, and not at all where each blob is asked for."""
    generator, fused, tested = np.random.default_rng(0), set(), 0
    for seed in range(200):
        size, order = generator.integers(7, 30, 2).tolist(), ("RGB", "BGR")[seed % 2]
        preprocessing = Preprocessing(size, size, mean=(120.0, 110.0, 90.0), scale=(60.0,) * 3, channel_order=order)
        try:
            network = Network.random(Architecture(tuple(random_layers(generator)), preprocessing), seed)
        except ValueError:  # a window does not fit, or channels do not divide
            continue
        batch, plan = images(network, 3, seed=seed), ForwardPass(network, ["fc6"])
        every = ForwardPass(network, network.blob_shapes).run(batch)
        expected = float64_layers.blobs(network, batch[0])
        for name, value in every.items():
            alone = ForwardPass(network, [name]).run(batch)[name]
            np.testing.assert_array_equal(alone, value)
            scale = max(np.abs(expected[name]).max(), 1e-3)
            assert np.abs(value[0] - expected[name].reshape(-1)).max() < 1e-4 * scale, (name, network.layers)
        np.testing.assert_array_equal(plan.run(batch[:1], n_threads=2)["fc6"], every["fc6"][:1])
        fused |= {"".join(name[:4] for name in names) for names in plan.fused.values()}
        tested += 1
    assert fused == {"convpool"} and tested > 100


def test_a_network_without_convolutions():
    architecture = Architecture(
        (FullyConnected("fc6", 4), ReLU("relu6")), Preprocessing((3, 3), (3, 3), scale=(9.0, 9.0, 9.0))
    )
    network = Network.random(architecture, 0)
    batch = images(network, 5)
    blobs = ForwardPass(network, ["fc6"]).run(batch)
    for i, image in enumerate(batch):
        assert relative_error(blobs["fc6"][i], float64_layers.blobs(network, image)["fc6"]) < 1e-6


def pruned_network():
    """Of each fully connected layer, nine in ten weights are zero."""
    network, generator = tiny_network(), np.random.default_rng(0)
    arrays = dict(network.arrays)
    for name in ("fc6.weight", "fc7.weight"):
        arrays[name] = arrays[name] * (generator.random(arrays[name].shape) < 0.1)
    return Network(network.layers, arrays, network.preprocessing)


def test_sparse_layers():
    network = pruned_network()
    batch = images(network, 7)
    plan = ForwardPass(network, ["fc6", "fc7_pre", "prob"])
    kinds = [type(step).__name__ for _, step in plan._vector_steps]
    assert kinds == ["SparseStep", "SparseStep", "RectifyStep", "DenseStep", "SoftmaxStep"]
    blobs = plan.run(batch)
    for i, image in enumerate(batch):
        expected, alone = float64_layers.blobs(network, image), plan.run(batch[i : i + 1])
        for name, value in blobs.items():
            assert relative_error(value[i], expected[name]) < 1e-5
            np.testing.assert_array_equal(alone[name][0], value[i])


@pytest.mark.parametrize("n", [0, 1])
def test_empty_and_single(n):
    network = tiny_network()
    blobs = ForwardPass(network, ["conv1", "prob"]).run(images(network, n))
    assert blobs["conv1"].shape == (n, 8 * 7 * 8) and blobs["prob"].shape == (n, 5)


def test_results_are_copies():
    network = tiny_network()
    plan = ForwardPass(network, ["fc6"])
    first = plan.run(images(network, 2))["fc6"]
    kept = first.copy()
    plan.run(images(network, 2, seed=1))
    np.testing.assert_array_equal(first, kept)


def test_one_plan_in_many_threads():
    network = tiny_network()
    plan = ForwardPass(network, ["conv1", "fc7"])
    batches = [images(network, 9, seed=i) for i in range(8)]
    expected = [plan.run(batch) for batch in batches]
    failures = []

    def work(i):
        for _ in range(20):
            found = plan.run(batches[i])
            if any((found[name] != expected[i][name]).any() for name in found):
                failures.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_plans_are_made_once():
    network = tiny_network()
    assert plan_forward_pass(network, ["fc6"]) is plan_forward_pass(tiny_network(), ["fc6"])
    assert plan_forward_pass(network, ["fc6"]) is not plan_forward_pass(network, ["fc7"])


def test_wrong_blobs_and_images_are_refused():
    network = tiny_network()
    with pytest.raises(ValueError, match="no blob 'fc9'; this network has conv1_pre, conv1, pool1"):
        ForwardPass(network, ["fc9"])
    for wrong in (np.zeros((2, 17, 19, 3)), np.zeros((2, 19, 17, 3), np.uint8), np.zeros((17, 19, 3), np.uint8)):
        with pytest.raises(ValueError, match=r"of shape \(n, 17, 19, 3\)"):
            ForwardPass(network, ["fc6"]).run(wrong)


LARGE_ARE_SLOW = [name if name == "mini" else pytest.param(name, marks=pytest.mark.slow) for name in ARCHITECTURES]


def torch_blobs(torch, network, batch):
    """The whole network in torch, float64."""
    functional = torch.nn.functional
    preprocessing = network.preprocessing
    pixels = (batch.astype(np.float64) - preprocessing.mean) / preprocessing.scale
    pixels = pixels[..., ::-1] if preprocessing.channel_order == "BGR" else pixels
    value, found = torch.tensor(pixels.transpose(0, 3, 1, 2).copy()), {}
    for layer in network.layers:
        kind = type(layer).__name__
        weight, bias = (
            torch.tensor(network.arrays[f"{layer.name}.{part}"], dtype=torch.float64)
            if f"{layer.name}.{part}" in network.arrays
            else None
            for part in ("weight", "bias")
        )
        if kind == "Convolution":
            value = functional.conv2d(value, weight, bias, layer.stride, layer.pad, groups=layer.groups)
        elif kind == "MaxPool":
            ceil = layer.rounding == "ceil"
            value = functional.max_pool2d(value, layer.kernel, layer.stride, layer.pad, ceil_mode=ceil)
        elif kind == "ResponseNorm":
            value = functional.local_response_norm(value, layer.size, layer.alpha, layer.beta, layer.k)
        elif kind == "FullyConnected":
            value = functional.linear(value.flatten(1), weight, bias)
        elif kind == "Softmax":
            value = value.softmax(1)
        elif kind == "ReLU":
            value = value.relu()
        if kind not in ("ReLU", "Dropout"):
            name = layer.name
        if kind != "Dropout":
            found[name] = value
    return {name: array.flatten(1).numpy() for name, array in found.items()}


@pytest.mark.parametrize("name", LARGE_ARE_SLOW)
def test_whole_architectures_against_torch(name):
    torch = pytest.importorskip("torch")
    network = Network.random(name, 0)
    batch = images(network, 2)
    expected = torch_blobs(torch, network, batch)
    for blob, value in ForwardPass(network, expected).run(batch).items():
        assert relative_error(value, expected[blob]) < 1e-4, blob


@pytest.mark.parametrize("name", LARGE_ARE_SLOW)
def test_whole_architectures_against_onnxruntime(name, tmp_path):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    network = Network.random(name, 0)
    batch = images(network, 2)
    asked = ["conv1", "norm1", "pool5", "fc6_pre", "fc7", "prob"]
    asked = [blob for blob in asked if blob in network.blob_shapes]
    network.to_onnx(tmp_path / "network.onnx", blobs=asked)
    session = runtime.InferenceSession(tmp_path / "network.onnx", providers=["CPUExecutionProvider"])
    pixels = batch.transpose(0, 3, 1, 2).astype(np.float32)
    expected = dict(zip(asked, session.run(asked, {"pixels": pixels}), strict=True))
    for blob, value in ForwardPass(network, asked).run(batch).items():
        assert relative_error(value, expected[blob].reshape(2, -1)) < 1e-4, blob


def test_onnx_model_of_the_tiny_network(tmp_path):
    """Also what the large ones do not have: several norms, and both orders of channels."""
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    network = tiny_network()
    batch = images(network, 3)
    network.to_onnx(tmp_path / "network.onnx")
    session = runtime.InferenceSession(tmp_path / "network.onnx", providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["prob"]
    (found,) = session.run(None, {"pixels": batch.transpose(0, 3, 1, 2).astype(np.float32)})
    for row, image in zip(found, batch, strict=True):
        np.testing.assert_allclose(row, float64_layers.blobs(network, image)["prob"], rtol=1e-4)
    with pytest.raises(ValueError, match=r"no blob \['fc9'\]"):
        network.to_onnx(tmp_path / "network.onnx", blobs=["fc9"])


def test_embedded_network_gives_the_published_features():
    """Twelve crops and their features by another engine; see tests/data/README.md."""
    from pathlib import Path

    reference = np.load(Path(__file__).parents[1] / "data" / "decaf-mini-reference.npz")
    blobs = ForwardPass(resolve_network("mini"), ["pool5", "fc6", "fc7", "fc8"]).run(reference["crops"])
    for name, value in blobs.items():
        assert relative_error(value, reference[name]) < 1e-4


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("n_threads", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_threads_inside_the_layers_change_no_bit(n_threads, n):
    network = resolve_network("mini")
    plan = ForwardPass(network, ["conv1", "pool5", "fc7", "prob"])
    batch = images(network, n)
    expected = plan.run(batch)
    plan.run(images(network, 2)[::-1])  # nothing may be left over from other images
    for blob, values in plan.run(batch, n_threads=n_threads).items():
        np.testing.assert_array_equal(values, expected[blob], err_msg=blob)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_overflowing_features_do_not_warn(n_threads):
    network = tiny_network()
    arrays = {name: array * np.float32(1e38) for name, array in network.arrays.items()}
    huge = Network(network.layers, arrays, network.preprocessing)
    found = ForwardPass(huge, ["fc7"]).run(images(network, 1), n_threads=n_threads)["fc7"]
    assert not np.isfinite(found).all()


@pytest.mark.slow
def test_compact_weights_differ_little():
    """At most 2e-5 of the largest feature, of each photo."""
    full, compact = (resolve_network("mini", precision=precision) for precision in ("float32", "compact"))
    batch = images(full, 5)
    expected = ForwardPass(full, ["pool5", "fc6", "fc7"]).run(batch)
    for n in (1, 5):
        found = ForwardPass(compact, ["pool5", "fc6", "fc7"]).run(batch[:n])
        np.testing.assert_array_equal(found["pool5"], expected["pool5"][:n])
        for blob in "fc6", "fc7":
            for each, wanted in zip(found[blob], expected[blob], strict=False):
                assert relative_error(each, wanted) < 2e-5, blob


def test_compact_weights_take_half_the_memory():
    full, compact = (resolve_network("mini", precision=precision) for precision in ("float32", "compact"))
    dense = sum(array.nbytes for name, array in full.arrays.items() if name in ("fc6.weight", "fc7.weight"))
    saved = ForwardPass(full, ["fc7"]).nbytes - ForwardPass(compact, ["fc7"]).nbytes
    assert saved == pytest.approx(dense / 2, rel=0.05)
