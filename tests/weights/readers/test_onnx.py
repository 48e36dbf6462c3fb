"""ONNX models written node by node, against onnxruntime on the same bytes."""

import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from damaged_files import damaged
from small_alexnets import first_input, photos, small_network, torch_model
from tiny_networks import TINY, tiny_network

from skdecaf._forward import ForwardPass
from skdecaf.weights import ARCHITECTURES, Network, resolve_network
from skdecaf.weights._readers.onnx import looks_like, read_onnx

onnx = pytest.importorskip("onnx")
onnx_files = pytest.importorskip("onnx_files")
STYLES, Writer = onnx_files.STYLES, onnx_files.Writer
helper, numpy_helper, float32 = onnx.helper, onnx.numpy_helper, onnx.TensorProto.FLOAT


def read(tmp_path, model):
    path = tmp_path / "model.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return read_onnx(path)


def onnxruntime_output(path, network, batch):
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.concatenate(
        [session.run(None, {"data_0": first_input(network, batch[[i]])})[0] for i in range(len(batch))]
    )


def assert_same_features(network, batch, blob, expected):
    found = ForwardPass(network, [blob]).run(batch)[blob]
    np.testing.assert_allclose(found, expected.reshape(found.shape), rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("style", [style for style in STYLES if style != "float16"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_scores_are_those_of_onnxruntime_on_the_same_file(tmp_path, name, style):
    original = small_network(name)
    model = Writer(original, softmax=False, **STYLES[style]).model()
    network = read(tmp_path, model)
    assert (network.layers, network.preprocessing, network.name) == (original.layers, original.preprocessing, "model")
    batch = photos(network)
    expected = onnxruntime_output(tmp_path / "model.onnx", network, batch)
    assert np.ptp(expected) > 0.1
    assert_same_features(network, batch, "fc8", expected)


@pytest.mark.parametrize("style", STYLES)
def test_arrays_are_those_of_the_file(tmp_path, style):
    original = small_network("alexnet")
    network = read(tmp_path, Writer(original, **STYLES[style]).model())
    for name, array in original.arrays.items():
        np.testing.assert_array_equal(network.arrays[name], array.astype("f2") if style == "float16" else array)


@pytest.mark.parametrize("name", ["caffenet", "alexnet"])
def test_graphs_for_224_pixels_give_weights_for_227(tmp_path, name):
    """As in the ONNX zoo; the order of pooling and normalisation tells one network from the other."""
    original = small_network(name)
    network = read(tmp_path, Writer(original, image_size=224, **STYLES["zoo"]).model())
    assert network.fingerprint == original.fingerprint
    assert network.layers == original.layers != small_network({"caffenet": "alexnet"}.get(name, "caffenet")).layers
    model = Writer(network, softmax=False, **STYLES["plain"]).model()
    onnx.save(model, tmp_path / "227.onnx")
    batch = photos(network)
    assert_same_features(network, batch, "fc8", onnxruntime_output(tmp_path / "227.onnx", network, batch))


def test_a_thousand_classes_have_imagenets_labels(tmp_path):
    network = read(tmp_path, Writer(small_network("mini", n_classes=1000), **STYLES["plain"]).model())
    assert network.labels == resolve_network("mini").labels
    assert read(tmp_path, Writer(small_network("mini"), **STYLES["plain"]).model()).labels == ()


def test_values_may_be_packed_floats(tmp_path):
    original = small_network("mini")
    model = Writer(original, **STYLES["plain"]).model()
    for tensor in model.graph.initializer:
        if tensor.data_type == float32 and tensor.dims:
            values = numpy_helper.to_array(tensor).ravel().tolist()
            tensor.ClearField("raw_data")
            tensor.float_data.extend(values)
    assert read(tmp_path, model).fingerprint == original.fingerprint


@pytest.mark.slow
@pytest.mark.parametrize("name", ["caffenet", "alexnet"])
def test_whole_networks_are_read(tmp_path, name):
    """As the zoo has them, and as this package writes them."""
    original = Network.random(name, 0)
    assert read(tmp_path, Writer(original, image_size=224, **STYLES["zoo"]).model()).fingerprint == original.fingerprint
    original.to_onnx(tmp_path / "own.onnx")
    assert read_onnx(tmp_path / "own.onnx").fingerprint == original.fingerprint


@pytest.mark.slow
def test_what_torch_exports_is_read(tmp_path):
    torch = pytest.importorskip("torch")
    model = torch_model(torch)
    with pytest.warns(DeprecationWarning):
        torch.onnx.export(model, torch.zeros(1, 3, 224, 224), tmp_path / "exported.onnx", dynamo=False)
    network = read_onnx(tmp_path / "exported.onnx")
    batch = photos(network)
    expected = model(torch.tensor(first_input(network, batch))).detach().numpy()
    assert_same_features(network, batch, "fc8", expected)


# Models of this package


def network_with_everything(flip=True, mean_image=True, labels=True):
    tiny = tiny_network()
    preprocessing = replace(TINY.preprocessing, flip=flip, policy="crop", resample="bicubic", mean=(0.1, 0.2, 1 / 3))
    image = None
    if mean_image:
        preprocessing = replace(preprocessing, mean=(0.0, 0.0, 0.0))
        image = np.random.default_rng(0).uniform(90, 130, (*preprocessing.resize, 3)).astype(np.float32)
    labels = [(f"n{i}", f"klass {i}, é") for i in range(5)] if labels else ()
    return Network(tiny.layers, tiny.arrays, preprocessing, labels=labels, mean_image=image, name="mine")


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("mean_image", [True, False])
def test_what_to_onnx_wrote_comes_back_as_it_was(tmp_path, flip, mean_image):
    network = network_with_everything(flip, mean_image)
    network.to_onnx(tmp_path / "net.onnx")
    again = read_onnx(tmp_path / "net.onnx")
    assert again.fingerprint == network.fingerprint
    assert (again.layers, again.preprocessing) == (network.layers, network.preprocessing)
    assert (again.labels, again.name) == (network.labels, "mine")
    if mean_image:
        np.testing.assert_array_equal(again.mean_image, network.mean_image)


@pytest.mark.parametrize("blob", tiny_network().blob_shapes)
def test_a_part_comes_back_up_to_its_last_blob(tmp_path, blob):
    network = tiny_network()
    network.to_onnx(tmp_path / "net.onnx", blobs=[blob])
    again = read_onnx(tmp_path / "net.onnx")
    assert list(again.blob_shapes)[-1] == blob.removesuffix("_pre")
    assert again.layers == network.layers[: len(again.layers)]
    batch = photos(network)
    np.testing.assert_array_equal(
        ForwardPass(again, [blob]).run(batch)[blob], ForwardPass(network, [blob]).run(batch)[blob]
    )


def changed_own(change):
    def make(tmp_path):
        tiny_network().to_onnx(tmp_path / "own.onnx")
        model = onnx.load(tmp_path / "own.onnx")
        change(model)
        return model

    return make


def set_array(name, value):
    def change(model):
        (tensor,) = (tensor for tensor in model.graph.initializer if tensor.name == name)
        array = numpy_helper.to_array(tensor).copy()
        array.flat[0] = value
        tensor.CopyFrom(numpy_helper.from_array(array, name))

    return change


def set_description(key, value):
    def change(model):
        (entry,) = (entry for entry in model.metadata_props if entry.key == key)
        entry.value = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_array("mean", 1.0), "array 'mean' is not what"),
        (set_array("channels", 1), "array 'channels' is not what"),
        (set_array("fc6.bias", np.inf), "'fc6.bias' has NaN or infinite"),
        (lambda model: model.graph.node.pop(), "the end of the graph is not what"),
        (lambda model: model.graph.node.pop(3), r"node 3 \(Relu\) is not what"),
        (lambda model: model.graph.initializer.pop(), "'fc8.bias' of shape .* is missing"),
        (lambda model: model.graph.node[3].attribute.pop(), "node 3 .* is not what"),
        (set_description("layers", "[]"), "needs at least one layer"),
        (set_description("preprocessing", '{"resize": [1000000, 1000000], "crop": [9, 9]}'), "resize needs"),
        (
            set_description("preprocessing", '{"resize": [18, 20], "crop": [17, 19], "mean": [1e300, 0, 0]}'),
            "mean needs 3 numbers of at most",
        ),
        (set_description("labels", '[["a", "b"]]'), "1 labels do not fit"),
    ],
)
def test_own_models_that_were_changed_are_refused(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, changed_own(change)(tmp_path))


def test_a_model_whose_description_has_no_layers_is_refused(tmp_path):
    def change(model):
        set_description("layers", "[]")(model)
        set_description("labels", "[]")(model)
        model.graph.ClearField("initializer")

    with pytest.raises(ValueError, match="layer"):
        read(tmp_path, changed_own(change)(tmp_path))


def test_damaged_descriptions_raise_nothing_but_value_errors(tmp_path):
    model = changed_own(lambda model: None)(tmp_path)
    entries, refused = {entry.key: entry for entry in model.metadata_props}, 0
    for key in ("layers", "preprocessing"):
        whole = entries[key].value
        for data in damaged(whole.encode(), 50):
            entries[key].value = data.decode("latin-1")
            try:
                read(tmp_path, model)
            except ValueError as error:
                assert str(error).startswith(f"'{tmp_path}")
                refused += 1
        entries[key].value = whole
    assert refused > 75


# What does not fit


def changed(change, name="caffenet", style="plain"):
    model = Writer(small_network(name), **STYLES[style]).model()
    change(model.graph)
    return model


def set_attribute(i, **values):
    def change(graph):
        for key, value in values.items():
            kept = [attribute for attribute in graph.node[i].attribute if attribute.name != key]
            del graph.node[i].attribute[:]
            graph.node[i].attribute.extend([*kept, helper.make_attribute(key, value)])

    return change


def set_operator(i, operator):
    def change(graph):
        graph.node[i].op_type = operator

    return change


def set_field(i, **values):
    def change(graph):
        for key, value in values.items():
            setattr(graph.initializer[i], key, value)

    return change


def set_dims(i, dims):
    def change(graph):
        graph.initializer[i].dims[:] = dims

    return change


def drop_inputs(i):
    def change(graph):
        del graph.node[i].input[2:]

    return change


def external(graph):
    graph.initializer[0].ClearField("raw_data")
    graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    graph.initializer[0].external_data.add(key="location", value="/etc/passwd")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_operator(1, "Tanh"), r"node 1 \(Tanh\): not an operator of these networks"),
        (set_operator(0, "QLinearConv"), r"node 0 \(QLinearConv\): not an operator"),
        (lambda graph: setattr(graph.node[1], "domain", "com.microsoft"), r"node 1 \(Relu\): not an operator"),
        (set_attribute(0, dilations=[2, 2]), r"node 0 \(Conv\): attribute 'dilations' is \(2, 2\), not \(1, 1\)"),
        (set_attribute(0, auto_pad="SAME_UPPER"), r"attribute 'auto_pad' is 'SAME_UPPER', not 'NOTSET'"),
        (set_attribute(0, kernel_shape=[11, 9]), r"attribute 'kernel_shape' is \(11, 9\), not 2 equal numbers"),
        (set_attribute(0, strides=[2, 2]), r"node 0 \(Conv\): stride is 2, not 4 as in layer 'conv1' of caffenet"),
        (set_attribute(0, strides="ab"), r"attribute 'strides' is 'ab', not of type tuple"),
        (set_attribute(0, strides=[0.5, 0.5]), "attribute 'strides' is neither"),
        (set_attribute(0, future=1), "an attribute 'future' is unknown here"),
        (set_attribute(2, kernel_shape=[2, 2]), r"node 2 \(MaxPool\): kernel is 2, not 3"),
        (set_attribute(2, pads=[1, 1, 1, 1]), r"node 2 \(MaxPool\): pad is 1, not 0"),
        (set_attribute(2, pads=[0, 0, 5, 5]), "does not round up"),
        (set_attribute(3, alpha=0.01), r"node 3 \(LRN\): alpha is 0\.01, not 0\.0001"),
        (set_attribute(3, bias=2.0), r"node 3 \(LRN\): k is 2\.0, not 1\.0"),
        (set_attribute(4, group=1), r"node 4 \(Conv\): groups is 1, not 2"),
        (set_attribute(16, alpha=2.0), r"node 16 \(Gemm\): attribute 'alpha' is 2\.0, not 1\.0"),
        (set_operator(14, "AveragePool"), r"node 14 \(AveragePool\): attribute 'kernel_shape' is \(3, 3\)"),
        (drop_inputs(0), r"node 0 \(Conv\): it reads 1 constants, not 2"),
        (lambda graph: graph.node.pop(8), r"node 8 \(Relu\): it reads .*, not just the output of the node before it"),
        (lambda graph: graph.node[0].input.append("data_0"), "it reads data_0, .*, data_0, not just"),
        (lambda graph: graph.node[0].input.__setitem__(1, "other"), "its input 'other' is not a constant"),
        (lambda graph: graph.input.add(name="second"), "the graph reads 2 inputs"),
        (lambda graph: graph.node.__delitem__(slice(10, None)), "the graph ends where caffenet goes on with 'conv4'"),
        (external, "array 'conv1_w_0' lies in another file"),
        (set_field(0, data_type=onnx.TensorProto.INT8), "array 'conv1_w_0' is of ONNX's data type 3"),
        (set_field(0, raw_data=b""), r"array 'conv1_w_0' does not have the values of its shape \(4, 3, 11, 11\)"),
        (set_dims(0, [2**40, 2**40]), "array 'conv1_w_0' does not have the values of its shape"),
        (set_dims(0, [-4, 3, -11, 11]), "array 'conv1_w_0' does not have the values of its shape"),
        (set_dims(0, [1] * 9), "array 'conv1_w_0' has 9 axes"),
        (set_dims(1, [2, 2]), None),
        (set_dims(0, [4, 3, 121, 1]), r"array 'conv1.weight' has shape \(4, 3, 121, 1\), but its layer needs"),
        (set_dims(0, [12, 121]), r"node 0 \(Conv\): its weight has shape \(12, 121\)"),
        (lambda graph: graph.initializer.append(graph.initializer[0]), "two arrays are called 'conv1_w_0'"),
        (lambda graph: graph.ClearField("node"), "the graph ends where caffenet"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, change, message):
    model = changed(change)
    if message is None:
        assert read(tmp_path, model)
        return
    with pytest.raises(ValueError, match=rf"model\.onnx.*{message}"):
        read(tmp_path, model)


def test_another_network_is_refused_where_it_first_differs(tmp_path):
    """Pooling and normalisation of AlexNet in the first stage, of CaffeNet in the second."""
    model = Writer(small_network("alexnet"), **STYLES["plain"]).model()
    order = [*range(6), 7, 6, *range(8, len(model.graph.node))]
    nodes = [model.graph.node[i] for i in order]
    for before, node in itertools.pairwise(nodes):
        node.input[0] = before.output[0]
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)
    with pytest.raises(
        ValueError, match=r"node 6 \(MaxPool\): alexnet, which fits best up to here, goes on with ResponseN"
    ):
        read(tmp_path, model)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(tmp_path, value):
    network = small_network("mini")
    arrays = {name: array.copy() for name, array in network.arrays.items()}
    arrays["conv3.weight"][1, 2] = [[value, -value, 0]] * 3
    network = SimpleNamespace(layers=network.layers, preprocessing=network.preprocessing, arrays=arrays)
    with pytest.raises(ValueError, match=r"'conv3\.weight' has NaN or infinite values"):
        read(tmp_path, Writer(network, **STYLES["plain"]).model())


@pytest.mark.parametrize("text", [b"data_0", b"conv1_w_0", b"Relu", b"Conv_0_0", b"kernel_shape"])
def test_texts_that_are_not_utf8_are_refused(tmp_path, text):
    content = Writer(small_network("caffenet"), **STYLES["plain"]).model().SerializeToString()
    with pytest.raises(ValueError, match=r"model\.onnx"):
        read(tmp_path, content.replace(text, b"\xff" * len(text), 1))


@pytest.mark.parametrize("text", [b"conv1.weight", b"skdecaf-1", b"labels", b"pixels"])
def test_texts_of_own_models_that_are_not_utf8_are_refused(tmp_path, text):
    tiny_network().to_onnx(tmp_path / "own.onnx")
    content = (tmp_path / "own.onnx").read_bytes()
    with pytest.raises(ValueError, match=r"model\.onnx"):
        read(tmp_path, content.replace(text, b"\xff" * len(text), 1))


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ImportError, match=r'pip install "skdecaf\[onnx\]"'):
        read_onnx(tmp_path / "any.onnx")


def test_a_missing_file():
    with pytest.raises(FileNotFoundError, match="no network at '.*nothing'"):
        read_onnx("nothing")


def test_models_are_known_by_their_first_bytes():
    model = Writer(small_network("mini"), **STYLES["plain"]).model().SerializeToString()
    assert looks_like(model[:64])
    assert not any(
        looks_like(head) for head in (b"", b"\x08", b"PK\x03\x04", b"\n\x07CaffeNet", b"\x80\x02]", b"\x08" * 9)
    )


@pytest.mark.slow
@pytest.mark.parametrize("own", [True, False])
def test_damaged_models_raise_nothing_but_value_errors(tmp_path, own):
    if own:
        tiny_network().to_onnx(tmp_path / "whole.onnx")
        content = (tmp_path / "whole.onnx").read_bytes()
    else:
        content = Writer(small_network("mini"), **STYLES["products"]).model().SerializeToString()
    refused = 0
    for data in damaged(content, 300):
        try:
            read(tmp_path, data)
        except ValueError as error:
            assert str(error).startswith(f"'{tmp_path}")
            refused += 1
    assert refused > 50
