"""Pickles of the DeCAF release, composed as Python 2 writes them, against float64 and the pickle module."""

import io
import pickle
import time
from collections import OrderedDict

import float64_layers
import numpy as np
import pytest
from caffe_files import CaffeNet
from cuda_convnet_files import cuda_layers
from numpy.lib.stride_tricks import sliding_window_view
from python2_pickles import Raw, dumps

from skdecaf import DeCAFTransformer
from skdecaf.weights import ARCHITECTURES
from skdecaf.weights._readers.array_pickles import PickledArray, read_pickle
from skdecaf.weights._readers.cuda_convnet import looks_like, read_decaf

SIDE, CROP = 105, 99


def mean_image():
    """As the file has it: red, green, blue, of photos with reversed rows."""
    return np.random.default_rng(5).uniform(90, 130, (3, SIDE, SIDE)).astype(np.float32)


def write(folder, layers=None, meta=None, content=None):
    path = folder / "imagenet.decafnet.epoch90"
    path.write_bytes(dumps(cuda_layers(CaffeNet()) if layers is None else layers) if content is None else content)
    if meta is None:
        meta = {"data_mean": mean_image(), "label_names": [f"class {i}" for i in range(7)]}
    (folder / "imagenet.decafnet.meta").write_bytes(dumps(meta))
    return path


def computed_as_cuda_convnet_does(layers, image):
    """Feature by layer name, straight from the file's fields in float64."""
    value, found = image.transpose(2, 0, 1), {}
    for fields in layers:
        kind = fields["type"]
        if kind == "conv":
            value = filtered(fields, value)
        elif kind == "pool":
            value = float64_layers.max_pool(value, fields["sizeX"], fields["stride"], 0, "ceil")
        elif kind == "cmrnorm":
            half = fields["size"] // 2
            padded = np.pad(value**2, ((half, half), (0, 0), (0, 0)))
            value = (
                value / (1 + fields["scale"] * sliding_window_view(padded, fields["size"], 0).sum(-1)) ** fields["pow"]
            )
        elif kind == "fc":
            value = value.reshape(-1) @ fields["weights"][0].astype(np.float64) + fields["biases"][0]
        elif kind == "neuron" and fields["neuron"]["type"] == "relu":
            value = np.maximum(value, 0)
        elif kind == "softmax":
            value = float64_layers.softmax(value)
        found[fields["name"]] = value
    return found


def filtered(fields, maps):
    """Patches (channel, y, x) times columns of weights, group by group."""
    kernel, stride, pad, groups = (fields[key][0] for key in ("filterSize", "stride", "padding", "groups"))
    padded = np.pad(maps, ((0, 0), (-pad, -pad), (-pad, -pad)))
    patches = sliding_window_view(padded, (kernel, kernel), (1, 2))[:, ::stride, ::stride]
    columns = np.split(fields["weights"][0].astype(np.float64), groups, axis=1)
    out = []
    for group, weight in zip(np.split(patches, groups), columns, strict=True):
        rows = group.transpose(1, 2, 0, 3, 4).reshape(*group.shape[1:3], -1)
        out.append((rows @ weight).transpose(2, 0, 1))
    return np.concatenate(out) + fields["biases"][:, :, np.newaxis]


@pytest.mark.parametrize("checkpoint", [False, True])
@pytest.mark.parametrize("order", ["C", "F"])
def test_features_are_those_of_the_definitions(tmp_path, order, checkpoint):
    """Rows reversed, mean subtracted, then the window: of a 256 image, original rows 15 to 241."""
    layers = cuda_layers(CaffeNet(), order)
    path = write(tmp_path, {"model_state": {"layers": layers, "epoch": 90}} if checkpoint else layers)
    network = read_decaf(path)
    photo = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    window = (photo[::-1] - mean_image().transpose(1, 2, 0).astype(np.float64))[3 : 3 + CROP, 3 : 3 + CROP]
    expected = computed_as_cuda_convnet_does(layers, window)
    blobs = {
        "pool1": "pool1",
        "rnorm2": "norm2",
        "pool5": "pool5",
        "fc6": "fc6_pre",
        "fc7_neuron": "fc7",
        "probs": "prob",
    }
    for theirs, ours in blobs.items():
        found = DeCAFTransformer(weights=network, layer=ours, dropout=False).fit_transform([photo])[0]
        values = expected[theirs].ravel()
        np.testing.assert_allclose(found, values, rtol=2e-4, atol=2e-5 * np.abs(values).max(), err_msg=ours)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8"])
def test_network_is_the_one_of_the_file(tmp_path, dtype):
    net = CaffeNet()
    network = read_decaf(write(tmp_path, cuda_layers(net, dtype=np.dtype(dtype))))
    assert [layer.name for layer in network.layers] == [layer.name for layer in ARCHITECTURES["caffenet"].layers]
    for name, (weight, bias) in net.arrays.items():
        np.testing.assert_array_equal(network.arrays[f"{name}.weight"], weight)
        np.testing.assert_array_equal(network.arrays[f"{name}.bias"], bias)
    norm = next(layer for layer in network.layers if layer.name == "norm1")
    assert (norm.size, norm.alpha, norm.beta, norm.k) == (5, 0.02, 0.75, 1.0)
    preprocessing = network.preprocessing
    assert (preprocessing.resize, preprocessing.crop) == ((SIDE, SIDE), (CROP, CROP))
    assert (preprocessing.channel_order, preprocessing.policy, preprocessing.flip) == ("RGB", "crop", True)
    np.testing.assert_array_equal(network.mean_image, mean_image().transpose(1, 2, 0))
    assert network.labels[3] == ("class 3", "class 3")


def test_the_mean_is_found_beside_the_network_or_named(tmp_path):
    path = write(tmp_path)
    meta = tmp_path / "imagenet.decafnet.meta"
    for name in ("imagenet.decafnet.epoch90.meta", "elsewhere"):
        meta = meta.rename(tmp_path / name)
        read_decaf(path, meta=meta if name == "elsewhere" else None)
    with pytest.raises(FileNotFoundError, match=r"imagenet\.decafnet\.meta.*meta="):
        read_decaf(path)
    with pytest.raises(FileNotFoundError):
        read_decaf(path, meta=tmp_path / "nothing")


def test_flat_means_and_checkpoints_with_options(tmp_path):
    """cuda-convnet pickles its command line too: old-style objects of its module ``options``."""
    options = Raw(b"(coptions\nOptionsParser\nq\xfao}U\x07optionscoptions\nIntegerOptionParser\nsb")
    meta = {"data_mean": mean_image().reshape(-1, 1).astype(np.float64), "label_names": []}
    state = {"op": options, "model_state": {"layers": cuda_layers(CaffeNet()), "train_outputs": [0.5] * 100}}
    network = read_decaf(write(tmp_path, state, meta))
    np.testing.assert_array_equal(network.mean_image, mean_image().transpose(1, 2, 0))
    assert network.labels == ()


def plain(value):
    """What `read_pickle` gave, without its wrappers."""
    if isinstance(value, PickledArray):
        return value.array
    if isinstance(value, list | tuple):
        return type(value)(map(plain, value))
    return {key: plain(one) for key, one in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("protocol", ["python2", 2, 3, 4])
def test_pickles_are_read_as_the_pickle_module_reads_them(protocol):
    generator = np.random.default_rng(0)
    arrays = [generator.standard_normal((3, 4, 2)), np.asfortranarray(generator.standard_normal((5, 4))).astype(">f4")]
    arrays += [np.arange(6, dtype=np.int16), np.array([True, False]), np.zeros((0, 3), np.float32), np.float64(2.5)]
    value = {"text": "caf\xe9", "many": ["x" * 300, 1, -5, 70_000, 2**40, 2.5, None, True, (), (1,), (1, 2, 3, 4)]}
    value |= {"arrays": arrays, "again": arrays[0], "dict": {"a": [{}, []]}}
    if protocol == 2:  # Python 3 calls a codec there for bytes, and nothing is called
        value = {"many": value["many"][1:], "dict": value["dict"]}
    content = dumps(value) if protocol == "python2" else pickle.dumps(OrderedDict(value), protocol)
    expected, found = pickle.loads(content, encoding="latin1"), plain(read_pickle(io.BytesIO(content)))
    expected_arrays, found_arrays = expected.pop("arrays", []), found.pop("arrays", [])
    for theirs, ours in zip(expected_arrays, found_arrays, strict=True):
        np.testing.assert_array_equal(np.asarray(ours).ravel(), np.asarray(theirs).ravel())
    if expected_arrays:
        assert found.pop("again") is found_arrays[0]
        expected.pop("again")
    assert found == dict(expected)


def test_python_2_ordered_dicts():
    pairs = b"](](U\x01aK\x01e](U\x01bK\x02ee"
    content = b"\x80\x02ccollections\nOrderedDict\n" + pairs + b"\x85R."
    assert read_pickle(io.BytesIO(content)) == pickle.loads(content) == {"a": 1, "b": 2}


def edited(layer, changes):
    layers = cuda_layers(CaffeNet())
    fields = next(fields for fields in layers if fields["name"] == layer)
    for key, value in changes.items():
        fields.pop(key, None)
        if value is not None:
            fields[key] = value
    return layers


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("conv1", {"sharedBiases": 0}, "'conv1': sharedBiases 0"),
        ("conv1", {"randSparse": [True]}, "'conv1': randSparse"),
        ("conv1", {"stride": None}, "'conv1': stride is not one whole number"),
        ("conv1", {"stride": [4, 4]}, "'conv1': stride is not one whole number"),
        ("conv1", {"filterSize": [0]}, "'conv1': .*filterSize 0"),
        ("conv1", {"filterSize": [7]}, "'conv1': .*filterSize 7"),
        ("conv1", {"filters": 7}, r"'conv1': weights have shape \(363, 6\)"),
        ("conv1", {"padding": [5]}, "'conv1': pad must be from"),
        ("conv1", {"weights": [None]}, "'conv1': weights is not an array"),
        ("conv1", {"weights": [np.zeros((363, 6), int)]}, "'conv1': weights is not an array of floats"),
        ("conv1", {"weights": [np.full((363, 6), np.nan)]}, "'conv1.weight' has NaN"),
        ("conv1", {"weights": [np.full((363, 6), 1e300)]}, "'conv1.weight' has NaN or infinite"),
        ("conv1", {"biases": np.zeros((5, 1))}, r"'conv1': biases have shape \(5, 1\)"),
        ("conv2", {"groups": [1]}, "'conv2.weight' has shape"),
        ("pool1", {"pool": "avg"}, "'pool1': pool 'avg'"),
        ("pool1", {"start": -1}, "'pool1': start -1"),
        ("pool1", {"outputsX": 12}, "'pool1': outputsX 12 is not the 11"),
        ("pool1", {"inputLayers": [{"name": "conv3"}]}, "'pool1' does not read"),
        ("pool1", {"inputLayers": None, "inputs": [0]}, "'pool1' does not read"),
        ("rnorm1", {"blocked": True}, "'rnorm1': blocked"),
        ("rnorm1", {"scale": "much"}, "'rnorm1': scale is not a number"),
        ("rnorm1", {"scale": float("inf")}, "'rnorm1': scale is inf"),
        ("rnorm1", {"type": "rnorm"}, "'rnorm1' is of type 'rnorm'"),
        ("conv1_neuron", {"neuron": {"type": "tanh"}}, "'conv1_neuron': neuron 'tanh'"),
        ("fc6", {"outputs": 13}, "'fc6': weights have shape"),
        ("fc6", {"weights": [np.zeros((25, 12))]}, "'fc6' reads 25 values"),
        ("fc7", {"weights": [np.zeros((13, 10))]}, "'fc7.weight' has shape"),
        ("fc7", {"name": None}, "layer 19: name is not text"),
    ],
)
def test_what_the_package_does_not_compute_is_refused_by_name(tmp_path, name, changes, message):
    with pytest.raises(ValueError, match=message):
        read_decaf(write(tmp_path, edited(name, changes)))


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ([], "not a dict"),
        ({}, "data_mean is not an array"),
        ({"data_mean": np.zeros(10)}, "data_mean has 10 values"),
        ({"data_mean": np.zeros((3, 50, 50))}, "does not fit into"),
        ({"data_mean": np.full((3, 99, 99), np.nan)}, "'mean_image' has NaN"),
        ({"data_mean": np.zeros((3, 99, 99)), "label_names": [1, 2]}, "label_names"),
        ({"data_mean": np.zeros((3, 99, 99)), "label_names": ["a", "b"]}, "2 labels do not fit"),
    ],
)
def test_other_means_are_refused(tmp_path, meta, message):
    with pytest.raises(ValueError, match=message):
        read_decaf(write(tmp_path, meta=meta))


ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
DTYPE = b"cnumpy\ndtype\n%bK\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
F4 = DTYPE % b"U\x02f4"


def array_state(shape, dtype=F4, content=b"U\x00"):
    return ARRAY + b"(K\x01" + shape + dtype + b"\x89" + content + b"tb"


@pytest.mark.parametrize(
    ("opcodes", "message"),
    [
        (b"cos\nsystem\nU\x04exit\x85R", r"names 'os\.system'"),
        (b"cposix\nsystem\nU\x04exit\x85R", r"names 'posix\.system'"),
        (b"c__builtin__\neval\nU\x011\x85R", r"names '__builtin__\.eval'"),
        (b"cbuiltins\ngetattr\n", "names 'builtins.getattr'"),
        (b"cnumpy\nload\nU\x01x\x85R", r"names 'numpy\.load'"),
        (b"cnumpy.core.multiarray\nfromfile\n", "fromfile"),
        (b"cnumpy.core.multiarray._reconstruct.__globals__\nsystem\n", "neither a plain"),
        (b"\x8c\x02os\x8c\x06system\x93\x8c\x04exit\x85R", r"names 'os\.system'"),
        (b"(ios\nsystem\n", "b'i', is not plain data"),
        (b"(cos\nsystem\nU\x04exito", r"names 'os\.system'"),
        (b"\x82\x01", "is not plain data"),
        (b"Pstorage\n", "is not plain data"),
        (b"U\x01xQ", "is not plain data"),
        (b"S'x'\n", "is not plain data"),
        (b"cnumpy\nndarray\nM\x00\x01\x85\x81", "NEWOBJ class argument must be a type"),
        (b"cnumpy\nndarray\nM\x00\x01\x85R", "calls something"),
        (b"cnumpy\nndarray\n}b", "gives a state"),
        (b"]}b", "damaged pickle"),
        (b"cnumpy\ndtype\ncnumpy\nndarray\n\x85R", "dtype of another kind"),
        (ARRAY + b"}b", "gives an array a state"),
        (array_state(b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86"), "array of shape"),
        (array_state(b"\x8a\x0a" + (2**70).to_bytes(10, "little") + b"\x85"), "too large for a length"),
        (array_state(b"J\xfe\xff\xff\xffJ\xfe\xff\xff\xff\x86", content=b"U\x10" + b"0" * 16), "not a length"),
        (array_state(b"(" + b"K\x01" * 40 + b"t", content=b"U\x04abcd"), "without dtype or shape"),
        (array_state(b"K\x01\x85", DTYPE % b"U\x02O8", b"](K\x01e"), "dtype 'O8'"),
        (array_state(b"K\x01\x85", DTYPE % b"U\x04V999"), "dtype 'V999'"),
        (array_state(b"K\x01\x85", DTYPE % b"U\x07(9,)<f4"), r"dtype '\(9,\)<f4'"),
        (array_state(b"K\x01\x85", content=b"]"), "content is not bytes"),
        (array_state(b"K\x02\x85", content=b"U\x04abcd"), r"shape \(2,\) and dtype float32 with 4 bytes"),
        (
            array_state(b"K\x01\x85", b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<}NNtb"),
            "state that is not|plain numbers",
        ),
        (b"T\xff\xff\xff\xff", "byte count < 0"),
        (b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff", "byte count"),
        (b"\x8e" + b"\xff" * 7 + b"\x7f", "cut off"),
        (b"X\xff\xff\xff\x7f", "cut off"),
        (b"h\x00", "before it is there"),
        (b"j\xff\xff\xff\xff", "before it is there"),
        (b"}]K\x01s", "neither text nor numbers"),
        (b"}K\x01u", "mark"),
        (b"}(K\x01u", "odd number of items"),
        (b"]K\x01K\x02s", "damaged pickle"),
        (b"}K\x01a", "damaged pickle"),
        (b"\x85", "more from its stack"),
        (b"(\x85", "more from its stack"),
        (b"cno newline", "no newline"),
        (b"cnumpy\\x\ndtype\n", "backslash in a name"),
        (b"N", "neither a list of layers"),
        (b"]", "neither a list of layers"),
        (b"]q\x00h\x00a", "neither a list of layers"),
        (b"}q\x00U\x0bmodel_stateh\x00s", "neither a list of layers"),
        (b"]}q\x00U\x04nameh\x00sa", "layer 0: name is not text"),
        (b"]}(U\x04nameU\x01cU\x04typeU\x04poolU\x04poolU\x03maxua", "sizeX is not one whole number"),
    ],
)
def test_pickles_of_anything_else_are_refused_and_nothing_runs(tmp_path, opcodes, message):
    with pytest.raises(ValueError, match=message):
        read_decaf(write(tmp_path, content=b"\x80\x02" + opcodes + b"."))


DEEP = 20_000
SHARED_TEXT = b"T\x00\x00\x01\x00" + b"0" * 65536 + b"q\x000"
SHARED_LIST = b"](" + b"](U\x01aK\x01e" * DEEP + b"eq\x000"
KEYS = b"".join(b"\x8a\x0a" + (i * (2**61 - 1)).to_bytes(10, "little") + b"N" for i in range(100_000))
MATRIX = array_state(b"M\xe8\x03M\xe8\x03\x86", content=b"T" + (4_000_000).to_bytes(4, "little") + bytes(4_000_000))
VECTOR = array_state(b"M\xe8\x03\x85", content=b"T" + (4_000).to_bytes(4, "little") + bytes(4_000))
LAYER = b"}(U\x04nameU\x01cU\x04typeU\x02fcU\x07outputsM\xe8\x03U\x07weightsh\x00U\x06biasesh\x01u"
ONE_ARRAY_FOR_MANY_LAYERS = MATRIX + b"q\x000" + VECTOR + b"q\x010](" + LAYER * 1000 + b"e"
PAIRS_OF_PAIRS = b"".join(b"q%ch%c\x86" % (i, i) for i in range(60))
HOSTILE = {
    "keys of one hash": (b"}(" + KEYS + b"u", "too large for a length"),
    "keys that take 2 ** 60 steps to hash": (b"})" + PAIRS_OF_PAIRS + b"K\x01s", "neither text nor numbers"),
    "a memo of 64 GB": (b"Nr\xff\xff\xff\xff", "index 4,294,967,295"),
    "an array of 8 EB": (array_state(b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86"), "bytes"),
    "a frame of 1 TB": (b"\x95" + (2**40).to_bytes(8, "little") + b"N", "cut off"),
    "one array for many layers": (ONE_ARRAY_FOR_MANY_LAYERS, "too many for a network"),
    "many opcodes": (b"N0" * 300_000, "more than 500,000 opcodes"),
    "marks": (b"(" * DEEP, "takes more from its stack"),
    "deep lists": (b"]" * DEEP + b"a" * (DEEP - 1), "neither a list"),
    "deep keys": (b"}N" + b"\x85" * DEEP + b"Ns", "neither text nor numbers"),
    "cycles": (b"]q\x00" + b"]h\x00ah\x00aa" * 10_000, "neither a list"),
    "one text for many arrays": (SHARED_TEXT + array_state(b"M\x00\x40\x85", content=b"h\x00") * 100, "than the file"),
    "one list for many dicts": (SHARED_LIST + b"ccollections\nOrderedDict\nh\x00\x85R" * 1000, "neither a list"),
}


LONG_IS_SLOW = [pytest.param(kind, marks=[pytest.mark.slow] if kind == "many opcodes" else []) for kind in HOSTILE]


@pytest.mark.parametrize("kind", LONG_IS_SLOW)
def test_hostile_pickles_are_refused_quickly(tmp_path, kind):
    opcodes, message = HOSTILE[kind]
    path = write(tmp_path, content=b"\x80\x02" + opcodes + b".")
    start = time.process_time()
    with pytest.raises(ValueError, match=message):
        read_decaf(path)
    assert time.process_time() - start < 2


@pytest.mark.slow
def test_any_damage_is_a_value_error(tmp_path):
    content = dumps(cuda_layers(CaffeNet()))
    path = write(tmp_path)
    generator = np.random.default_rng(0)
    framing = [i for i in range(len(content)) if content[max(0, i - 40) : i + 40].count(b"q") > 2]
    for case in range(300):
        damaged = bytearray(content)
        if case % 3 == 0:
            del damaged[generator.integers(len(content)) :]
        elif case % 3 == 1:
            for _ in range(generator.integers(1, 4)):
                damaged[generator.choice(framing)] = generator.integers(256)
        else:
            at, length = generator.choice(framing), generator.integers(1, 100)
            damaged[at:at] = content[at + length : at + 2 * length]
        path.write_bytes(damaged)
        try:
            read_decaf(path)
        except ValueError as error:
            assert "imagenet.decafnet" in str(error)


def test_only_its_own_files_look_like_one():
    assert looks_like(dumps(cuda_layers(CaffeNet()))[:64])
    assert looks_like(dumps({"model_state": {}})[:64])
    assert looks_like(pickle.dumps([{}], 4))
    for other in (b"", b"\x80", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", b"PK\x03\x04", b"\n\x08CaffeNet"):
        assert not looks_like(other)
