"""``skdecaf train --fine-tune``, and what other commands do with the network that it writes."""

# SPDX-License-Identifier: BSD-3-Clause
import json
import re
import sys

import numpy as np
import pytest
from photo_folders import broken_photo, photos_of, write_class_folders

from skdecaf import DeCAFTransformer, ImageNetClassifier, Network


def test_without_torch_it_ends_before_photos_are_read(command, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    code, output, errors = command("train", tmp_path / "nowhere", "--fine-tune", "-o", tmp_path / "m.safetensors")
    assert (code, output) == (1, "")
    assert errors == 'skdecaf: --fine-tune needs the package torch; run pip install "skdecaf[train]"\n'


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("-o", "m.skops", "--fine-tune"), "with --fine-tune, 'm.skops' must end in .safetensors"),
        (("-o", "m.safetensors"), "without --fine-tune, 'm.safetensors' must end in .skops"),
        (("-o", "m.skops", "--epochs", "2"), "--epochs needs --fine-tune"),
        (("-o", "m.safetensors", "--fine-tune", "--epochs", "0"), "'0' is not a whole number above 0"),
        (("-o", "m.safetensors", "--fine-tune", "--crops", "ten"), "do not go with --fine-tune"),
        (("-o", "m.safetensors", "--fine-tune", "--layer", "5,6"), "--fine-tune needs a single --layer"),
        (("-o", "m.safetensors", "--fine-tune", "--layer", "9"), "there is no layer '9'"),
    ],
)
def test_wrong_usage(arguments, says, command, animals):
    pytest.importorskip("torch")
    code, output, errors = command("train", animals, *arguments)
    assert (code, output) == (2, "") and says in errors


def test_a_fine_tuned_network_is_reported_and_used(command, weights, animals, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    broken = broken_photo(animals / "cat" / "broken.png")
    model, page = tmp_path / "animals.safetensors", tmp_path / "report.html"
    options = ("--fine-tune", "--epochs", "2", "--folds", "2", "-q", "--on-error", "skip", "-o", model)
    code, output, errors = command("train", animals, "--weights", weights, *options, "--report", page)
    assert code == 0 and f"left out: '{broken}'" in errors.replace(f"image 5 ('{broken}')", f"'{broken}'")
    lines = output.splitlines()
    assert lines[:2] == [f"{model}: 21 photos of 3 classes; 1 left out", "fine-tuned"]
    accuracy = float(re.fullmatch(r"accuracy (.+)% in cross-validation with 2 folds \(.*\)", lines[2])[1])
    assert lines[3].startswith("others: layer ") and lines[3].count("C=") == 9
    text = page.read_text(encoding="utf-8")
    assert "Chosen: fine-tuned." in text and f"Accuracy: {accuracy}%" in text and "Photos left out" in text
    network = Network.load(model)
    assert network.labels == tuple((name, name) for name in ("cat", "elephant", "tiger"))

    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "skops.io", None)
    photos = photos_of(animals / "tiger")
    code, output, errors = command("predict", model, *photos, "--json", "-k", "3")
    objects = [json.loads(line) for line in output.splitlines()]
    assert code == 0 and [one["file"] for one in objects] == photos
    expected = ImageNetClassifier(network).predict_proba(photos)
    for one, row in zip(objects, expected, strict=True):
        assert [label.keys() for label in one["labels"]] == [{"label", "probability"}] * 3
        assert [label["probability"] for label in one["labels"]] == pytest.approx(sorted(row, reverse=True))
    code, output, _ = command("predict", model, animals, "--on-error", "skip")
    assert code == 0 and output.count("\n") == 21
    assert command("predict", model, photos[0], "-k", "4")[0] == 2
    code, output, _ = command("search", animals, photos[0], "--weights", model, "-q", "--on-error", "skip")
    assert code == 0 and output.count("\n") == 5
    assert DeCAFTransformer(5, weights=model).fit_transform(photos).shape == (7, np.prod(network.blob_shapes["pool5"]))


def test_a_class_of_one_photo_has_no_cross_validation(command, weights, tmp_path):
    pytest.importorskip("torch")
    folder = write_class_folders(tmp_path / "animals", cat=1, elephant=3)
    options = ("--fine-tune", "--epochs", "1", "-q", "--json", "-o", tmp_path / "m.safetensors")
    code, output, _ = command("train", folder, "--weights", weights, *options)
    summary = json.loads(output)
    assert code == 0 and summary["fine_tuned"] and summary["accuracies"] == summary["classes"] == []


def test_files_that_are_no_fine_tuned_network(command, animals, tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"no network")
    code, _, errors = command("predict", tmp_path / "bad.safetensors", animals)
    assert code == 1 and "bad.safetensors'" in errors and errors.count("\n") == 1
    code, _, errors = command("predict", tmp_path / "nowhere.safetensors", animals)
    assert code == 1 and "make one with: skdecaf train FOLDER" in errors
