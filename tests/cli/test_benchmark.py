"""``skdecaf benchmark``: what is asked for is measured, and goes where it should."""

# SPDX-License-Identifier: BSD-3-Clause
import inspect
import json

import pytest
from test_benchmark import REPORT
from tiny_networks import tiny_network

import skdecaf.benchmark
from skdecaf.benchmark import report, throughput, to_markdown
from skdecaf.cli import benchmark, main


@pytest.fixture
def asked(monkeypatch):
    """What the command asked `run_benchmark` for, which measures nothing."""
    calls = []

    def run(*arguments, **options):
        calls.append((arguments, options))
        return REPORT

    monkeypatch.setattr(skdecaf.benchmark, "run_benchmark", run)
    return calls


def test_what_can_be_asked_for_is_what_the_library_has():
    assert benchmark._PARTS == report.PARTS
    assert benchmark._ENGINES == throughput.PEERS


def test_without_options_everything_is_measured_and_printed(asked, capsys):
    assert main(["benchmark"]) == 0
    ((weights, layer), options), = asked  # fmt: skip
    assert (weights, layer, tuple(options.pop("parts"))) == ("mini", 6, report.PARTS)
    assert options.keys() == {"notify", "precision"} and options["precision"] == "float32"
    assert capsys.readouterr().out == to_markdown(REPORT)


def test_options_reach_the_library(asked, capsys, tmp_path):
    arguments = "benchmark --weights random --layer pool5 --parts throughput,files --against torch,opencv --rounds 3"
    arguments += f" --precision compact --threads 1,2 --batch-sizes 4 --json {tmp_path}/a.json -o {tmp_path}/a.md"
    assert main(arguments.split()) == 0
    ((weights, layer), options), = asked  # fmt: skip
    assert (weights, layer, options["precision"]) == ("random", "pool5", "compact")
    assert options["parts"] == ["throughput", "files"] and options["against"] == ["torch", "opencv"]
    assert (options["threads"], options["batch_sizes"], options["rounds"]) == ([1, 2], [4], 3)
    assert capsys.readouterr().out == ""
    assert json.loads((tmp_path / "a.json").read_text()) == REPORT
    assert (tmp_path / "a.md").read_text() == to_markdown(REPORT)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("--against caffe", "'caffe' is none of onnxruntime, openvino, torch, opencv"),
        ("--parts layers,all", "'all' is none of layers, throughput, files, memory"),
        ("--threads 0", "'0' is no whole number above 0"),
        ("--parts memory --plot a.png", "--parts leaves out what --plot is for: layers"),
        ("--parts files --batch-sizes 1", "what --batch-sizes is for: layers, throughput, memory"),
        ("--parts layers,memory --against torch", "what --against is for: throughput, files"),
        ("--parts memory --each-instruction-set", "what --each-instruction-set is for: layers"),
        ("--parts layers --threads 2", "what --threads is for"),
        ("--parts throughput --files .", "what --files is for: files"),
        ("--files /nowhere", "--files '/nowhere' is no folder"),
        ("--plot a.svg", "must end in .png"),
    ],
)
def test_what_makes_no_sense_is_told_before_anything_is_measured(arguments, says, asked, capsys):
    with pytest.raises(SystemExit) as end:
        main(["benchmark", *arguments.split()])
    assert (end.value.code, asked) == (2, [])
    assert says in capsys.readouterr().err


def test_defaults_in_the_help_are_those_of_the_library(capsys):
    with pytest.raises(SystemExit):
        main(["benchmark", "--help"])
    text, parameters = capsys.readouterr().out, inspect.signature(report.run_benchmark).parameters
    for name in ("rounds", "n_files"):
        assert f"default: {parameters[name].default})" in " ".join(text.split())
    assert f"default: {','.join(map(str, parameters['batch_sizes'].default))})" in " ".join(text.split())


def test_a_file_that_is_no_photo_is_named_before_anything_is_measured(tmp_path, capsys):
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    assert main(["benchmark", "--files", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert str(tmp_path / "broken.jpg") in said and len(said.splitlines()) == 1


def test_a_file_that_is_there_stays(asked, capsys, tmp_path):
    (tmp_path / "a.json").write_text("mine")
    arguments = ["benchmark", "--json", str(tmp_path / "a.json")]
    assert (main(arguments), asked) == (1, [])
    assert "--overwrite" in capsys.readouterr().err and (tmp_path / "a.json").read_text() == "mine"
    assert main([*arguments, "--overwrite"]) == 0
    assert json.loads((tmp_path / "a.json").read_text()) == REPORT


@pytest.mark.slow
def test_the_times_of_layers_are_drawn(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    tiny_network().save(tmp_path / "tiny.safetensors")
    arguments = f"--weights {tmp_path}/tiny.safetensors --parts layers --rounds 1 --plot {tmp_path}/a.png"
    assert main(["benchmark", *arguments.split()]) == 0
    assert "| conv1" in capsys.readouterr().out
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
