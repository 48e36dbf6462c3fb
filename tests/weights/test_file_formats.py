"""Any format by its content; and what hostile files may cost."""

import json
import pickle
import struct
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from caffe_files import CaffeNet, blob, field
from cuda_convnet_files import cuda_layers
from damaged_files import damaged
from python2_pickles import dumps
from safetensors.numpy import save_file
from small_alexnets import small_network, torchvision_arrays
from tiny_networks import tiny_network

from skdecaf.weights import Architecture, Network, read_mean, read_network
from skdecaf.weights import _file_formats as file_formats
from skdecaf.weights._readers.caffe import read_caffemodel


def write_own(path):
    tiny_network().save(path)
    return tiny_network()


def write_own_onnx(path):
    pytest.importorskip("onnx")
    tiny_network().to_onnx(path)
    return tiny_network()


def write_npz(path, compressed=False):
    network = small_network("alexnet")
    with open(path, "wb") as file:
        (np.savez_compressed if compressed else np.savez)(file, **network.arrays, architecture="alexnet")
    return network


def write_safetensors(path):
    network = small_network("torchvision_alexnet")
    save_file(torchvision_arrays(network), path, metadata={"format": "pt"})
    return network


def write_torch(path, zipped=True):
    torch = pytest.importorskip("torch")
    network = small_network("torchvision_alexnet")
    state = {key: torch.tensor(array) for key, array in torchvision_arrays(network).items()}
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    return network


def write_caffemodel(path, version=2):
    pytest.importorskip("google.protobuf")
    path.write_bytes(CaffeNet().to_caffemodel(version))
    return read_caffemodel(path)


WRITERS = {
    "ours": write_own,
    "our ONNX": write_own_onnx,
    "npz": write_npz,
    "npz, compressed": lambda path: write_npz(path, compressed=True),
    "safetensors": write_safetensors,
    "state dict": write_torch,
    "old state dict": lambda path: write_torch(path, zipped=False),
    "caffemodel": write_caffemodel,
    "caffemodel V1": lambda path: write_caffemodel(path, 1),
    "caffemodel V0": lambda path: write_caffemodel(path, 0),
}


@pytest.mark.parametrize("name", ["net", "net.npz", "net.caffemodel"])
@pytest.mark.parametrize("kind", WRITERS)
def test_the_content_tells_the_format(tmp_path, kind, name):
    expected = WRITERS[kind](tmp_path / name)
    network = read_network(tmp_path / name)
    assert network.fingerprint == expected.fingerprint
    assert network.layers == expected.layers


# The smallest files that begin as those of formats whose whole networks would be large.
BEGINNINGS = {
    "read_deep_compression": struct.pack("<8I", *[29_000] * 8),
    "read_decaf": dumps([{"name": "data", "type": "data"}]),
    "read_onnx": field(1, 8) + field(2, "onnx-caffe2") + field(7, field(2, "graph")),
    "read_caffemodel": field(1, "CaffeNet") + field(2, field(4, "data")),
}


@pytest.mark.parametrize("reader", BEGINNINGS)
def test_the_first_bytes_tell_the_format(tmp_path, monkeypatch, reader):
    (tmp_path / "net").write_bytes(BEGINNINGS[reader])
    names = [(looks_like, lambda path, *_, name=read.__name__: name) for looks_like, read in file_formats._READERS]
    monkeypatch.setattr(file_formats, "_READERS", names)
    assert read_network(tmp_path / "net") == reader


def test_files_that_are_mistaken_for_networks_are_named(tmp_path):
    mean = np.full((3, 8, 8), 100, np.float32)
    np.save(tmp_path / "net.npy", mean)
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 243862418\n"
    for content, message in (
        (blob(mean, legacy=True), "net': a mean image, not a network; pass .* mean= of read_network"),
        ((tmp_path / "net.npy").read_bytes(), "net': a mean image, not a network"),
        (pointer.encode(), "net': a pointer of Git LFS.*; run 'git lfs pull'"),
    ):
        (tmp_path / "net").write_bytes(content)
        with pytest.raises(ValueError, match=message):
            read_network(tmp_path / "net")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00",
        b"text\n",
        b"PK",
        b"<!DOCTYPE html>\n<html>",
        b"\x89PNG\r\n\x1a\n",
        b"\x89HDF\r\n\x1a\n",
        bytes(5000),
    ],
)
def test_a_file_of_no_known_format_is_told_which_there_are(tmp_path, content):
    (tmp_path / "net").write_bytes(content)
    with pytest.raises(ValueError, match=r"net': (an unknown format|a damaged zip archive).*") as error:
        read_network(tmp_path / "net")
    if not content.startswith(b"PK"):
        for name in ("safetensors", "torchvision", "npz", "ONNX", "caffemodel", "DeCAF", "Deep Compression"):
            assert name in str(error.value)


@pytest.mark.parametrize("write", [write_own, write_npz])
def test_what_is_read_without_options_is_pickled_by_its_path(tmp_path, write):
    write(tmp_path / "net")
    network = read_network(tmp_path / "net")
    content = pickle.dumps(network)
    assert len(content) < 500 and str(tmp_path / "net").encode() in content
    assert pickle.loads(content).fingerprint == network.fingerprint


def test_what_needs_options_must_be_saved_before_it_is_pickled(tmp_path):
    write_npz(tmp_path / "net")
    with pytest.raises(TypeError, match=r"call network\.save"):
        pickle.dumps(read_network(tmp_path / "net", architecture="alexnet"))


# Options


def test_options_reach_the_readers_that_take_them(tmp_path):
    pytest.importorskip("google.protobuf")
    (tmp_path / "caffe").write_bytes(CaffeNet().to_caffemodel())
    mean = np.random.default_rng(0).uniform(90, 130, (105, 105, 3)).astype(np.float32)
    np.save(tmp_path / "mean.npy", mean.transpose(2, 0, 1)[::-1])
    for given in (mean, tmp_path / "mean.npy", read_mean(tmp_path / "mean.npy")):
        np.testing.assert_array_equal(read_network(tmp_path / "caffe", mean=given).mean_image, mean)

    (tmp_path / "decaf").write_bytes(dumps(cuda_layers(CaffeNet())))
    (tmp_path / "elsewhere").write_bytes(dumps({"data_mean": np.float32(mean.transpose(2, 0, 1))}))
    network = read_network(tmp_path / "decaf", meta=tmp_path / "elsewhere")
    np.testing.assert_array_equal(network.mean_image, mean)

    for name in ("caffenet", "alexnet"):
        expected = small_network(name)
        np.savez(tmp_path / "net.npz", **expected.arrays)
        assert read_network(tmp_path / "net.npz", architecture=name).fingerprint == expected.fingerprint
    own = Architecture(expected.layers, replace(expected.preprocessing, resize=(300, 300)))
    assert read_network(tmp_path / "net.npz", architecture=own).preprocessing.resize == (300, 300)


@pytest.mark.parametrize(
    ("write", "option", "message"),
    [
        (write_own, {"architecture": "mini"}, r"architecture= is for \.npz and .*; leave it out"),
        (write_npz, {"mean": "mean.npy"}, r"mean= is for Caffe's \.caffemodel; leave it out"),
        (write_safetensors, {"meta": "net.meta"}, "meta= is for the pickles of DeCAF"),
        (write_npz, {"architecture": "vgg"}, "architecture is one of caffenet, .*, not 'vgg'"),
        (write_npz, {"architecture": "mini"}, r"not mini: array 'conv1\.weight' has shape"),
    ],
)
def test_options_of_no_use_are_refused(tmp_path, write, option, message):
    write(tmp_path / "net")
    with pytest.raises(ValueError, match=rf"net': {message}"):
        read_network(tmp_path / "net", **option)


def test_archives_without_arrays_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "net", "w") as file:
        file.writestr("readme.txt", "text")
    with pytest.raises(ValueError, match="a zip archive without arrays; known formats are"):
        read_network(tmp_path / "net")


def test_missing_files_and_folders(tmp_path):
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(FileNotFoundError, match="no network at"):
            read_network(path)


def test_damaged_files_raise_nothing_but_value_errors(tmp_path):
    """Damage in the first bytes, which may make a file of one format look like one of another."""
    for kind, write in WRITERS.items():
        write(tmp_path / "net")
        content = (tmp_path / "net").read_bytes()
        for data in damaged(content, 12, seed=len(kind), most=64):
            (tmp_path / "net").write_bytes(data)
            try:
                assert isinstance(read_network(tmp_path / "net"), Network)
            except ValueError as error:
                assert "net'" in str(error)


# What hostile files may cost


def safetensors_file(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def onnx_file(graph=b"", more=b""):
    return field(1, 8) + field(2, "test") + more + field(7, graph)


def nested(depth):
    """A graph in an attribute of a node of a graph, and so on."""
    graph = b""
    for _ in range(depth):
        graph = field(1, field(5, field(6, graph)))
    return graph


def npz_file(path, entries, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression, compresslevel=1) as file:
        for name, content in entries:
            file.writestr(name, content)
    return path.read_bytes()


def npy(shape, n_bytes):
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(n_bytes)


def hostile_contents(tmp_path):
    tensor = field(1, [4, 3, 11, 11]) + field(2, 1) + field(8, "w")
    wide = field(2, 1) + field(8, "w") + field(1, b"\x01" * 900_000)
    ours = {"format": "skdecaf-1", "name": "n", "labels": '[["too", "few"]]'}
    relus = json.dumps([{"type": "max_pool", "name": f"p{i}", "kernel": 1, "stride": 1} for i in range(25_000)])
    pixels = '{"resize": [9, 9], "crop": [9, 9]}'
    yield "many nodes", onnx_file(b"\x0a\x00" * 20_000_000)
    yield "many arrays", onnx_file(b"\x2a\x00" * 20_000_000)
    yield "many graphs", field(1, 8) + field(2, "test") + b"\x3a\x00" * 20_000_000
    yield "many axes", onnx_file(field(1, field(4, "Relu")) + field(5, wide))
    yield "packed numbers", onnx_file(field(5, field(2, 7) + field(1, 900_000) + field(7, b"\x01" * 900_000)))
    yield "huge shape", onnx_file(field(5, field(1, [2**62, 2**62]) + field(2, 1) + field(9, b"abcd")))
    yield "huge length", onnx_file(b"\x2a" + b"\xff" * 9 + b"\x01")
    yield "long text", onnx_file(field(2, b"x" * 50_000_000))
    yield "large unknown field", onnx_file(more=field(1000, bytes(50_000_000)))
    yield "deep", onnx_file(nested(5_000))
    yield "large array", onnx_file(field(5, tensor + field(9, bytes(300_000_000))))
    yield "unpacked floats", onnx_file(field(5, tensor + b"\x25abcd" * 10_000_000))
    yield "long header", safetensors_file(b"{" + b" " * 90_000_000 + b"}")
    yield "deep header", safetensors_file(b'{"a":' * 200_000)
    yield (
        "many tensors",
        safetensors_file({str(i): {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(30_000)}),
    )
    yield "huge tensor", safetensors_file({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}})
    yield "many layers", safetensors_file({"__metadata__": {**ours, "preprocessing": pixels, "layers": relus}})
    yield "bomb", npz_file(tmp_path / "z", [("conv1.weight.npy", npy((9_000_000, 9), 324_000_000))])
    bombs = [(f"{i}.npy", npy((9_000_000,), 36_000_000)) for i in range(16)]
    yield "many bombs", npz_file(tmp_path / "z", bombs)
    yield "bomb of a pickle", npz_file(tmp_path / "z", [("a/data.pkl", bytes(400_000_000))])
    yield "stored pickle", npz_file(tmp_path / "z", [("a/data.pkl", b"\x80\x02" + b")" * 10**8)], zipfile.ZIP_STORED)
    yield "many entries", npz_file(tmp_path / "z", [(f"{i}.npy", b"") for i in range(15_000)])
    yield "torch", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19." + b"\x80\x02(" * 30_000_000
    yield "decaf", b"\x80\x02]" + b"(" * 50_000_000
    yield "caffe", field(1, "net") + b"\xa2\x06\x00" * 10_000_000


MEASURE = """
import json, re, sys, time
from pathlib import Path
from skdecaf.weights._file_formats import read_network
costs = {}
for name in sys.argv[1:]:
    start = time.process_time()
    try:
        read_network(name)
        outcome = "read"
    except ValueError as error:
        outcome = "ValueError"
    except BaseException as error:
        outcome = repr(error)
    most = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
    costs[name] = outcome, time.process_time() - start, int(most[1])
print(json.dumps(costs))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured as Linux counts it")
def test_hostile_files_cost_little(tmp_path):
    """Less than two seconds of a processor and a gigabyte of memory, each; imports are paid by the first."""
    pytest.importorskip("onnx")
    pytest.importorskip("google.protobuf")
    write_own_onnx(tmp_path / "warm-up")
    paths = []
    for name, content in hostile_contents(tmp_path):
        paths.append(tmp_path / name)
        paths[-1].write_bytes(content)
    for i, head in enumerate([b"PK\x03\x04", b"\x80\x02]", b"\x08\x08\x12", b"\n\x01a", struct.pack("<8I", *[9] * 8)]):
        paths.append(tmp_path / f"sparse {i}")
        paths[-1].write_bytes(head)
        with open(paths[-1], "r+b") as file:
            file.truncate(2**40)
    command = [sys.executable, "-c", MEASURE, tmp_path / "warm-up", *paths]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    costs = {name.rsplit("/", 1)[-1]: cost for name, cost in json.loads(output).items()}
    assert costs.pop("warm-up")[0] == "read"
    assert len(costs) == len(paths)
    for name, (outcome, seconds, kilobytes) in costs.items():
        assert outcome == "ValueError", name
        assert seconds < 2, name
        assert kilobytes < 1e6, name
