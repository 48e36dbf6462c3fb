"""Deep Compression's format, against an encoder in plain Python and float64."""

import math
import struct
import time

import float64_layers
import numpy as np
import pytest
from deep_compression_files import SMALL, WEIGHTS, contents, encode

from skdecaf import DeCAFTransformer
from skdecaf.weights import ARCHITECTURES
from skdecaf.weights._layers import parameter_shapes
from skdecaf.weights._readers.deep_compression import looks_like, read_deep_compression

ALEXNET = ARCHITECTURES["alexnet"]


def write(folder, content):
    (folder / "AlexNet_compressed.net").write_bytes(content)
    return folder / "AlexNet_compressed.net"


@pytest.mark.parametrize("density", [0.02, 0.15, 1.0])
def test_arrays_are_those_that_were_encoded(tmp_path, density):
    weights, biases, books = contents(density)
    network = read_deep_compression(write(tmp_path, encode(weights, biases, books)), architecture=SMALL)
    for (name, shape), indices, bias, book in zip(WEIGHTS.items(), weights, biases, books, strict=True):
        expected = np.array([book[i] for i in indices], np.float32).reshape(shape)
        np.testing.assert_array_equal(network.arrays[name], expected)
        np.testing.assert_array_equal(network.arrays[name.replace("weight", "bias")], np.float32(bias))
    assert network.layers == SMALL.layers
    assert network.preprocessing.channel_order == "BGR"


def test_weights_without_a_code_have_the_first_value_of_the_book(tmp_path):
    weights, biases, books = contents()
    books[0][0] = 0.25
    network = read_deep_compression(write(tmp_path, encode(weights, biases, books)), architecture=SMALL)
    rest = network.arrays["conv1.weight"].ravel()[np.array(weights[0]) == 0]
    assert rest.size and (rest == 0.25).all()


def test_features_are_those_of_float64(tmp_path):
    network = read_deep_compression(write(tmp_path, encode(*contents())), architecture=SMALL)
    photo = np.random.default_rng(0).integers(0, 256, (99, 99, 3), dtype=np.uint8)
    expected = float64_layers.blobs(network, photo)
    for blob in ("norm1", "pool5", "fc7", "prob"):
        found = DeCAFTransformer(weights=network, layer=blob, dropout=False).fit_transform([photo])[0]
        values = expected[blob].ravel()
        np.testing.assert_allclose(found, values, rtol=2e-4, atol=2e-5 * np.abs(values).max())


def with_count(layer, count):
    content = bytearray(encode(*contents()))
    struct.pack_into("<I", content, 4 * layer, count)
    return bytes(content)


def with_gaps_of_15():
    """All codes of fc8 are for weights beyond the last."""
    weights, biases, books = contents(1.0)
    content = encode(weights, biases, books)
    n_bytes = (len(weights[-1]) + 1) // 2
    return content[:-n_bytes] + b"\xff" * n_bytes


def with_a_value(value):
    weights, biases, books = contents()
    biases[3][0] = value
    return encode(weights, biases, books)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "ends within the numbers of codes"),
        (b"\x01\0\0\0" * 7, "ends within the numbers of codes"),
        (b"\x01\0\0\0" * 8, "'conv1': the file ends within its book"),
        (with_count(0, 2**32 - 1), "'conv1' has 4,294,967,295 codes for 2,178 weights"),
        (with_count(7, 71), "'fc8' has 71 codes for 70 weights"),
        (with_count(7, 70), "'fc8': the file ends within its"),
        (with_count(2, 1), "bytes follow the last layer"),
        (encode(*contents())[:-1], "'fc8': the file ends within its gaps"),
        (encode(*contents()) + b"\0", "1 bytes follow the last layer"),
        (with_gaps_of_15(), "'fc8': a code is for weight 1,1"),
        (with_a_value(float("nan")), r"'conv4\.bias' has NaN"),
        (with_a_value(float("inf")), r"'conv4\.bias' has NaN or infinite"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read_deep_compression(write(tmp_path, content), architecture=SMALL)


def test_other_architectures_are_refused(tmp_path):
    path = write(tmp_path, encode(*contents()))
    with pytest.raises(ValueError, match="'conv1': the file ends|follow the last layer|has .* codes|ends within"):
        read_deep_compression(path)
    with pytest.raises(ValueError, match="architecture is one of"):
        read_deep_compression(path, architecture="resnet")
    with pytest.raises(FileNotFoundError):
        read_deep_compression(tmp_path / "nothing")


def test_any_damage_is_a_value_error(tmp_path):
    content = encode(*contents())
    generator = np.random.default_rng(0)
    for case in range(150):
        damaged = bytearray(content)
        if case % 3 == 0:
            del damaged[generator.integers(len(content)) :]
        else:
            for _ in range(generator.integers(1, 10)):
                damaged[generator.integers(32 if case % 3 == 1 else len(content))] = generator.integers(256)
        try:
            read_deep_compression(write(tmp_path, damaged), architecture=SMALL)
        except ValueError as error:
            assert "AlexNet_compressed.net" in str(error)


def test_only_its_own_files_look_like_one():
    assert looks_like(struct.pack("<8I", 29388, 119000, 313000, 250000, 165000, 3670000, 1510000, 1020000))
    for other in (b"", b"\0" * 64, b"PK\x03\x04" + b"\1" * 60, b"\x80\x02]q\x01" + b"\1" * 59, b"\x0a\x07CaffeNet" * 8):
        assert not looks_like(other)


@pytest.mark.slow
def test_a_file_of_real_size_is_read_within_a_few_seconds(tmp_path):
    """Densities as published: the file has 8.9 MB there."""
    generator = np.random.default_rng(0)
    shapes = {k: s for k, s in parameter_shapes(ALEXNET.layers, (3, 227, 227)).items() if k.endswith("weight")}
    counts, sections = [], b""
    for shape in shapes.values():
        count, bits = math.prod(shape) // (3 if len(shape) == 4 else 11), 8 if len(shape) == 4 else 4
        counts.append(count)
        book = np.r_[0, generator.standard_normal(2**bits - 1)].astype(np.float32)
        sections += book.tobytes() + np.zeros(shape[0], np.float32).tobytes()
        gaps = generator.integers(0, 16 if bits == 4 else 2, -(-count // 2), dtype=np.uint8)
        sections += generator.bytes(-(-count * bits // 8)) + gaps.tobytes()
    path = write(tmp_path, struct.pack("<8I", *counts) + sections)
    start = time.process_time()
    network = read_deep_compression(path)
    assert time.process_time() - start < 5
    assert network.n_parameters == 60_965_224
    assert len(network.labels) == 1000
