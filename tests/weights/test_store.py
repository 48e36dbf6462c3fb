"""Weights with a name: what is published of them, and the folder that keeps them."""

# SPDX-License-Identifier: BSD-3-Clause
import errno
import hashlib
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from caffe_files import CaffeNet
from local_server import LocalServer, allow_only_the_loopback
from small_photos import write_photos
from tiny_networks import tiny_network

from skdecaf import DeCAFTransformer
from skdecaf._utils import extras
from skdecaf._utils.download import PublishedFile
from skdecaf._utils.process_cache import ProcessCache
from skdecaf.weights import ARCHITECTURES, resolve_network
from skdecaf.weights import _resolving as resolving
from skdecaf.weights import _store as store
from skdecaf.weights._layers import parameter_shapes
from skdecaf.weights._registry import WEIGHTS, PublishedWeights

PUBLISHED = dict(WEIGHTS)
WITH_FILES = {name: weights for name, weights in PUBLISHED.items() if weights.file}
MEAN = np.random.default_rng(0).uniform(90, 130, (3, 256, 256))


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch, tmp_path):
    allow_only_the_loopback(monkeypatch)
    monkeypatch.setenv("SKDECAF_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(resolving, "_loaded", ProcessCache(4))


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serves weights "tiny", "caffenet" and "alexnet", of small networks; no others with files are known."""
    with LocalServer() as server:
        tiny_network().save(tmp_path / "tiny.safetensors")
        np.save(tmp_path / "mean.npy", MEAN)
        for order in ("caffenet", "alexnet"):
            (tmp_path / f"{order}.caffemodel").write_bytes(CaffeNet(order).to_caffemodel(1))
        for path in tmp_path.iterdir():
            if path.is_file():
                server.files[path.name] = path.read_bytes()
        for name in WITH_FILES:
            monkeypatch.delitem(WEIGHTS, name)
        tiny, mean = published(server, "tiny.safetensors"), published(server, "mean.npy")
        monkeypatch.setitem(WEIGHTS, "tiny", PublishedWeights("A tiny one", "caffenet", "none", tiny, labels=""))
        for order in ("caffenet", "alexnet"):
            file = published(server, f"{order}.caffemodel")
            monkeypatch.setitem(WEIGHTS, order, PublishedWeights("Small", order, "none", file, mean, labels=""))
        yield server


def published(server, name):
    content = server.files[name]
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return PublishedFile(name, (server.url("missing", name), server.url("good", name)), digest, len(content))


def place(server, name):
    store.folder().mkdir(parents=True, exist_ok=True)
    path = store.folder() / name
    path.write_bytes(server.files[name])
    return path


def visible():
    return sorted(name for name in os.listdir(store.folder()) if not name.startswith("."))


@pytest.fixture
def hashed(monkeypatch):
    """Names of the files whose digests the store computes."""
    hashed, check_file = [], store.check_file

    def check_and_count(path, *arguments):
        hashed.append(path.name)
        check_file(path, *arguments)

    monkeypatch.setattr(store, "check_file", check_and_count)
    return hashed


# What is published


def test_the_names_are_those_of_the_documentation():
    names = "mini random alexnet-compressed caffenet caffenet:pixel alexnet alexnet:pixel torchvision "
    assert store.names() == (names + "caffenet-onnx alexnet-onnx").split()
    for name in store.names()[2:]:
        assert name in resolve_network.__doc__


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_facts_are_complete(name):
    weights = PUBLISHED[name]
    assert weights.description and weights.licence and weights.architecture in ARCHITECTURES
    if weights.file:
        assert weights.citation and 50 < weights.top1 < 60 and 75 < weights.top5 < 85
    assert not weights.extra or weights.extra in extras._PACKAGES
    for file in store.files_of(name):
        algorithm, digest = file.digest.split(":")
        length = len(bytes.fromhex(digest))
        assert length == {"sha256": 32, "sha1": 20, "git-sha1": 20, "md5": 16}[algorithm]
        assert file.urls and all(url.startswith(("http://", "https://")) for url in file.urls)
        assert len(set(file.urls)) == len(file.urls)


@pytest.mark.parametrize("name", [name for name, weights in WITH_FILES.items() if weights.file.size])
def test_sizes_are_those_of_the_parameters_and_little_more(name):
    weights = PUBLISHED[name]
    architecture = ARCHITECTURES[weights.architecture]
    shapes = parameter_shapes(architecture.layers, (3, *architecture.preprocessing.crop))
    assert 0 < weights.file.size - 4 * sum(np.prod(shape) for shape in shapes.values()) < 6000
    if weights.mean_image:
        assert weights.mean_image.size == 80 + 8 * 3 * 256 * 256, "as np.save of old wrote it"


# Names as weights


def test_a_name_is_downloaded_at_first_use(server, tmp_path):
    (tmp_path / "photos").mkdir()
    photos = write_photos(tmp_path / "photos")
    fitted = DeCAFTransformer(weights="tiny").fit(photos)
    assert server.requests == [("missing", 0), ("good", 0)]
    expected = DeCAFTransformer(weights=tiny_network()).fit(photos).transform(photos)
    np.testing.assert_array_equal(fitted.transform(photos), expected)
    content = pickle.dumps(fitted)
    assert len(content) < 10_000 + 8 * expected.shape[1]
    np.testing.assert_array_equal(pickle.loads(content).transform(photos), expected)
    assert len(server.requests) == 2 and visible() == ["tiny.safetensors"]


def test_one_copy_serves_all_threads(server):
    with ThreadPoolExecutor(8) as pool:
        networks = set(pool.map(resolve_network, ["tiny"] * 8))
    assert len(networks) == 1
    assert server.requests == [("missing", 0), ("good", 0)]


def test_the_mean_image_and_the_mean_pixel_are_told_apart(server):
    image, pixel = resolve_network("caffenet"), resolve_network("caffenet:pixel")
    assert (image.name, pixel.name) == ("caffenet", "caffenet:pixel")
    np.testing.assert_array_equal(image.mean_image, MEAN[::-1].transpose(1, 2, 0).astype(np.float32))
    assert pixel.mean_image is None
    assert pixel.preprocessing.mean == ARCHITECTURES["caffenet"].preprocessing.mean
    assert image.fingerprint != pixel.fingerprint
    for name, array in image.arrays.items():
        np.testing.assert_array_equal(array, pixel.arrays[name])
    assert resolve_network("caffenet") is image and resolve_network("caffenet:pixel") is pixel


def test_the_mean_pixel_needs_no_mean_image(server):
    resolve_network("alexnet:pixel")
    assert visible() == ["alexnet.caffemodel"]


def test_offline_a_missing_network_is_one_sentence(server, monkeypatch):
    monkeypatch.setenv("SKDECAF_OFFLINE", "1")
    with pytest.raises(FileNotFoundError) as caught:
        DeCAFTransformer(weights="caffenet").fit(["photo.jpg"])
    message = str(caught.value)
    assert "'caffenet' are not on this computer and SKDECAF_OFFLINE is set" in message
    assert "'skdecaf weights fetch caffenet'" in message
    assert "caffenet.caffemodel (from http" in message and "mean.npy (from http" in message
    assert repr(str(store.folder())) in message and "\n" not in message
    assert server.requests == [] and not store.folder().exists()
    place(server, "caffenet.caffemodel")
    with pytest.raises(FileNotFoundError, match=r"or place mean\.npy \(from [^)]*\) in "):
        resolve_network("caffenet")
    place(server, "mean.npy")
    assert resolve_network("caffenet").mean_image is not None


def test_without_a_network_the_error_says_what_to_do(server, monkeypatch):
    monkeypatch.setitem(server.files, "tiny.safetensors", b"not what was published")
    with pytest.raises(
        OSError, match=r"missing/tiny\.safetensors: 404 .*good/tiny.*; run 'skdecaf weights fetch tiny'"
    ):
        resolve_network("tiny")
    assert not (store.folder() / "tiny.safetensors").exists()


def test_what_could_not_be_read_is_not_downloaded(server, monkeypatch):
    monkeypatch.setitem(WEIGHTS, "tiny", replace(WEIGHTS["tiny"], extra="torch"))
    monkeypatch.setitem(extras._PACKAGES, "torch", {"no_such_package.at_all": "no-such-package"})
    with pytest.raises(ImportError, match=r"'tiny' needs the package no-such-package; run .*skdecaf\[torch\]"):
        resolve_network("tiny")
    assert server.requests == []
    store.fetch("tiny")  # for another computer, perhaps


def test_unknown_names(server):
    with pytest.raises(FileNotFoundError, match="neither a file nor one of the names 'mini', 'random', 'tiny'"):
        resolve_network("caffenett")
    with pytest.raises(ValueError, match="no weights are called 'caffenett'; there are mini, random, tiny"):
        store.locate("caffenett")
    with pytest.raises(ValueError, match="no weights are called 'tiny:pixel'"):
        store.fetch("tiny:pixel")


def test_files_of_any_format_are_weights(server, tmp_path):
    network = resolve_network(tmp_path / "alexnet.caffemodel")
    assert network is resolve_network(str(tmp_path / "alexnet.caffemodel"))
    assert [layer.name for layer in network.layers] == [layer.name for layer in ARCHITECTURES["alexnet"].layers]


# The folder


def test_files_placed_by_hand_are_accepted_and_checked_once(server, hashed):
    path = place(server, "tiny.safetensors")
    assert store.locate("tiny") == [path] and store.missing("tiny") == []
    assert hashed == ["tiny.safetensors"]
    resolve_network("tiny")
    assert store.fetch("tiny") == [path]
    assert hashed == ["tiny.safetensors"] and server.requests == []
    os.utime(path)
    store.locate("tiny")
    assert len(hashed) == 2, "it may be another file now"
    assert store.verify("tiny") == [path] and len(hashed) == 3


def test_a_download_is_not_checked_twice(server, hashed):
    store.fetch("tiny")
    resolve_network("tiny")
    assert hashed == []


def test_a_folder_that_is_read_only_is_checked_every_time(server, hashed, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    place(server, "tiny.safetensors")
    monkeypatch.setattr(Path, "write_text", refuse)
    store.locate("tiny")
    store.locate("tiny")
    assert len(hashed) == 2


def test_verify_trusts_nothing(server):
    path = place(server, "tiny.safetensors")
    store.locate("tiny")
    before = os.stat(path)
    path.write_bytes(server.files["tiny.safetensors"][:-1] + b"?")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.locate("tiny") == [path], "of the same size and time: as far as anyone can see, the same"
    with pytest.raises(ValueError, match="has the sha256 digest"):
        store.verify("tiny")


@pytest.mark.parametrize("change", [lambda content: content[:-1], lambda content: content[:-1] + b"?"])
def test_another_file_of_that_name_is_refused(change, server):
    path = place(server, "tiny.safetensors")
    path.write_bytes(change(server.files["tiny.safetensors"]))
    for refused in (store.locate, store.verify, resolve_network):
        with pytest.raises(ValueError, match=r"tiny\.safetensors' has .* instead of .*'skdecaf weights fetch tiny' re"):
            refused("tiny")
    assert server.requests == [], "nobody asked for it to be replaced"
    store.fetch("tiny")
    assert resolve_network("tiny").fingerprint == tiny_network().fingerprint


def test_a_beginning_is_no_network_and_is_continued(server):
    part = place(server, "tiny.safetensors").rename(store.folder() / "tiny.safetensors.part")
    part.write_bytes(part.read_bytes()[:1000])
    with pytest.raises(FileNotFoundError):
        store.locate("tiny")
    store.fetch("tiny")
    assert server.requests[-1] == ("good", 1000)


@pytest.mark.parametrize("form", [lambda path: f"{path.as_uri()}/", str, Path, os.path.relpath])
def test_a_mirror_is_asked_first(server, tmp_path, monkeypatch, form):
    monkeypatch.setenv("SKDECAF_OFFLINE", "1")
    paths = store.fetch("caffenet", mirror=form(tmp_path))
    assert [path.name for path in paths] == ["caffenet.caffemodel", "mean.npy"]
    assert server.requests == []


def test_remove_leaves_what_others_need(server):
    caffenet, alexnet = store.fetch("caffenet"), store.fetch("alexnet")
    assert caffenet[1] == alexnet[1], "one copy of the mean image"
    assert store.remove("caffenet") == [caffenet[0]]
    assert store.locate("alexnet") == alexnet
    (store.folder() / "alexnet.caffemodel.part").write_bytes(b"left over")
    assert store.remove("alexnet") == alexnet
    assert os.listdir(store.folder()) == []
    assert store.remove("alexnet") == []


def test_what_ships_with_the_package_has_no_files(server):
    for name in ("mini", "random"):
        assert store.fetch(name) == store.locate(name) == store.verify(name) == store.remove(name) == []
