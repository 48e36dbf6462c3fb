"""MATLAB files: read as scipy reads them, and refused where they are damaged or made to do harm."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from dataset_archives import mat_bytes
from scipy.io import loadmat

from skdecaf.datasets import _mat_files
from skdecaf.datasets._mat_files import read_variables

CELLS = np.empty((1, 3), dtype=object)
CELLS[0] = [np.arange(1.0, 4.0), np.arange(300.0)[None], np.empty((0, 0))]
STRUCTS = np.zeros((2, 1), dtype=[("WNID", object), ("ID", object)])
STRUCTS[:, 0] = [("n01440764", 1.0), ("n01443537", 2.0)]
VARIABLES = {
    "fts": np.arange(6, dtype=np.uint8).reshape(2, 3),
    "fc7": np.linspace(-1, 1, 7, dtype=np.float32)[:, None],
    "bbox": {"left": 3.0, "top": -4.5, "note": "outline"},
    "train": {"source": CELLS, "target": CELLS},
    "synsets": STRUCTS,
    "seg": np.ones((40, 50), dtype=bool),
    "empty": np.empty((0, 5)),
    "z": np.array([1 + 2j]),
}


@pytest.fixture(params=[True, False], ids=["compressed", "plain"])
def path(request, tmp_path):
    path = tmp_path / "some.mat"
    path.write_bytes(mat_bytes(VARIABLES, compressed=request.param))
    return path


def test_arrays_are_those_of_scipy(path):
    names = ("fts", "fc7", "seg", "empty")
    expected = loadmat(path)
    for name, values in zip(names, read_variables(path, *names), strict=True):
        assert values.dtype == expected[name].dtype
        np.testing.assert_array_equal(values, expected[name])


def test_structs_and_cells(path):
    bbox, train, synsets, z = read_variables(path, "bbox", "train", "synsets", "z")
    assert (bbox["left"].item(), bbox["top"].item(), bbox["note"]) == (3, -4.5, "outline")
    assert list(train) == ["source", "target"] and [cell.size for cell in train["target"]] == [3, 300, 0]
    np.testing.assert_array_equal(train["source"][1], np.arange(300.0)[None])
    assert [synset["WNID"] for synset in synsets] == ["n01440764", "n01443537"] and z is None


def test_files_that_matlab_wrote(photos):
    for path in sorted((photos / "office_caltech10" / "features" / "surf").iterdir()):
        expected = loadmat(path)
        for name, values in zip(("fts", "labels"), read_variables(path, "fts", "labels"), strict=True):
            assert values.dtype == expected[name].dtype
            np.testing.assert_array_equal(values, expected[name])


def test_big_endian(tmp_path):
    element = struct.pack(">II", 9, 16) + struct.pack(">2d", 1.5, -2)
    body = struct.pack(">IIII", 6, 8, 6, 0) + struct.pack(">IIii", 5, 8, 1, 2) + struct.pack(">HH4s", 1, 1, b"a\0\0\0")
    matrix = struct.pack(">II", 14, len(body + element)) + body + element
    path = tmp_path / "big.mat"
    path.write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI" + matrix)
    np.testing.assert_array_equal(loadmat(path)["a"], [[1.5, -2]])
    np.testing.assert_array_equal(read_variables(path, "a")[0], [[1.5, -2]])


def test_a_variable_that_is_missing_is_named_with_those_that_there_are(path):
    with pytest.raises(ValueError, match=r"some.mat' has no variable 'fc6'; those that it has: 'fts', 'fc7', 'bbox',"):
        read_variables(path, "fts", "fc6")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "does not begin as one"),
        (b"\x89HDF\r\n\x1a\n" * 20, "does not begin as one"),
        (b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM", "is of another version; save it with MATLAB's option -v7"),
        (mat_bytes(VARIABLES)[:-40], "ends too early"),
        (mat_bytes(VARIABLES)[:200], "ends too early"),
    ],
)
def test_other_files(content, problem, tmp_path):
    path = tmp_path / "other.mat"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"other.mat' cannot be read as a MATLAB file: it {problem}"):
        read_variables(path, *VARIABLES)


def nested(depth):
    """A file of cells within cells, at which scipy's reader crashes."""
    head = struct.pack("<IIIIIIii", 6, 8, 1, 0, 5, 8, 1, 1)
    heads = [head + struct.pack("<HH4s", 1, len(name), name) for name in [b""] * (depth - 1) + [b"x"]]
    sizes = np.cumsum([len(head) + 8 for head in heads]) - 8
    matrices = [struct.pack("<II", 14, size) + head for size, head in zip(sizes.tolist(), heads, strict=True)]
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"".join(reversed(matrices))


def test_deep_nesting(tmp_path):
    path = tmp_path / "deep.mat"
    path.write_bytes(nested(20_000))
    with pytest.raises(ValueError, match=r"deep.mat' .* it has a variable 'x' that is nested too deeply"):
        read_variables(path, "x")


def test_what_unpacks_to_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(_mat_files, "_LARGEST", 100_000)
    path = tmp_path / "bomb.mat"
    path.write_bytes(mat_bytes({"seg": np.zeros((400, 400), np.uint8), "fts": np.arange(3)}))
    np.testing.assert_array_equal(read_variables(path, "fts")[0].ravel(), np.arange(3))
    with pytest.raises(ValueError, match=r"a variable 'seg' that unpacks to more than 100,000 bytes"):
        read_variables(path, "seg")
    path.write_bytes(bytes(100_001))
    with pytest.raises(ValueError, match=r"it has more than 100,000 bytes"):
        read_variables(path, "seg")


def element(kind, content):
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def matrix(matlab_class, shape, content, name=b"x"):
    head = element(6, struct.pack("<II", matlab_class, 0)) + element(5, struct.pack(f"<{len(shape)}i", *shape))
    return element(14, head + element(1, name) + content)


NUMBER = matrix(6, (1, 1), element(9, bytes(8)), b"")
COSTLY = {
    "cells": lambda: matrix(1, (1, 10**5 * 2), NUMBER * 10**5 * 2),
    "empty cells": lambda: matrix(1, (1, 10**6), element(14, b"") * 10**6),
    "shape": lambda: matrix(6, (1,) * 10**6, element(9, bytes(8))),
    "text": lambda: matrix(4, (1, 10**6), element(4, bytes(10**7))),
    "names of fields": lambda: matrix(2, (1, 1), element(5, struct.pack("<i", 1)) + element(1, b"a" * 10**7)),
    "the same variable": lambda: matrix(6, (1, 10**6), element(9, bytes(8 * 10**6))),
}
READ = """
import sys, time
from skdecaf.datasets._mat_files import read_variables

def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1000 for line in file if line.startswith("VmHWM"))

before = peak()
try:
    read_variables(sys.argv[1], "x")
except ValueError as error:
    print(str(error).partition(" it ")[2], round(time.process_time(), 1), round(peak() - before), sep="|")
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the system does not tell the memory")
@pytest.mark.parametrize("kind", COSTLY)
def test_a_small_file_costs_little(kind, tmp_path):
    path = tmp_path / "costly.mat"
    packed = zlib.compress(COSTLY[kind](), 1)
    path.write_bytes(
        b"MATLAB 5.0 MAT-file".ljust(124)
        + b"\x00\x01IM"
        + (struct.pack("<II", 15, len(packed)) + packed) * (20 if kind == "the same variable" else 1)
    )
    result = subprocess.run([sys.executable, "-c", READ, path], capture_output=True, text=True, check=True)
    problem, seconds, megabytes = result.stdout.strip().split("|")
    assert problem and float(seconds) < 5 and float(megabytes) < 500, result.stdout
