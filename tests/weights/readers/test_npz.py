"""Archives that numpy wrote, against float64 arithmetic on what numpy reads from them."""

import io
import time
import zipfile

import float64_layers
import numpy as np
import pytest
from damaged_files import damaged
from small_alexnets import photos, small_network

from skdecaf._forward import ForwardPass
from skdecaf.weights import ARCHITECTURES, Network, resolve_network
from skdecaf.weights._readers.npz import read_npz


def save(path, arrays, compressed=False):
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    return path


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_arrays_and_layers_are_those_of_the_file(tmp_path, name, compressed):
    original = small_network(name)
    network = read_npz(save(tmp_path / "net.npz", {**original.arrays, "architecture": name}, compressed))
    assert network.fingerprint == original.fingerprint
    assert (network.layers, network.preprocessing, network.name) == (original.layers, original.preprocessing, "net")


def test_features_are_those_of_float64_arithmetic(tmp_path):
    path = save(tmp_path / "net.npz", small_network("mini").arrays)
    network = read_npz(path)
    with np.load(path, allow_pickle=False) as arrays:
        read_by_numpy = Network(small_network("mini").layers, dict(arrays), network.preprocessing)
    batch = photos(network)
    blobs = ForwardPass(network, ["pool2", "pool5", "fc6", "prob"]).run(batch)
    for i, image in enumerate(batch):
        expected = float64_layers.blobs(read_by_numpy, image)
        for blob, values in blobs.items():
            exact = expected[blob].ravel()
            np.testing.assert_allclose(values[i], exact, rtol=1e-4, atol=1e-5 * np.abs(exact).max())


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_whole_networks_are_read(tmp_path, dtype):
    original = Network.random("alexnet", 0)
    arrays = {name: array.astype(dtype) for name, array in original.arrays.items()}
    network = read_npz(save(tmp_path / "net.npz", {**arrays, "architecture": "alexnet"}))
    assert network.fingerprint == original.fingerprint


@pytest.mark.parametrize("name", ["mini", "torchvision_alexnet"])
def test_the_architecture_may_follow_from_the_shapes(tmp_path, name):
    original = small_network(name)
    assert read_npz(save(tmp_path / "net.npz", original.arrays)).layers == original.layers


@pytest.mark.parametrize("name", ["caffenet", "alexnet"])
def test_the_architecture_is_asked_for_where_shapes_do_not_tell(tmp_path, name):
    with pytest.raises(ValueError, match=r"fit caffenet and alexnet; add an entry 'architecture' with one of these"):
        read_npz(save(tmp_path / "net.npz", small_network(name).arrays))


@pytest.mark.parametrize("dtype", ["float16", "float64", ">f4"])
@pytest.mark.parametrize("order", "CF")
def test_other_precisions_and_orders(tmp_path, dtype, order):
    arrays = {key: array.astype(dtype, order=order) for key, array in small_network("mini").arrays.items()}
    network = read_npz(save(tmp_path / "net.npz", arrays))
    for key, array in arrays.items():
        np.testing.assert_array_equal(network.arrays[key], array.astype(np.float32))


def test_a_thousand_classes_have_imagenets_labels(tmp_path):
    network = read_npz(save(tmp_path / "net.npz", small_network("mini", n_classes=1000).arrays))
    assert network.labels == resolve_network("mini").labels


def without(key):
    return {name: array for name, array in small_network("mini").arrays.items() if name != key}


def mini_with(**arrays):
    return {**small_network("mini").arrays, "architecture": "mini", **arrays}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"architecture": "mini", **without("fc6.bias")}, r"not mini: array 'fc6\.bias' of shape \(16,\) is missing"),
        (without("fc6.bias"), r"not mini: array 'fc6\.bias' of shape \(16,\) is missing"),
        (mini_with(extra=np.zeros(3)), "not mini: array 'extra' belongs to no layer"),
        (mini_with(**{"fc6.bias": np.zeros(3)}), r"'fc6\.bias' has shape \(3,\), but its layer needs \(16,\)"),
        (mini_with(**{"fc6.weight": np.zeros((0, 36))}), r"'fc6\.weight' of shape \(0, 36\) holds no weights"),
        (mini_with(**{"fc6.weight": np.zeros(())}), r"'fc6\.weight' of shape \(\) holds no weights"),
        (mini_with(**{"fc6.bias": np.full(16, np.nan)}), r"'fc6\.bias' has NaN"),
        (mini_with(**{"fc6.bias": np.array([np.inf, -np.inf] * 8)}), r"'fc6\.bias' has NaN or infinite"),
        (mini_with(**{"fc6.bias": np.full(16, 1e300)}), r"'fc6\.bias' has NaN or infinite"),
        (mini_with(**{"fc6.bias": np.zeros(16, np.int32)}), r"'fc6\.bias\.npy' is of dtype '<i4', not float16"),
        (mini_with(**{"fc6.bias": np.zeros(16, np.longdouble)}), r"'fc6\.bias\.npy' is of dtype '<f16', not"),
        (mini_with(**{"fc6.bias": np.array(["a"] * 16)}), r"array 'fc6\.bias' holds text, not weights"),
        (mini_with(**{"fc6.bias": np.zeros(16, "f4,f4")}), r"'fc6\.bias\.npy' is of dtype \[.*\], not float16"),
        (mini_with(architecture="vgg"), "architecture is one of caffenet, .*, not 'vgg'"),
        (mini_with(architecture=7), r"'architecture\.npy' is of dtype '<i8'"),
        (mini_with(architecture=["mini"]), "'architecture' must be a single name"),
        (mini_with(architecture="mini" * 100), "architecture is one of"),
        (mini_with(architecture="alexnet"), r"not alexnet: array 'conv1\.weight' has shape \(4, 3, 7, 7\)"),
        ({"a": np.zeros(3)}, r"not caffenet: array 'conv1\.weight' of shape .* is missing; not alexnet"),
        ({}, "is missing|zip"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, arrays, message):
    with pytest.raises(ValueError, match=message):
        read_npz(save(tmp_path / "net.npz", arrays))


# Hostile files


def array_bytes(array):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array), version=(1, 0))
    return buffer.getvalue()


def header(description, magic=b"\x93NUMPY\x01\x00"):
    text = description.encode()
    return magic + len(text).to_bytes(2, "little") + text


def archive(path, entries, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in entries:
            file.writestr(name, content)
    return path


def test_python_objects_are_not_read(tmp_path):
    class Runs:
        def __reduce__(self):
            return open, (str(tmp_path / "was-run"), "w")

    path = tmp_path / "net.npz"
    np.savez(path, **{"conv1.weight": np.array([Runs()], dtype=object)})
    with pytest.raises(ValueError, match=r"'conv1\.weight\.npy' is of dtype '\|O', not float16"):
        read_npz(path)
    assert not (tmp_path / "was-run").exists()


HUGE = "{'descr': '<f4', 'fortran_order': False, 'shape': (4194304, 4194304), }\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header(HUGE), "does not have as many bytes as its shape"),
        (header(HUGE.replace("(4194304, 4194304)", "(1,)")), "does not have as many bytes"),
        (header(HUGE.replace("4194304, 4194304", "-1,")), "does not have as many bytes"),
        (header(HUGE.replace("4194304, 4194304", "4194304, " * 100)), "does not have as many"),
        (header(HUGE.replace("(4194304, 4194304)", "None")), "does not begin as numpy"),
        (header(HUGE.replace("'<f4'", "'V2000000000'")), "is of dtype"),
        (header(HUGE.replace("'<f4'", "'|O'")), "is of dtype"),
        (header(HUGE.replace("'<f4'", "__import__('os').system('true')")), "does not begin as"),
        (header(HUGE.replace("4194304, 4194304", "9" * 800)), "does not begin as numpy"),
        (header(HUGE.replace("4194304, 4194304", "9" * 12 + ", 9" * 200 + "!")), "does not begin as numpy"),
        (header("(" * 5000), "does not begin as numpy"),
        (header("[" * 9000 + "]" * 9000), "does not begin as numpy"),
        (header("9" * 9000), "does not begin as numpy"),
        (b"\x93NUMPY\x01\x00\xff\xff", "does not begin as numpy"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "does not begin as"),
        (b"", "does not begin as numpy"),
    ],
)
def test_headers_that_do_not_fit_are_refused(tmp_path, content, message):
    start = time.perf_counter()
    with pytest.raises(ValueError, match=rf"net\.npz.*'conv1\.weight\.npy' {message}"):
        read_npz(archive(tmp_path / "net.npz", [("conv1.weight.npy", content)]))
    assert time.perf_counter() - start < 2


def test_archives_that_are_none_of_numpys_are_refused(tmp_path):
    path = tmp_path / "net.npz"
    with pytest.raises(ValueError, match=r"entry 'readme\.txt' is not an array"):
        read_npz(archive(path, [("readme.txt", b"text")]))
    with pytest.warns(UserWarning), pytest.raises(ValueError, match="two entries of the archive are called 'a.npy'"):
        read_npz(archive(path, [("a.npy", array_bytes(1.0))] * 2))
    with pytest.raises(ValueError, match="is compressed by method 12, not by deflate"):
        read_npz(archive(path, [("a.npy", array_bytes(1.0))], zipfile.ZIP_BZIP2))
    with pytest.raises(ValueError, match="2,000 entries in the archive are more than"):
        read_npz(archive(path, [(f"{i}.npy", b"") for i in range(2000)]))
    with pytest.raises(ValueError, match=r"a directory of .* bytes is too long"):
        read_npz(archive(path, [("x" * 60_000 + f"{i}.npy", b"") for i in range(20)]))
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ValueError, match="a damaged zip archive"):
        read_npz(path)
    content = bytearray(archive(path, [("a.npy", array_bytes(np.zeros(9)))], zipfile.ZIP_STORED).read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is encrypted"):
        read_npz(path)


def test_a_missing_file():
    with pytest.raises(FileNotFoundError, match="no network at '.*nothing'"):
        read_npz("nothing")


@pytest.mark.parametrize("compressed", [True, False])
def test_damaged_files_raise_nothing_but_value_errors(tmp_path, compressed):
    path = save(tmp_path / "net.npz", small_network("mini").arrays, compressed)
    content, refused = path.read_bytes(), 0
    for data in damaged(content, 100):
        path.write_bytes(data)
        try:
            read_npz(path)
        except ValueError as error:
            assert str(error).startswith(f"'{path}")
            refused += 1
    assert refused > 75


@pytest.mark.filterwarnings("ignore:Overlapped entries")  # later releases of Python warn before they read
def test_damaged_directories_raise_nothing_but_value_errors(tmp_path):
    path = save(tmp_path / "net.npz", small_network("mini").arrays)
    content = path.read_bytes()
    start = content.index(b"PK\x01\x02")
    for data in damaged(content[start:], 100):
        path.write_bytes(content[:start] + data)
        try:
            read_npz(path)
        except ValueError as error:
            assert str(error).startswith(f"'{path}")
