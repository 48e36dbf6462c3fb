"""What is fuzzed: readers and stores, with small files to begin with; and what they may do with any bytes."""

# SPDX-License-Identifier: BSD-3-Clause
import io
import math
import zipfile
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from caffe_files import CaffeNet, blob
from cuda_convnet_files import cuda_layers
from dataset_archives import mat_bytes
from deep_compression_files import SMALL, contents, encode
from fuzz_stores import (
    archives,
    caches,
    edited_schema,
    extraction_files,
    model_file,
    photos,
    read_archive,
    read_cache,
    read_extraction,
    read_model,
    read_photo,
)
from python2_pickles import dumps
from safetensors.numpy import save
from small_alexnets import small_network, torchvision_arrays
from tiny_networks import tiny_network

from skdecaf._forward import ForwardPass
from skdecaf.datasets._mat_files import read_variables
from skdecaf.weights import Network, read_mean, read_network
from skdecaf.weights._layers import multiply_adds
from skdecaf.weights._readers.caffe import read_caffemodel
from skdecaf.weights._readers.cuda_convnet import read_decaf
from skdecaf.weights._readers.deep_compression import read_deep_compression
from skdecaf.weights._readers.npz import read_npz
from skdecaf.weights._readers.onnx import read_onnx
from skdecaf.weights._readers.torch import read_torch, read_torch_safetensors

# A network that costs more takes too long to be tried on a photo.
_MAX_VALUES, _MAX_MULTIPLY_ADDS = 10**6, 10**8


class Target(NamedTuple):
    """A reader of the file at a path, a function of bytes to begin with, and one that makes a file of fuzzed bytes.

    Files that a reader needs besides are ``seeds``' to write: it is given the folder.
    """

    read: Callable
    seeds: Callable
    file: Callable = lambda data: data


def exercise(target, data, path):
    """Read these bytes. Nothing but a ValueError may be raised, and any network that comes out must compute."""
    path.write_bytes(target.file(data))
    try:
        network = target.read(path)
    except ValueError as error:
        assert str(path.parent) in str(error), error
        return
    if isinstance(network, Network) and is_cheap(network):
        photo = np.zeros((1, *network.preprocessing.crop, 3), np.uint8)
        with np.errstate(all="ignore"):  # finite weights may be huge
            ForwardPass(network, list(network.blob_shapes)).run(photo)


def is_cheap(network):
    n_values = sum(map(math.prod, (network.input_shape, *network.blob_shapes.values())))
    costs = multiply_adds(network.layers, network.input_shape)
    return n_values <= _MAX_VALUES and sum(costs.values()) <= _MAX_MULTIPLY_ADDS


# Files to begin with


def own_files(folder):
    for dtype in ("float32", "int8"):
        tiny_network().save(folder / "own", dtype=dtype)
        yield (folder / "own").read_bytes()


def own_onnx_files(folder):
    tiny_network().to_onnx(folder / "own.onnx")
    yield (folder / "own.onnx").read_bytes()


def onnx_files(folder):
    from onnx_files import STYLES, Writer

    for style in ("caffe2", "plain", "products"):
        yield Writer(small_network("caffenet"), **STYLES[style]).model().SerializeToString()


def caffemodels(folder):
    for version in (0, 1, 2):
        yield CaffeNet().to_caffemodel(version, legacy=version < 2, packed=version != 1)


def means(folder):
    mean = np.full((3, 8, 8), 100, np.float32)
    yield blob(mean, legacy=True)
    yield blob(mean, packed=False)
    yield npy(mean)


def decaf_pickles(folder):
    (folder / "meta").write_bytes(next(decaf_metas(folder)))
    yield dumps(cuda_layers(CaffeNet()))


def decaf_metas(folder):
    (folder / "layers").write_bytes(dumps(cuda_layers(CaffeNet())))
    yield dumps({"data_mean": np.full((3, 105, 105), 100, np.float32), "label_names": list("abcdefg")})


def safetensors_files(folder):
    yield save(torchvision_arrays(small_network("torchvision_alexnet")))


@cache
def torch_file(in_archive=True):
    import torch

    arrays, file = torchvision_arrays(small_network("torchvision_alexnet")), io.BytesIO()
    state = {key: torch.tensor(array) for key, array in arrays.items()}
    torch.save(state, file, _use_new_zipfile_serialization=in_archive)
    return file.getvalue()


@cache
def npz_file():
    file = io.BytesIO()
    np.savez(file, **small_network("mini").arrays, architecture="mini")
    return file.getvalue()


MAT_VARIABLES = {
    "fts": np.arange(6, dtype=np.uint8).reshape(2, 3),
    "bbox": {"left": 3.0, "note": "outline"},
    "cells": np.array([[np.arange(3.0), "text"]], dtype=object),
}


def mat_files(folder):
    for compressed in (True, False):
        yield mat_bytes(MAT_VARIABLES, compressed=compressed)


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def entry(content, ending):
    """The first entry of an archive whose name ends so."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith(ending)))


def with_entry(content, ending, data):
    """The archive with other bytes in that entry, and checksums that are right."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, data if name.endswith(ending) else old.read(name))
    return file.getvalue()


TARGETS = {
    "ours": Target(Network.load, own_files),
    "our-onnx": Target(read_onnx, own_onnx_files),
    "onnx": Target(read_onnx, onnx_files),
    "caffe": Target(read_caffemodel, caffemodels),
    "mean": Target(read_mean, means),
    "decaf": Target(lambda path: read_decaf(path, meta=path.with_name("meta")), decaf_pickles),
    "decaf-meta": Target(lambda path: read_decaf(path.with_name("layers"), meta=path), decaf_metas),
    "deep-compression": Target(
        lambda path: read_deep_compression(path, architecture=SMALL), lambda folder: iter([encode(*contents())])
    ),
    "matlab": Target(lambda path: read_variables(path, *MAT_VARIABLES), mat_files),
    "npz": Target(read_npz, lambda folder: iter([npz_file()])),
    "npz-array": Target(
        read_npz,
        lambda folder: iter([entry(npz_file(), "conv1.bias.npy")]),
        lambda data: with_entry(npz_file(), "conv1.bias.npy", data),
    ),
    "safetensors": Target(read_torch_safetensors, safetensors_files),
    "torch": Target(read_torch, lambda folder: iter([torch_file(), torch_file(in_archive=False)])),
    "torch-pickle": Target(
        read_torch,
        lambda folder: iter([entry(torch_file(), "data.pkl")]),
        lambda data: with_entry(torch_file(), "data.pkl", data),
    ),
    "photo": Target(read_photo, photos),
    "archive": Target(read_archive, archives),
    "cache": Target(read_cache, caches),
    "journal": Target(read_extraction, extraction_files),
    "rows": Target(lambda path: read_extraction(path, "rows"), lambda folder: extraction_files(folder, "rows")),
    "model": Target(read_model, lambda folder: iter([model_file()])),
    "model-schema": Target(
        read_model,
        lambda folder: iter([bytes([0, 0, 0, 0, 1])]),  # an edit that changes nothing: a part replaced by its copy
        lambda data: with_entry(model_file(), "schema.json", edited_schema(data, entry(model_file(), "schema.json"))),
    ),
    "any": Target(read_network, lambda folder: iter([npz_file(), *caffemodels(folder), *own_files(folder)])),
}
NEEDED = {"our-onnx": "onnx", "onnx": "onnx", "caffe": "google.protobuf", "mean": "google.protobuf", "torch": "torch"}
NEEDED |= {"torch-pickle": "torch", "any": "google.protobuf", "model": "skops", "model-schema": "skops"}
