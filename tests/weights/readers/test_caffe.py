"""Caffe's files, against OpenCV's reader of the same bytes."""

import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest
from caffe_files import CaffeNet, blob, field, layer, varint

from skdecaf import DeCAFTransformer
from skdecaf.weights import ARCHITECTURES, Convolution, FullyConnected, MaxPool, ResponseNorm
from skdecaf.weights._readers.caffe import looks_like, read_caffemodel
from skdecaf.weights._readers.caffe_mean import read_mean

pytest.importorskip("google.protobuf")

MEAN_BGR = (104.00698793, 116.66876762, 122.67891434)
STYLES = {
    "legacy": {"legacy": True},
    "legacy-unpacked": {"legacy": True, "packed": False},
    "shape": {},
    "shape-unpacked": {"packed": False},
}


def read(tmp_path, content, **options):
    (tmp_path / "net.caffemodel").write_bytes(content)
    return read_caffemodel(tmp_path / "net.caffemodel", **options)


def opencv(net, content):
    """OpenCV's engine for the network, with the weights of these bytes."""
    dnn = pytest.importorskip("cv2").dnn
    return dnn.readNetFromCaffe(np.frombuffer(net.to_prototxt().encode(), np.uint8), np.frombuffer(content, np.uint8))


def photo(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize("version", [0, 1, 2])
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("order", ["caffenet", "alexnet"])
def test_layers_and_arrays_are_those_of_the_file(tmp_path, version, style, order):
    net = CaffeNet(order)
    network = read(tmp_path, net.to_caffemodel(version, **STYLES[style]))
    assert network.name == "SmallNet"
    expected = [layer.name for layer in ARCHITECTURES[order].layers]
    assert [layer.name for layer in network.layers] == expected
    for name, (weight, bias) in net.arrays.items():
        np.testing.assert_array_equal(network.arrays[f"{name}.weight"], weight)
        np.testing.assert_array_equal(network.arrays[f"{name}.bias"], bias)
    by_name = {layer.name: layer for layer in network.layers}
    assert by_name["conv2"] == Convolution("conv2", 8, 5, pad=2, groups=2)
    assert by_name["pool2"] == MaxPool("pool2", 3, 2)
    assert by_name["norm1"] == ResponseNorm("norm1", 5, 0.02, 0.75, 1.0)
    assert by_name["fc8"] == FullyConnected("fc8", 7)


@pytest.mark.parametrize("order", ["caffenet", "alexnet"])
@pytest.mark.parametrize(("version", "style"), [(2, "shape"), (1, "legacy"), (1, "legacy-unpacked")])
def test_features_are_those_of_opencv(tmp_path, order, version, style):
    net = CaffeNet(order)
    content = net.to_caffemodel(version, **STYLES[style])
    engine = opencv(net, content)
    image = photo(net.size)
    pixels = image[:, :, ::-1].astype(np.float32) - np.float32(MEAN_BGR)
    engine.setInput(pixels.transpose(2, 0, 1)[np.newaxis].copy())
    blobs = {"pool1": "pool1", "norm1": "norm1", "norm2": "norm2", "relu3": "conv3", "pool5": "pool5", "relu6": "fc6"}
    blobs |= {"fc7": "fc7_pre", "fc8": "fc8", "prob": "prob"}
    expected = engine.forward(list(blobs))
    network = read(tmp_path, content)
    for theirs, ours in zip(expected, blobs.values(), strict=True):
        found = DeCAFTransformer(weights=network, layer=ours, dropout=False).fit_transform([image])[0]
        np.testing.assert_allclose(found, theirs.ravel(), rtol=2e-4, atol=2e-5 * np.abs(theirs).max(), err_msg=ours)
    assert np.count_nonzero(expected[-4]) > 3, "the network must not be dead"


def test_an_input_of_227_gives_the_architectures_as_the_package_has_them(tmp_path):
    net = CaffeNet("caffenet", size=227)
    network = read(tmp_path, net.to_caffemodel(1, legacy=True))
    assert network.preprocessing == ARCHITECTURES["caffenet"].preprocessing
    assert [type(layer) for layer in network.layers] == [type(layer) for layer in ARCHITECTURES["caffenet"].layers]
    assert network.blob_shapes["pool5"] == (6, 6, 6)


def test_alpha_is_the_decimal_that_was_meant(tmp_path):
    net = CaffeNet()
    net.layers = [(kind, name, {**p, "alpha": 0.0001} if kind == "LRN" else p) for kind, name, p in net.layers]
    network = read(tmp_path, net.to_caffemodel())
    assert next(layer for layer in network.layers if layer.name == "norm1") == ResponseNorm("norm1")


@pytest.mark.parametrize(
    ("version", "head", "before"),
    [
        (2, field(3, "data") + field(8, field(1, varint(1) + varint(3) + varint(99) + varint(99))), b""),
        (2, b"", layer(2, "Input", "data", tops=["data"], more=field(143, field(1, field(1, [1, 3, 99, 99]))))),
        (2, b"", layer(2, "Data", "data", tops=["data", "label"], parameters={"crop_size": 99})),
        (1, b"", layer(1, "Data", "data", tops=["data", "label"], parameters={"crop_size": 99})),
        (0, b"", layer(0, "Data", "data", tops=["data", "label"], parameters={"crop_size": 99})),
        (1, b"", layer(1, "Data", "data", tops=["data", "label"])),
        (1, b"", b""),
    ],
    ids=["input_shape", "Input", "crop_size", "crop_size V1", "cropsize V0", "fc6", "fc6 alone"],
)
def test_input_size_is_found_wherever_it_is(tmp_path, version, head, before):
    network = read(tmp_path, CaffeNet().to_caffemodel(version, head=head, before=before))
    assert network.preprocessing.crop == network.preprocessing.resize == (99, 99)


@pytest.mark.parametrize("version", [1, 2])
def test_a_training_network_is_read_as_one_for_prediction(tmp_path, version):
    net = CaffeNet()
    net.layers.pop()
    before = layer(version, "Data", "data", tops=["data", "label"], parameters={"crop_size": 99})
    after = layer(version, "Split", "split", ["fc8"], ["fc8_0", "fc8_1"])
    after += layer(version, "Accuracy", "accuracy", ["fc8_0", "label"], ["accuracy"])
    after += layer(version, "SoftmaxWithLoss", "loss", ["fc8_1", "label"], ["loss"])
    after += layer(version, "Softmax", "probabilities", ["fc8_0"], ["probabilities"])
    network = read(tmp_path, net.to_caffemodel(version, head=b"", before=before, after=after))
    assert list(network.blob_shapes)[-2:] == ["fc8", "prob"]


def test_names_are_made_usual(tmp_path):
    names = {"fc8": "fc8_flowers", "conv1": "first", "pool5": "last_pool"}
    network = read(tmp_path, CaffeNet().to_caffemodel(rename=lambda name: names.get(name, name)))
    assert list(network.blob_shapes) == list(read(tmp_path, CaffeNet().to_caffemodel()).blob_shapes)
    numbered = {"conv1": "conv1_1", "pool1": "pool1", "conv2": "conv1_2"}
    network = read(tmp_path, CaffeNet().to_caffemodel(rename=lambda name: numbered.get(name, name)))
    assert "conv1_2" in network.blob_shapes, "names that are usual for deeper networks stay"


def test_doubles(tmp_path):
    net = CaffeNet()
    for packed in (True, False):
        network = read(tmp_path, net.to_caffemodel(double=True, packed=packed))
        np.testing.assert_array_equal(network.arrays["conv1.weight"], net.arrays["conv1"][0])


def test_variants_that_mean_the_same(tmp_path):
    """Windows by height and width, a transposed matrix, the pad in a layer of its own, no bias."""
    net = CaffeNet()
    expected = read(tmp_path, net.to_caffemodel())
    kind, name, parameters = net.layers[0]
    by_axis = {key: parameters[key] for key in ("num_output", "group")}
    by_axis |= {
        f"{key}_{axis}": parameters[f"{key}{'_size' * (key == 'kernel')}"]
        for key in ("kernel", "stride")
        for axis in "hw"
    }
    net.layers[0] = kind, name, {**by_axis, "bias_term": 0, "dilation": 1, "pad": [0, 0]}
    bias = net.arrays["conv1"].pop()
    i = next(i for i, (_, name, _) in enumerate(net.layers) if name == "fc7")
    net.layers[i] = "InnerProduct", "fc7", {"num_output": 10, "transpose": 1}
    net.arrays["fc7"][0] = net.arrays["fc7"][0].T
    network = read(tmp_path, net.to_caffemodel())
    assert network.layers == expected.layers
    np.testing.assert_array_equal(network.arrays["fc7.weight"], expected.arrays["fc7.weight"])
    np.testing.assert_array_equal(network.arrays["conv1.bias"], np.zeros_like(bias))


def test_pads_of_the_first_version_are_layers(tmp_path):
    net = CaffeNet()
    expected = read(tmp_path, net.to_caffemodel())
    i = next(i for i, (_, name, _) in enumerate(net.layers) if name == "conv2")
    kind, name, parameters = net.layers[i]
    net.layers[i : i + 1] = [("padding", "pad2", {"pad": 2}), (kind, name, {**parameters, "pad": 0})]
    assert read(tmp_path, net.to_caffemodel(0, legacy=True)).layers == expected.layers


def test_mean_and_scale_of_the_file(tmp_path):
    parameters = {"crop_size": 99, "scale": 0.5, "mean_value": [104.0, 117.0, 123.0]}
    before = layer(2, "Data", "data", tops=["data"], parameters=parameters)
    preprocessing = read(tmp_path, CaffeNet().to_caffemodel(head=b"", before=before)).preprocessing
    assert preprocessing.mean == (123.0, 117.0, 104.0)
    assert preprocessing.scale == (2.0, 2.0, 2.0)


@pytest.mark.parametrize("kind", ["binaryproto", "binaryproto-unpacked", "npy", "npy-fortran", "npy-float32", "array"])
def test_mean_images(tmp_path, kind):
    """Blue, green, red in files; photos are brought to the size of the mean."""
    bgr = np.random.default_rng(1).uniform(90, 130, (3, 105, 105)).astype(np.float32)
    path = tmp_path / f"mean.{kind.partition('-')[0]}"
    if kind.startswith("binaryproto"):
        path.write_bytes(blob(bgr, legacy=True, packed=kind == "binaryproto"))
    elif kind == "npy-fortran":
        np.save(path, np.asfortranarray(bgr, np.float64))
    else:
        np.save(tmp_path / "mean.npy", bgr.astype(np.float32 if kind == "npy-float32" else np.float64))
    mean = read_mean(tmp_path / "mean.npy") if kind == "array" else path
    network = read(tmp_path, CaffeNet().to_caffemodel(), mean=mean)
    np.testing.assert_array_equal(network.mean_image, bgr.transpose(1, 2, 0)[:, :, ::-1])
    assert network.preprocessing.resize == (105, 105)
    assert network.preprocessing.crop == (99, 99)
    assert not any(network.preprocessing.mean)


def test_a_mean_image_that_python_2_wrote(tmp_path):
    """Its header has numbers of the type long; taken over from Windows, where they were that."""
    bgr = np.arange(3 * 4 * 5, dtype=np.float64).reshape(3, 4, 5)
    text = b"{'descr': '<f8', 'fortran_order': False, 'shape': (3L, 4L, 5L), }".ljust(69) + b"\n"
    (tmp_path / "mean.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bgr.tobytes())
    np.testing.assert_array_equal(read_mean(tmp_path / "mean.npy"), bgr[::-1].transpose(1, 2, 0))


def test_features_with_a_mean_image_are_those_of_opencv(tmp_path):
    net, bgr = CaffeNet(), np.random.default_rng(1).uniform(90, 130, (3, 105, 105)).astype(np.float32)
    (tmp_path / "mean.binaryproto").write_bytes(blob(bgr, legacy=True))
    network = read(tmp_path, net.to_caffemodel(), mean=tmp_path / "mean.binaryproto")
    image = photo(105)
    engine = opencv(net, net.to_caffemodel())
    engine.setInput((image[:, :, ::-1].transpose(2, 0, 1) - bgr)[np.newaxis, :, 3:102, 3:102].copy())
    expected = engine.forward("relu7").ravel()
    found = DeCAFTransformer(weights=network, layer=7, dropout=False).fit_transform([image])[0]
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5 * np.abs(expected).max())


def changed(name, **changes):
    """A network in which one layer has other parameters; None takes one away."""
    net = CaffeNet()
    i = next(i for i, layer in enumerate(net.layers) if layer[1] == name)
    kind, _, parameters = net.layers[i]
    parameters = {key: value for key, value in {**parameters, **changes}.items() if value is not None}
    net.layers[i] = changes.get("kind", kind), name, parameters
    return net


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("conv1", {"dilation": 2}, "'conv1': dilation 2"),
        ("conv1", {"axis": 2}, "'conv1': axis 2"),
        ("conv1", {"kernel_size": [11, 9]}, "'conv1': kernel_size .* both axes"),
        ("conv1", {"kernel_size": None}, "'conv1': kernel_size is missing"),
        ("conv1", {"stride_h": 4, "stride_w": 2}, "'conv1': stride .* both axes"),
        ("conv1", {"stride": 0}, "'conv1': stride must be from 1"),
        ("conv1", {"pad": -1}, "'conv1': pad must be from"),
        ("conv1", {"num_output": None}, "'conv1': out_channels must be from 1"),
        ("conv1", {"num_output": 2**62}, "'conv1': out_channels must be from 1"),
        ("conv2", {"group": 3}, "'conv2': 3 groups"),
        ("conv2", {"pad": 2**40}, "'conv2': pad must be from"),
        ("conv2", {"bias_term": 0}, "'conv2' has 2 blobs, not 1"),
        ("pool1", {"pool": 1}, "'pool1': pool AVE"),
        ("pool1", {"global_pooling": 1}, "'pool1': global_pooling"),
        ("pool1", {"round_mode": 7}, "'pool1': round_mode 7"),
        ("norm1", {"norm_region": 1}, "'norm1': norm_region 1"),
        ("norm1", {"local_size": 4}, "'norm1': the window"),
        ("norm1", {"alpha": float("nan")}, "'norm1': alpha is nan"),
        ("relu1", {"negative_slope": 0.5}, "'relu1': negative_slope 0.5"),
        ("fc6", {"axis": 2}, "'fc6': axis 2"),
        ("fc6", {"num_output": 13}, "'fc6.weight' has shape"),
        ("prob", {"axis": 3}, "'prob': axis 3"),
    ],
)
def test_what_the_package_does_not_compute_is_refused_by_name(tmp_path, name, changes, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, changed(name, **changes).to_caffemodel())


def test_other_layers_and_other_wiring_are_refused(tmp_path):
    for after, message in [
        (layer(2, "Convolution", "more", ["prob"], ["more"]), "'more' does not read the output of the layer before"),
        (layer(2, "Eltwise", "sum", ["fc8"], ["sum"]), "'sum' .* does not read"),
    ]:
        with pytest.raises(ValueError, match=message.replace(" .* ", " ")):
            read(tmp_path, CaffeNet().to_caffemodel(after=after))
    before = layer(1, "Concat", "join", ["data"], ["data"])
    with pytest.raises(ValueError, match="'join' is of type '3'"):
        read(tmp_path, CaffeNet().to_caffemodel(1, before=before))
    with pytest.raises(ValueError, match="'norm1' does not read the output of the layer before it"):
        net = CaffeNet()
        wired = [list(entry) for entry in net.wired()]
        next(entry for entry in wired if entry[1] == "norm1")[2] = "conv1_elsewhere"
        net.wired = lambda: wired
        read(tmp_path, net.to_caffemodel())


def test_damaged_values_are_refused_by_name(tmp_path):
    for value, message in [(np.nan, "'conv1.weight' has NaN"), (np.inf, "'conv1.weight' has NaN or infinite")]:
        net = CaffeNet()
        net.arrays["conv1"][0][0, 0, 0, :2] = value, -value
        with pytest.raises(ValueError, match=message):
            read(tmp_path, net.to_caffemodel())
    net = CaffeNet()
    net.arrays["fc6"][0] = net.arrays["fc6"][0].astype(np.float64) * 1e300
    with pytest.raises(ValueError, match=r"fc6\.weight' has NaN or infinite"):
        read(tmp_path, net.to_caffemodel(double=True))
    net = CaffeNet()
    net.arrays["conv3"][0] = net.arrays["conv3"][0][:, :, :2]
    with pytest.raises(ValueError, match=r"conv3\.weight' has shape"):
        read(tmp_path, net.to_caffemodel())
    net = CaffeNet()
    net.arrays["conv3"].pop()
    with pytest.raises(ValueError, match="'conv3' has 1 blobs, not 2"):
        read(tmp_path, net.to_caffemodel())


def one_layer(blob_bytes, before=b""):
    return before + layer(
        2, "InnerProduct", "fc6", ["data"], ["fc6"], {"num_output": 2}, [blob_bytes, blob(np.zeros(2))]
    )


CONVOLUTION = layer(
    2, "Convolution", "c", parameters={"num_output": 1, "kernel_size": 1},
    blobs=[blob(np.zeros((1, 3, 1, 1))), blob([0])],
)  # fmt: skip
LARGE_INPUT = field(4, [1, 3, 9000, 9000])
FAR_POOLING = layer(2, "Pooling", "p", parameters={"kernel_size": 1, "stride": 100_000})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 layers"),
        (b"\x12\x00" * 3_000_000, "more than 10,000 fields"),
        (b"\x12\x00" * 500, "500 layers"),
        (b"\xa2\x06\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "cut off"),
        (b"\xa2\x06\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "ten bytes"),
        (b"\xa2\x06", "cut off"),
        (b"\xa0\x06\x01", "wire type 0"),
        (b"\x13\x14", "wire type 3"),
        (field(100, field(1, b"x" * 2_000_000)), "description to 2,000,"),
        (field(100, field(106, b"\x18\x00" * 600_000)), "description to"),
        (field(100, field(106, b"\xff" * 9)), "not a message of Caffe"),
        (one_layer(blob(np.zeros((2, 3)), shape=(2, 2**62))), "'fc6': blob 0 has 6 values"),
        (one_layer(blob(np.zeros((2, 3)), shape=(-2, -3))), "'fc6': blob 0 has 6 values"),
        (one_layer(blob(np.zeros((2, 3)), shape=(1,) * 30)), "'fc6': blob 0 has 6 values"),
        (one_layer(field(7, field(1, b"\x02\x03")) + field(5, b"12345")), "ends within a number"),
        (one_layer(field(7, field(1, b"\x02\x03")) + (varint(41) + b"\0" * 8) * 6), "wire type 1"),
        (one_layer((varint(45) + b"\0\0\0\0" + varint(53) + b"\0\0\0\0") * 400_000), "more than 10,000 fields"),
        (one_layer((varint(45) + b"\0\0\0\0") * 3_000_000), "3000000 values"),
        (one_layer(blob(np.zeros((2, 4)))), "not 3 square maps"),
        (CONVOLUTION, "neither an input size"),
        (LARGE_INPUT + one_layer(blob(np.zeros((2, 1))), CONVOLUTION + FAR_POOLING), "'conv1' writes a blob"),
        (field(4, [1, 1, 28, 28]) + one_layer(blob(np.zeros((2, 3)))), "the input has shape"),
        (field(4, [1, 3, 2**40, 2**40]) + one_layer(blob(np.zeros((2, 3)))), "resize needs 2 numbers"),
    ],
)
def test_hostile_files_are_refused_quickly_and_cheaply(tmp_path, content, message):
    start = time.process_time()
    with pytest.raises(ValueError, match=message):
        read(tmp_path, content)
    assert time.process_time() - start < 2
    if len(content) < 1e6:
        tracemalloc.start()
        with pytest.raises(ValueError, match=message):
            read(tmp_path, content)
        assert tracemalloc.get_traced_memory()[1] < 20e6
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("version", [0, 1, 2])
def test_any_damage_is_a_value_error(tmp_path, version):
    """Truncated, flipped, cut out and repeated bytes; a network may come out, but nothing else may happen."""
    content = CaffeNet().to_caffemodel(version, legacy=version < 2, packed=version != 1)
    generator = np.random.default_rng(version)
    framing = [i for i, byte in enumerate(content[:3000]) if byte]
    for case in range(150):
        damaged = bytearray(content)
        if case % 3 == 0:
            del damaged[generator.integers(len(content)) :]
        elif case % 3 == 1:
            for _ in range(generator.integers(1, 4)):
                damaged[generator.choice(framing)] = generator.integers(256)
        else:
            at, length = generator.integers(len(content)), generator.integers(1, 100)
            damaged[at:at] = content[at + length : at + 2 * length]
        try:
            read(tmp_path, bytes(damaged))
        except ValueError as error:
            assert "net.caffemodel" in str(error)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "values"),
        (blob(np.zeros((1, 8, 8)), legacy=True), "of shape"),
        (blob(np.zeros((2, 3, 8, 8)), legacy=True), "of shape"),
        (blob(np.full((3, 8, 8), np.nan), legacy=True), "NaN"),
        (b"\x93NUMPY\x01\x00\x3e\x00{'descr': '|O', 'fortran_order': False, 'shape': (3, 1, 1), }\n", "of dtype '.O'"),
        (b"\x93NUMPY\x01\x00", "does not begin as"),
    ],
)
def test_other_means_are_refused(tmp_path, content, message):
    (tmp_path / "mean").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_mean(tmp_path / "mean")


def test_a_npy_mean_that_lies_about_its_shape_is_refused(tmp_path):
    np.save(tmp_path / "mean.npy", np.zeros((3, 100, 100)))
    content = (tmp_path / "mean.npy").read_bytes()
    (tmp_path / "mean.npy").write_bytes(content.replace(b"(3, 100, 100)", b"(3, 999, 999)"))
    with pytest.raises(ValueError, match="not have as many bytes as its shape"):
        read_mean(tmp_path / "mean.npy")


def test_only_its_own_files_look_like_one():
    net = CaffeNet()
    for version in (0, 1, 2):
        assert looks_like(net.to_caffemodel(version)[:64])
        assert looks_like(net.to_caffemodel(version, head=b"")[:64])
    for other in (b"", b"PK\x03\x04", b"\x80\x02]q\x01", b"\x08\x07\x12\x0bonnx-caffe2", b"\n\x0b\0\0\0\0\0\0{"):
        assert not looks_like(other)


def test_missing_files_and_missing_protobuf(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError):
        read_caffemodel(tmp_path / "nothing")
    monkeypatch.setitem(sys.modules, "google", None)
    monkeypatch.delitem(sys.modules, "google.protobuf")
    with pytest.raises(ImportError, match=r"skdecaf\[caffe\]"):
        read_caffemodel(tmp_path / "nothing")


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_network_of_real_size_takes_twice_its_memory(tmp_path):
    net = CaffeNet("caffenet", size=227, channels=(96, 256, 384, 384, 256), widths=(4096, 4096, 1000))
    (tmp_path / "net.caffemodel").write_bytes(net.to_caffemodel(1, legacy=True, head=b""))
    program = """
import re, sys, time
from skdecaf.weights._readers.caffe import read_caffemodel
start = time.process_time()
network = read_caffemodel(sys.argv[1])
kilobytes = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]
print(time.process_time() - start, kilobytes, network.arrays["fc8.bias"][-1])
"""
    command = [sys.executable, "-c", program, str(tmp_path / "net.caffemodel")]
    seconds, kilobytes, value = map(float, subprocess.run(command, check=True, capture_output=True).stdout.split())
    assert np.float32(value) == net.arrays["fc8"][1][-1]
    assert seconds < 4
    assert kilobytes < 800_000
