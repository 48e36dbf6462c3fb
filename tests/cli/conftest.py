"""Photos, a network and the command, for the tests of the command line."""

# SPDX-License-Identifier: BSD-3-Clause
import pytest
from photo_folders import write_class_folders
from tiny_networks import tiny_network

from skdecaf import Network
from skdecaf.cli import main


@pytest.fixture
def weights(tmp_path):
    """A tiny network with names for its five classes."""
    network = tiny_network()
    labels = [(f"n{i}", f"thing {i}") for i in range(5)]
    path = tmp_path / "tiny.safetensors"
    Network(network.layers, network.arrays, network.preprocessing, labels=labels, name="tiny").save(path)
    return str(path)


@pytest.fixture
def animals(tmp_path):
    return write_class_folders(tmp_path / "animals", cat=6, tiger=7, elephant=8)


@pytest.fixture
def command(capsys, tmp_path, monkeypatch):
    """Run a command in this process: (exit code, standard output, standard error)."""
    monkeypatch.setenv("SKDECAF_HOME", str(tmp_path / "skdecaf-home"))

    def run(*arguments):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return run
