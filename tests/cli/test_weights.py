"""``skdecaf weights``: listed, fetched, checked, converted and removed from the command line."""

# SPDX-License-Identifier: BSD-3-Clause
import hashlib
import json

import numpy as np
import pytest
from local_server import LocalServer, allow_only_the_loopback
from photo_folders import write_photo
from tiny_networks import tiny_network

from skdecaf import DeCAFTransformer, Network
from skdecaf._utils.download import PublishedFile
from skdecaf._utils.process_cache import ProcessCache
from skdecaf.cli import main
from skdecaf.weights import _resolving as resolving
from skdecaf.weights import _store as store
from skdecaf.weights._registry import WEIGHTS, PublishedWeights

COMMANDS = ("list", "fetch", "path", "verify", "convert", "remove")


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """An empty folder of weights, and no way out of this computer."""
    allow_only_the_loopback(monkeypatch)
    monkeypatch.setenv("SKDECAF_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(resolving, "_loaded", ProcessCache(4))
    return tmp_path / "home" / "weights"


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serves the weights "tiny"."""
    tiny_network().save(tmp_path / "source.safetensors")
    content = (tmp_path / "source.safetensors").read_bytes()
    with LocalServer() as server:
        server.files["tiny.safetensors"] = content
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        file = PublishedFile("tiny.safetensors", (server.url("good", "tiny.safetensors"),), digest, len(content))
        tiny = PublishedWeights(
            "A tiny one", "caffenet", "CC0", file, citation="Nobody", top1=1.23, top5=4.56, labels=""
        )
        monkeypatch.setitem(WEIGHTS, "tiny", tiny)
        yield server


@pytest.fixture
def weights(capsys):
    """Run ``skdecaf weights`` in this process: (exit code, standard output, standard error)."""

    def run(*arguments):
        capsys.readouterr()
        try:
            code = main(["weights", *map(str, arguments)])
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command, weights):
    code, output, errors = weights(command, "--help")
    assert (code, errors) == (0, "")
    assert f"examples:\n  skdecaf weights {command}" in output


def test_list(server, weights):
    code, output, errors = weights("list")
    lines = output.splitlines()
    assert (code, errors) == (0, "") and [line.split()[0] for line in lines] == store.names()
    assert lines[0].split()[1] == "included"
    assert lines[-1].split() == ["tiny", "missing", "0.0", "MB", "1.2", "/", "4.6", "A", "tiny", "one"]
    assert max(map(len, lines)) <= 120
    weights("fetch", "tiny")
    assert weights("list")[1].splitlines()[-1].split()[1] == "here"


def test_list_for_programs(server, weights):
    rows = [json.loads(line) for line in weights("list", "--json")[1].splitlines()]
    assert [row["name"] for row in rows] == store.names()
    tiny, file = rows[-1], WEIGHTS["tiny"].file
    assert (tiny["state"], tiny["licence"], tiny["top1"]) == ("missing", "CC0", 1.23)
    expected = {"name": "tiny.safetensors", "urls": list(file.urls), "digest": file.digest, "bytes": file.size}
    assert tiny["files"] == [expected]
    assert len(next(row for row in rows if row["name"] == "caffenet")["files"]) == 2
    assert len(next(row for row in rows if row["name"] == "caffenet:pixel")["files"]) == 1


def test_fetch_path_verify_remove(server, weights, home):
    path = home / "tiny.safetensors"
    code, output, errors = weights("fetch", "tiny")
    assert (code, output) == (0, f"{path}\n") and "tiny.safetensors: 100%" in errors
    assert weights("fetch", "tiny") == (0, f"{path}\n", "")
    assert weights("path", "tiny") == weights("verify", "tiny") == (0, f"{path}\n", "")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    code, output, errors = weights("verify", "tiny")
    assert code == 1 and output == "" and "has the sha256 digest" in errors and errors.count("\n") == 1
    assert weights("remove", "tiny") == (0, f"{path}\n", "")
    assert weights("remove", "tiny") == (0, "", "skdecaf: 'tiny' has no files here\n")
    assert list(home.iterdir()) == []


def test_path_of_the_folder_and_of_what_is_missing(server, weights, home):
    assert weights("path") == (0, f"{home}\n", "")
    code, output, errors = weights("path", "tiny")
    assert (code, output) == (1, "") and errors.count("\n") == 1
    assert "run 'skdecaf weights fetch tiny'" in errors and f"tiny.safetensors (from {server.url('good', '')}" in errors


def test_fetch_is_quiet_from_a_mirror_and_offline(server, weights, home, monkeypatch, tmp_path):
    monkeypatch.setenv("SKDECAF_OFFLINE", "1")
    code, _, errors = weights("fetch", "tiny")
    assert code == 1 and "SKDECAF_OFFLINE is set" in errors and errors.count("\n") == 1
    (tmp_path / "source.safetensors").rename(tmp_path / "tiny.safetensors")
    command = ("fetch", "-q", "--mirror", tmp_path.as_uri(), "tiny")
    assert weights(*command) == (0, f"{home / 'tiny.safetensors'}\n", "")
    assert server.requests == []


def test_a_download_that_fails(server, weights, home):
    server.files["tiny.safetensors"] = b"something else"
    code, output, errors = weights("fetch", "-q", "tiny")
    assert (code, output) == (1, "") and errors.count("\n") == 1
    assert "a file of 14 bytes instead of" in errors and f"in {str(home)!r} by hand" in errors


@pytest.mark.parametrize("command", ["fetch", "verify", "remove"])
def test_what_ships_with_the_package(command, weights):
    code, output, errors = weights(command, "mini")
    assert (code, output) == (0, "") and "skdecaf: 'mini' " in errors


@pytest.mark.parametrize("command", ["fetch", "path", "verify", "remove"])
def test_unknown_names(command, weights):
    code, output, errors = weights(command, "caffenett")
    assert (code, output) == (2, "") and "no weights are called 'caffenett'; there are mini, random," in errors


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_convert(dtype, server, weights, tmp_path):
    by_name, by_file = tmp_path / "by_name.safetensors", tmp_path / "by_file.safetensors"
    assert weights("convert", "tiny", "-o", by_name, "--dtype", dtype)[:2] == (0, f"{by_name}\n")
    assert weights("convert", tmp_path / "source.safetensors", "-o", by_file, "--dtype", dtype)[0] == 0
    converted, expected = Network.load(by_name), tiny_network()
    assert converted.name == "tiny" and converted.layers == expected.layers
    assert converted.fingerprint == Network.load(by_file).fingerprint
    for name, array in expected.arrays.items():
        largest = np.abs(array).max()
        error = {"float32": 0, "float16": 2**-11, "int8": 0.5 / 127}[dtype] * largest
        np.testing.assert_allclose(converted.arrays[name], array, rtol=0, atol=1.001 * error)


def test_convert_refuses_to_overwrite_and_what_is_no_network(server, weights, tmp_path):
    output = tmp_path / "out.safetensors"
    output.write_text("keep me")
    code, _, errors = weights("convert", "tiny", "-o", output)
    assert code == 1 and "--overwrite" in errors and output.read_text() == "keep me"
    assert server.requests == [], "it is refused before anything is downloaded"
    assert weights("convert", "tiny", "-o", output, "--overwrite")[0] == 0
    (tmp_path / "text").write_text("no network")
    code, _, errors = weights("convert", tmp_path / "text", "-o", tmp_path / "new.safetensors")
    assert code == 1 and "text'" in errors and not (tmp_path / "new.safetensors").exists()
    code, _, errors = weights("convert", "caffenett", "-o", tmp_path / "new.safetensors")
    assert code == 2 and "neither a file nor one of the names" in errors
    code, _, errors = weights("convert", "tiny", "-o", tmp_path / "new.onnx")
    assert code == 2 and "must end in .safetensors" in errors


def test_other_commands_take_names(server, tmp_path, capsys):
    photo = write_photo(tmp_path / "photo.png", 0)
    output = tmp_path / "features.npy"
    assert main(["extract", "-q", photo, "-o", str(output), "--weights", "tiny"]) == 0
    expected = DeCAFTransformer(weights=tiny_network(), dropout=False).fit_transform([photo])
    np.testing.assert_array_equal(np.load(output), expected)
