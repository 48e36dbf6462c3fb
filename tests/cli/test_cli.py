"""The command ``skdecaf``: what people type, what they get, and the exit codes."""

# SPDX-License-Identifier: BSD-3-Clause
import errno
import io
import json
import os
import random
import re
import subprocess
import sys
import warnings
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
import skops.io
from photo_folders import broken_photo, photos_of, run_skdecaf, skdecaf_process, write_class_folders, write_photo
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from tiny_networks import tiny_network

import skdecaf
from skdecaf import DeCAFTransformer, FeatureCache
from skdecaf._imagenet import ImageNetClassifier
from skdecaf._utils import download
from skdecaf._utils.photo_folders import SUFFIXES
from skdecaf._utils.random import draw_seed
from skdecaf.cli import main
from skdecaf.cli._models import load_model
from skdecaf.cli._photos import find_photos

COMMANDS = (
    "extract",
    "classify",
    "train",
    "predict",
    "search",
    "duplicates",
    "weights",
    "reproduce",
    "info",
    "completion",
)


@pytest.fixture
def standard_input():
    """Function that lets this process read a file as its standard input."""
    own = os.dup(0)

    def read_from(path):
        with open(path) as file:
            os.dup2(file.fileno(), 0)

    yield read_from
    os.dup2(own, 0)
    os.close(own)


# Help, usage, errors


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples(name, command):
    code, output, errors = command(name, "--help")
    assert (code, errors) == (0, "")
    assert f"examples:\n  skdecaf {name}" in output


def test_help_lists_the_commands_and_the_exit_codes(command):
    code, output, _ = command("--help")
    assert code == 0
    assert all(f"\n    {name}" in output for name in COMMANDS)
    assert "exit codes: 0 done" in output
    assert command("--version") == (0, f"skdecaf {skdecaf.__version__}\n", "")


def test_the_installed_command_is_this_function():
    (command,) = entry_points(group="console_scripts", name="skdecaf")
    assert command.load() is main  # and `python -m skdecaf` runs it, too: see below


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "COMMAND"),
        (("fly",), "invalid choice"),
        (("extract", "x.jpg"), "-o/--output"),
        (("extract", "x.jpg", "-o", "x.txt"), "must end in .npy or .npz or .csv or .parquet"),
        (("extract", "-o", "x.npy"), "no PHOTOS"),
        (("extract", "x.jpg", "-o", "x.npy", "--batch-size", "0"), "not a whole number above 0"),
        (("extract", "x.jpg", "-o", "x.npy", "--n-jobs", "0"), "not a whole number"),
        (("extract", "x.jpg", "-o", "x.npy", "--weights", "nowhere"), "neither a file nor one of the names mini, "),
        (("classify", "x.jpg", "-k", "0"), "not a whole number above 0"),
        (("train", "x", "-o", "x.pkl"), "must end in .skops"),
        (("train", "x", "-o", "x.skops", "--folds", "1"), "one fold leaves nothing to test on"),
        (("train", "x", "-o", "x.skops", "--folds", "-3"), "not a whole number above 0"),
        (("predict", "x.skops"), "no PHOTOS"),
        (("extract", "x.jpg", "-o", "x.npy", "--n-jobs", "-0"), "not a whole number above 0"),
        (
            ("extract", "x.jpg", "-o", "x.npy", "--layer", "9"),
            "there is no layer '9'; ask for one of 5, 6, 7, 8, conv1_p",
        ),
        (("train", "x", "-o", "x.skops", "--layer", "5,9"), "there is no layer '9'"),
        (("info", "--layer", "9"), "there is no layer '9'"),
        (("classify", "x.jpg", "-k", "2000"), "argument -k/--top: 2000 is more than the 1000 classes"),
        (
            ("classify", "x.jpg", "--value-range", "1", "0"),
            "--value-range 1 0: both must be finite, and the first less",
        ),
        (("classify", "x.jpg", "--weights", "random"), "has no labels, so it cannot name classes"),
        (("weights", "convert", "nowhere", "-o", "x.safetensors"), "'nowhere' is neither a file nor one of the names"),
        (("train", "x", "-o", "x.skops", "--C", "0"), "'0' is neither auto nor a number above 0"),
        (("duplicates", "x", "--memory"), "expected one argument"),
        (("search", "x"), "no PHOTOS"),
        (("demo", "--port", "x"), "argument --port"),
        (("reproduce", "mnist"), "'mnist' is not one of caltech101"),
        (("completion", "fish"), "invalid choice: 'fish'"),
        (("classify", "x.jpg", "--value-range", "0", "nan"), "--value-range 0 nan: both must be finite"),
    ],
)
def test_wrong_usage_is_code_2_and_shows_the_usage_of_the_command(arguments, says, command):
    code, output, errors = command(*arguments)
    assert (code, output) == (2, "")
    assert errors.startswith(f"usage: skdecaf {arguments[0]}" if arguments and arguments[0] != "fly" else "usage: ")
    assert says in errors


def test_more_labels_than_the_model_has_are_wrong_usage(command, weights, animals, tmp_path):
    assert command("train", animals, "--weights", weights, "-o", tmp_path / "m.skops", "--folds", "0", "-q")[0] == 0
    code, output, errors = command("predict", tmp_path / "m.skops", animals, "-k", "4")
    assert (code, output) == (2, "") and "argument -k/--top: 4 is more than the 3 classes" in errors


@pytest.mark.parametrize(
    "arguments",
    [
        ("extract", "x.jpg", "-o", "x.npy"),
        ("classify", "x.jpg"),
        ("train", "x", "-o", "x.skops"),
        ("predict", "x.skops", "x.jpg"),
        ("search", "x", "x.jpg"),
        ("duplicates", "x"),
        ("demo",),
        ("weights", "list"),
        ("reproduce", "cub"),
        ("info",),
        ("completion", "bash"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_an_interrupt_is_code_130(arguments, command, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("skdecaf.cli._main._take_photos", interrupt)
    assert command(*arguments) == (130, "", "skdecaf: interrupted\n")


def test_failures_are_code_1_and_one_line(command, weights, tmp_path):
    photo, empty = write_photo(tmp_path / "a.png", 0), tmp_path / "empty"
    empty.mkdir()
    broken = broken_photo(tmp_path / "broken.png")
    output = tmp_path / "x.npy"
    for arguments, says in [
        (("extract", "nowhere.jpg", "-o", output), "'nowhere.jpg' does not exist"),
        (("extract", empty, "-o", output), f"the folder '{empty}' has no photos"),
        (("extract", "-q", photo, broken, "-o", output, "--weights", weights), f"'{broken}' cannot be read"),
        (("extract", photo, "-o", output, "--weights", photo), f"'{photo}'"),
        (("extract", "--list", "nowhere.txt", "-o", output), "'nowhere.txt': No such file"),
        (("classify", broken, "--weights", weights), f"'{broken}' cannot be read"),
        (("info", "--weights", photo), f"'{photo}'"),
    ]:
        code, stdout, errors = command(*arguments)
        assert (code, stdout) == (1, ""), arguments
        assert errors.startswith("skdecaf: ") and errors.count("\n") == 1 and says in errors, errors
    assert not output.exists()


@pytest.mark.slow
def test_a_reader_that_has_enough_is_no_error(weights, tmp_path):
    folder = tmp_path / "photos"
    for i in range(300):
        write_photo(folder / f"{i:03d}.png", i)
    process = skdecaf_process("classify", folder, "--weights", weights, "-q")
    assert process.stdout.readline().startswith(f"{folder}/000.png\tthing")
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), errors) == (0, "")


def test_a_connection_that_breaks_is_an_error(command, monkeypatch):
    def run(options):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr("skdecaf.cli.info.run", run)
    assert command("info") == (1, "", "skdecaf: [Errno 32] Broken pipe\n")


def test_photos_may_stand_after_options(command, weights, animals):
    first, second, third = photos_of(animals)[:3]
    code, output, errors = command("classify", first, "--weights", weights, second, "-q", third, "-k", "1")
    assert (code, errors) == (0, "")
    assert [line.split("\t")[0] for line in output.splitlines()] == [first, second, third]
    code, _, errors = command("classify", first, "--wrong", second)
    assert code == 2 and "usage: skdecaf classify" in errors and "unrecognized arguments: --wrong" in errors
    code, _, errors = command("info", "more")
    assert code == 2 and "unrecognized arguments: more" in errors


def test_a_list_that_is_no_text(command, weights, animals):
    photo = photos_of(animals)[0]
    code, _, errors = command("classify", "--list", photo, "--weights", weights)
    assert code == 1 and errors == f"skdecaf: {photo!r} is not a text file with one of PHOTOS per line\n"


def test_no_readable_photo_at_all_is_an_error(command, weights, tmp_path):
    broken = [broken_photo(tmp_path / f"{i}.png") for i in range(2)]
    code, output, errors = command("classify", *broken, "--weights", weights, "--on-error", "skip", "-q")
    assert (code, output) == (1, "")
    assert errors.splitlines()[-1] == "skdecaf: none of the 2 photos can be read"
    code, _, errors = command("extract", *broken, "--weights", weights, "--on-error", "skip", "-o", tmp_path / "f.csv")
    assert code == 1 and "none of the 2 photos can be read" in errors
    assert not list(tmp_path.glob("f.csv*"))


def test_an_unreadable_photo_names_the_option_that_leaves_it_out(command, weights, tmp_path):
    code, _, errors = command("classify", broken_photo(tmp_path / "a.png"), "--weights", weights, "-q")
    assert code == 1 and errors.endswith(" (--on-error skip leaves such photos out)\n")


def test_warnings_are_one_line(weights, tmp_path, command):
    animals = write_class_folders(tmp_path / "animals", cat=2, tiger=2)
    write_photo(animals / "stray.png", 0)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        code, _, errors = command("train", animals, "-q", "--weights", weights, "-o", tmp_path / "m.skops")
    assert code == 0
    assert errors.splitlines()[0] == (
        f"skdecaf: warning: 1 photos in '{animals}' are in no class folder and are left out"
    )


# Which photos


def test_folders_are_searched_in_order_without_what_is_hidden(tmp_path):
    names = ["b/2.JPG", "b/10.jpg", "a.Png", "c/d/e.tiff", "a/x.webp"]
    for name in [*names, ".hidden.png", ".cache/1.png", "b/notes.txt", "b/.2.png"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    found = ["a/x.webp", "a.Png", "b/10.jpg", "b/2.JPG", "c/d/e.tiff"]
    with pytest.warns(UserWarning, match=r": 1 \.txt$"):
        assert find_photos([str(tmp_path)]) == [str(tmp_path / name) for name in found]
    (tmp_path / "b/notes.txt").unlink()
    assert find_photos(["z.raw", str(tmp_path / "b")]) == ["z.raw", f"{tmp_path}/b/10.jpg", f"{tmp_path}/b/2.JPG"]


def test_every_listing_says_what_it_ignored(command, weights, animals, tmp_path):
    others = tmp_path / "others"
    others.mkdir()
    for folder in (others, animals / "cat"):
        for name in ("a.dng", "b.dng", "c.NEF", ".DS_Store", "Thumbs.db"):
            (folder / name).touch()
    common = ("--weights", weights, "-q")
    for arguments in [
        ("classify", animals),
        ("extract", animals, "-o", tmp_path / "x.npy"),
        ("train", animals, "-o", tmp_path / "m.skops", "--folds", "0"),
        ("duplicates", animals),
    ]:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            code, _, errors = command(*arguments, *common)
        says = f"skdecaf ignores files in '{animals}' that it cannot read: 2 .dng, 1 .NEF"
        assert code == 0 and errors.splitlines()[0] == f"skdecaf: warning: {says}"
    code, _, errors = command("classify", others, *common)
    assert code == 1 and "no photos (.jpg, .png or the like), only other files (2 .dng, 1 .NEF); leave it out" in errors


def test_links_are_followed_but_not_in_circles(tmp_path):
    write_photo(tmp_path / "real" / "1.png", 1)
    (tmp_path / "all").mkdir()
    for link in ("first", "second"):
        (tmp_path / "all" / link).symlink_to(tmp_path / "real")
    (tmp_path / "real" / "up").symlink_to(tmp_path / "all")
    assert find_photos([str(tmp_path / "all")]) == [f"{tmp_path}/all/{link}/1.png" for link in ("first", "second")]


def test_every_format_that_is_read_has_its_endings():
    from PIL import Image

    from skdecaf.images._formats import _READERS

    Image.init()
    known = {ending for ending, name in Image.EXTENSION.items() if name in _READERS}
    assert {".jpg", ".jpeg", ".png", ".tif", ".webp"} <= set(SUFFIXES)
    assert set(SUFFIXES) <= known | {".pnm"} | ({".heic", ".heif", ".hif"} if "HEIF" in _READERS else set())


def test_photos_come_from_a_list(command, weights, standard_input, tmp_path):
    photos = [write_photo(tmp_path / f"{i} ä.png", i) for i in range(3)]
    (tmp_path / "list.txt").write_text(f"{photos[2]}\n\n{photos[0]}\n")
    common = ("--weights", weights, "-q", "-o", tmp_path / "x.npy", "--overwrite")
    assert command("extract", photos[1], "--list", tmp_path / "list.txt", *common)[0] == 0
    assert json.loads((tmp_path / "x.npy.json").read_text())["filenames"] == [photos[1], photos[2], photos[0]]
    standard_input(tmp_path / "list.txt")
    assert command("extract", "--list", "-", *common)[0] == 0
    assert json.loads((tmp_path / "x.npy.json").read_text())["filenames"] == [photos[2], photos[0]]


# extract


def test_extract_reports_what_it_leaves_out(command, weights, animals, tmp_path):
    broken = broken_photo(animals / "cat" / "broken.png")
    common = ("extract", animals, "--weights", weights, "--on-error", "skip", "--layer", "pool5,fc6", "--layer", "7")
    code, output, errors = command(*common, "-q", "-o", tmp_path / "x.npz")
    assert code == 0
    assert errors.startswith(f"skdecaf: left out: '{broken}' cannot be read") and errors.count("\n") == 1
    archive = np.load(tmp_path / "x.npz")
    good = [photo for photo in photos_of(animals) if photo != broken]
    expected = DeCAFTransformer(["pool5", 6, 7], dropout=False, weights=weights).fit_transform(good)
    np.testing.assert_array_equal(archive["features"], expected)
    assert archive["filenames"].tolist() == good
    assert output == f"{tmp_path}/x.npz: 21 photos, {expected.shape[1]} features each; 1 left out\n"

    _, output, errors = command(*common, "-o", tmp_path / "y.npz", "--json")
    summary = json.loads(output)
    assert summary.pop("left_out") == [{"file": broken, "reason": errors.splitlines()[-1].split("left out: ")[1]}]
    size = expected.shape[1]
    assert summary == {"output": f"{tmp_path}/y.npz", "photos": 21, "features": size, "resumed": 0}
    assert "21/22" in errors or "22/22" in errors  # the progress bar


def test_float_photos_share_one_range(command, weights, tmp_path):
    from PIL import Image

    generator = np.random.default_rng(0)
    arrays = [generator.random((20, 30), np.float32) * scale for scale in (1, 1000)]
    paths = [str(tmp_path / f"{i}.tif") for i in range(2)]
    for array, path in zip(arrays, paths, strict=True):
        Image.fromarray(array).save(path)
    assert command("extract", *paths, "--weights", weights, "-o", tmp_path / "x.npz")[0] == 0
    expected = DeCAFTransformer(dropout=False, weights=weights).fit_transform(arrays)
    np.testing.assert_array_equal(np.load(tmp_path / "x.npz")["features"], expected)


# classify


def test_classify_prints_the_names_of_the_network(command, weights, animals):
    photos = photos_of(animals)
    code, output, errors = command("classify", animals, "--weights", weights, "-k", "2", "-q")
    assert (code, errors) == (0, "")
    probabilities = ImageNetClassifier(weights).predict_proba(photos)
    rows = [line.split("\t") for line in output.splitlines()]
    assert [row[0] for row in rows] == [photo for photo in photos for _ in range(2)]
    for i, values in enumerate(probabilities):
        first, second = np.argsort(-values)[:2]
        assert rows[2 * i][1:] == [f"thing {first}", f"{values[first]:.4f}", f"n{first}"]
        assert rows[2 * i + 1][1:] == [f"thing {second}", f"{values[second]:.4f}", f"n{second}"]


def test_names_that_are_not_utf_8_round_trip(weights, tmp_path):
    photo = os.fsdecode(os.fsencode(write_photo(tmp_path / "é" / "a.png", 0)).replace(b"a.png", b"\xff.png"))
    os.rename(tmp_path / "é" / "a.png", photo)
    output, _ = run_skdecaf("classify", tmp_path / "é", "--weights", weights, "--json", "-q")
    assert json.loads(output)["file"] == photo and "é" in output
    output, _ = run_skdecaf("classify", tmp_path / "é", "--weights", weights, "-q", "-k", "1", text=False)
    assert output.split(b"\t")[0] == os.fsencode(photo)


def test_labels_come_in_small_chunks_first(command, weights, animals, monkeypatch):
    sizes, label = [], ImageNetClassifier.top_k
    monkeypatch.setattr(ImageNetClassifier, "top_k", lambda self, X, k: sizes.append(len(X)) or label(self, X, k))
    photos = photos_of(animals)[:1] * 100
    code, output, errors = command("classify", *photos, "--weights", weights, "-k", "1")
    assert (code, errors, output.count("\n")) == (0, "", 100)
    assert sizes[0] == 16 and sum(sizes) == 100 and len(sizes) > 2


def test_a_value_range_is_an_option_and_advice(command, weights, animals, tmp_path):
    from PIL import Image

    path = str(tmp_path / "1.tif")
    Image.fromarray(np.random.default_rng(0).random((20, 30), np.float32)).save(path)
    common = ("--weights", weights, "--value-range", "-1", "2")
    assert command("extract", path, *common, "-o", tmp_path / "x.npz")[0] == 0
    expected = DeCAFTransformer(dropout=False, weights=weights, value_range=(-1, 2)).fit_transform([path])
    np.testing.assert_array_equal(np.load(tmp_path / "x.npz")["features"], expected)
    model = tmp_path / "m.skops"
    assert command("train", animals, "--weights", weights, "-o", model, "--folds", "0", "-q")[0] == 0
    code, _, errors = command("predict", model, path)
    assert code == 1 and "--value-range LOW HIGH" in errors
    assert command("predict", model, path, "--value-range", "0", "1")[0] == 0


def test_training_shows_its_progress(command, weights, animals, tmp_path):
    errors = command("train", animals, "--weights", weights, "-o", tmp_path / "m.skops", "--folds", "3")[2]
    assert "choosing" in errors and "27/27" in errors


def test_tabs_and_line_breaks_in_names_of_files_stay_in_their_column(command, weights, tmp_path):
    write_photo(tmp_path / "a\tb\nc.png", 0)
    code, output, errors = command("classify", tmp_path / "a\tb\nc.png", "--weights", weights, "-k", "1", "-q")
    assert (code, errors, output.count("\n"), output.count("\t")) == (0, "", 1, 3)
    assert output.startswith(f"{tmp_path}/a\\tb\\nc.png\tthing")


def test_classify_json_is_an_object_a_line_and_leaves_out_broken_photos(command, weights, animals):
    photos = photos_of(animals)
    broken = broken_photo(animals / "cat" / "broken.png")
    code, output, errors = command("classify", animals, "--weights", weights, "--json", "--on-error", "skip", "-q")
    assert code == 0
    objects = [json.loads(line) for line in output.splitlines()]
    assert [item["file"] for item in objects] == photos
    expected = ImageNetClassifier(weights).top_k(photos)
    assert objects[0]["labels"] == [{"label": p.name, "probability": p.probability, "id": p.wnid} for p in expected[0]]
    lines = errors.splitlines()
    assert lines[0].startswith(f"skdecaf: left out: '{broken}' cannot be read")
    assert lines[1:] == ["skdecaf: 1 of 22 photos left out"]


# train and predict


def test_a_trained_model_is_the_pipeline_that_one_would_write(command, weights, animals, tmp_path):
    photos = photos_of(animals)
    labels = [os.path.basename(os.path.dirname(photo)) for photo in photos]
    model = tmp_path / "animals.skops"
    code, output, _ = command("train", animals, "--weights", weights, "--layer", "7", "--C", "2", "-o", model)
    assert code == 0
    by_hand = make_pipeline(DeCAFTransformer("fc7", weights=weights), LinearSVC(C=2, max_iter=100_000, tol=1e-6))
    lines = output.splitlines()
    assert lines[:2] == [f"{model}: 21 photos of 3 classes", "layer fc7, C=2"]
    accuracy = float(re.fullmatch(r"accuracy (.+)% in cross-validation with 5 folds \(.*\)", lines[2])[1]) / 100
    seed = draw_seed(np.random.RandomState(0))
    scores = cross_val_score(by_hand, photos, labels, cv=StratifiedKFold(5, shuffle=True, random_state=seed))
    assert accuracy == pytest.approx(scores.mean(), abs=0.06)
    code, output, _ = command("predict", model, *photos, "--json", "-k", "3")
    assert code == 0
    objects = [json.loads(line) for line in output.splitlines()]
    assert [item["file"] for item in objects] == photos
    by_hand.fit(photos, labels)
    assert [item["labels"][0]["label"] for item in objects] == by_hand.predict(photos).tolist()
    decisions = by_hand.decision_function(photos)
    for item, row in zip(objects, decisions, strict=True):
        got = [label["probability"] for label in item["labels"]]
        assert got == sorted(got, reverse=True) and sum(got) == pytest.approx(1, abs=1e-6)
        order = [label["label"] for label in item["labels"]]
        assert order == by_hand.classes_[np.argsort(-row)].tolist()


def test_layer_and_strength_are_chosen_and_reported(command, weights, animals, tmp_path):
    arguments = ("train", animals, "--weights", weights, "-q", "-o")
    code, output, _ = command(*arguments, tmp_path / "m.skops")
    lines = output.splitlines()
    assert code == 0 and re.fullmatch(r"layer (pool5|fc6|fc7), C=(0.1|1|10)", lines[1])
    assert lines[3].startswith("others: ") and lines[3].count("C=") == 8
    assert f"{lines[1].removeprefix('layer ').replace(',', '')} " not in lines[3]
    assert lines[4].startswith("least accurate classes: ") and "tiger" in lines[4]
    summary = json.loads(command(*arguments, tmp_path / "again.skops", "--json")[1])
    assert lines[1] == f"layer {summary['layer']}, C={summary['C']:g}"
    assert len(summary["candidates"]) == 9 and len(summary["accuracies"]) == 5
    best = max(candidate["accuracy"] for candidate in summary["candidates"])
    assert np.mean(summary["accuracies"]) == pytest.approx(best)
    right = sum(summary["photos"][one["class"]] * one["accuracy"] for one in summary["classes"])
    wrong = sum(one["photos"] for one in summary["confusions"])
    assert right + wrong == pytest.approx(21)


def test_without_skops_training_ends_before_photos_are_read(command, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "skops.io", None)
    code, output, errors = command("train", tmp_path / "nowhere", "-o", tmp_path / "m.skops")
    assert (code, output) == (1, "") and 'pip install "skdecaf[cli]"' in errors and errors.count("\n") == 1


def test_a_second_training_takes_activations_from_the_cache(command, weights, animals, tmp_path):
    arguments = ("train", animals, "--weights", weights, "-q", "--memory", tmp_path / "memory", "-o")
    first = command(*arguments, tmp_path / "1.skops")[1].splitlines()[1:]
    assert FeatureCache(tmp_path / "memory").info().n_rows > 0
    assert command(*arguments, tmp_path / "2.skops")[1].splitlines()[1:] == first
    model = skops.io.load(tmp_path / "2.skops", trusted=skops.io.get_untrusted_types(file=tmp_path / "2.skops"))
    assert model[0].memory is None
    assert command("train", animals, "--weights", weights, "-q", "--memory", "none", "-o", tmp_path / "3.skops")[0] == 0


@pytest.mark.slow
def test_a_model_works_in_another_process_and_folder(command, weights, animals, tmp_path):
    model = tmp_path / "animals.skops"
    assert command("train", animals, "--weights", weights, "--folds", "0", "-o", model)[0] == 0
    arguments = ("predict", model, animals, "--json", "-q")
    assert run_skdecaf(*arguments, cwd="/") == command(*arguments)[1:]


def test_train_and_predict_leave_out_broken_photos(command, weights, animals, tmp_path):
    broken = broken_photo(animals / "cat" / "broken.png")
    arguments = ("train", animals, "--weights", weights, "-q", "-o", tmp_path / "m.skops", "--json")
    code, output, errors = command(*arguments)
    assert (code, output) == (1, "") and f"'{broken}' cannot be read" in errors
    assert not (tmp_path / "m.skops").exists()
    code, output, errors = command(*arguments, "--on-error", "skip")
    summary = json.loads(output)
    assert code == 0
    assert summary["photos"] == {"cat": 6, "elephant": 8, "tiger": 7}
    assert len(summary["accuracies"]) == 5
    assert [item["file"] for item in summary["left_out"]] == [broken]
    code, output, errors = command("predict", tmp_path / "m.skops", broken, animals / "tiger", "--on-error", "skip")
    rows = [line.split("\t") for line in output.splitlines()]
    assert code == 0
    assert [row[:2] for row in rows] == [[photo, "tiger"] for photo in photos_of(animals / "tiger")]
    assert all(0.3 < float(row[2]) <= 1 for row in rows)
    assert f"left out: '{broken}' cannot be read" in errors and "1 of 8 photos left out" in errors
    code, _, errors = command("predict", tmp_path / "m.skops", broken, animals / "tiger")
    assert code == 1 and errors.count("\n") == 1 and f"'{broken}' cannot be read" in errors


def test_what_is_no_folder_of_class_folders_is_told(command, weights, tmp_path):
    for name, counts, says in [
        ("none", {}, "has no class folders; give"),
        ("one", {"cat": 2}, "has the class folder 'cat' only, but at least two"),
        ("empty", {"cat": 2, "dog": 0}, "dog' has no photos"),
    ]:
        folder = tmp_path / name
        folder.mkdir()
        write_class_folders(folder, **counts)
        code, output, errors = command("train", folder, "-q", "--weights", weights, "-o", tmp_path / "m.skops")
        assert (code, output) == (1, "") and says in errors and errors.count("\n") == 1
    code, _, errors = command("train", tmp_path / "nowhere", "-o", tmp_path / "m.skops")
    assert code == 1 and "is not a folder" in errors
    folder = write_class_folders(tmp_path / "bad", cat=2, dog=0)
    broken_photo(folder / "dog" / "1.png")
    arguments = ("train", folder, "-q", "--weights", weights, "-o", tmp_path / "m.skops", "--on-error", "skip")
    code, _, errors = command(*arguments)
    assert code == 1 and "none of the images of class 'dog' can be read; replace them" in errors


def test_a_class_of_one_photo_is_trained_without_cross_validation(command, weights, tmp_path):
    folder = write_class_folders(tmp_path / "animals", cat=1, elephant=3)
    code, output, _ = command("train", folder, "--weights", weights, "-o", tmp_path / "m.skops")
    assert code == 0
    assert output.splitlines()[2] == "accuracy unknown: class 'cat' has 1 photo, and cross-validation takes two"
    code, output, _ = command("predict", tmp_path / "m.skops", folder)
    assert code == 0 and len(output.splitlines()) == 4
    arguments = ("train", folder, "--weights", weights, "-o", tmp_path / "m.skops", "--overwrite", "--folds", "0")
    assert "accuracy unknown: no cross-validation was asked for" in command(*arguments)[1]


def test_a_model_that_is_there_stays(command, weights, animals, tmp_path):
    model = tmp_path / "m.skops"
    model.write_text("mine")
    code, _, errors = command("train", animals, "--weights", weights, "-o", model)
    assert code == 1 and "exists" in errors and "--overwrite" in errors
    assert model.read_text() == "mine"
    assert command("train", animals, "--weights", weights, "-o", model, "--overwrite", "--folds", "0")[0] == 0
    assert [path.name for path in tmp_path.glob("m.skops*")] == ["m.skops"]


def test_a_model_that_cannot_be_written_leaves_nothing(command, weights, animals, tmp_path, monkeypatch):
    def dump(model, path):
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("skops.io.dump", dump)
    code, _, errors = command("train", animals, "--weights", weights, "-o", tmp_path / "m.skops", "--folds", "0", "-q")
    assert code == 1 and "No space left" in errors
    assert not list(tmp_path.glob("m.skops*"))


def test_models_that_could_run_code_are_refused(command, animals, tmp_path):
    model = tmp_path / "m.skops"
    skops.io.dump(make_pipeline(DeCAFTransformer(), LogisticRegression()).set_params(verbose=os.getcwd), model)
    code, output, errors = command("predict", model, animals)
    assert (code, output) == (1, "")
    assert errors.count("\n") == 1 and f"'{model}' is refused: it contains posix.getcwd" in errors


def test_what_is_no_model_is_told(command, weights, animals, tmp_path):
    photos = photos_of(animals)
    labels = [os.path.basename(os.path.dirname(photo)) for photo in photos]
    without_probabilities = make_pipeline(DeCAFTransformer(weights=weights), LinearSVC()).fit(photos, labels)
    for value, says in [
        ({"a": 1}, "contains a dict, not a pipeline"),
        (IsolationForest(), "contains a IsolationForest, not"),
        (make_pipeline(DeCAFTransformer()), "contains a Pipeline, not"),
        (without_probabilities, "ends with LinearSVC, which gives no probabilities"),
    ]:
        skops.io.dump(value, tmp_path / "m.skops")
        code, output, errors = command("predict", tmp_path / "m.skops", animals)
        assert (code, output) == (1, "") and errors.count("\n") == 1 and says in errors
    code, _, errors = command("predict", photos[0], animals)
    assert code == 1 and "is not a skops file, or it is damaged" in errors
    code, _, errors = command("predict", tmp_path / "nowhere.skops", animals)
    assert code == 1 and "there is no model" in errors


def test_a_model_acts_on_nothing_but_its_photos(command, weights, animals, tmp_path):
    """Wherever its cache folder stands in the file."""
    photos = photos_of(animals)
    labels = [os.path.basename(os.path.dirname(photo)) for photo in photos]
    model = make_pipeline(DeCAFTransformer(weights=weights), LogisticRegression()).fit(photos, labels)
    model.set_params(decaftransformer__memory=str(tmp_path / "cache"), memory=str(tmp_path / "joblib"))
    model[-1].hidden_ = [{"transformer": DeCAFTransformer(memory=str(tmp_path / "hidden"), n_jobs=10**6)}]
    model[0].n_jobs = 10**6
    skops.io.dump(model, tmp_path / "m.skops")
    loaded = load_model(str(tmp_path / "m.skops"))
    assert loaded.memory is loaded[0].memory is loaded[-1].hidden_[0]["transformer"].memory is None
    assert loaded[0].n_jobs is loaded[-1].hidden_[0]["transformer"].n_jobs is None
    expected = command("predict", tmp_path / "m.skops", animals)
    assert expected[0] == 0 and not (tmp_path / "cache").exists()
    assert command("predict", tmp_path / "m.skops", animals, "--memory", tmp_path / "mine") == expected
    assert (tmp_path / "mine").is_dir() and not (tmp_path / "cache").exists()


def test_a_model_downloads_nothing_unless_allowed(command, weights, animals, tmp_path, monkeypatch):
    photos = photos_of(animals)
    model = make_pipeline(DeCAFTransformer(weights=weights), LogisticRegression()).fit(photos, ["a"] * 6 + ["b"] * 15)
    model[0].weights = "caffenet"
    skops.io.dump(model, tmp_path / "m.skops")
    monkeypatch.setenv("SKDECAF_HOME", str(tmp_path / "home"))
    requests = []

    def request(*address):
        requests.append(address)
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "_open", request)
    code, _, errors = command("predict", tmp_path / "m.skops", animals)
    assert code == 1 and "m.skops' needs the weights 'caffenet', which are not on this computer" in errors
    assert not requests and not (tmp_path / "home").exists()
    assert command("predict", tmp_path / "m.skops", animals, "--allow-download")[0] == 130 and requests


def sparse_zeros():
    """The contents of a small file of a sparse matrix that takes 200 MB."""
    file = io.BytesIO()
    np.savez_compressed(file, format=b"csr", shape=(1, 1), data=np.zeros(25 * 10**6))
    return file.getvalue()


def array_of_shape(shape):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return file.getvalue()


BOMBS = {
    "schema": lambda: ({"schema.json": b"[%s0]" % (b"[]," * 2**21)}, 1, "its schema unpack"),
    "array": lambda: ({"bomb.npy": bytes(2**27)}, 1, "its arrays unpack"),
    "array, often": lambda: ({"bomb.npy": bytes(2**20)}, 100, "its arrays unpack"),
    "sparse": lambda: ({"bomb.npz": sparse_zeros()}, 1, "its arrays unpack"),
    "shape": lambda: ({"bomb.npy": array_of_shape((10**13,))}, 1, "MemoryError"),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_small_model_file_that_unpacks_to_much_is_refused(kind, command, animals, tmp_path):
    members, times, reason = BOMBS[kind]()
    name = next(iter(members))
    array = {"__class__": "ndarray", "__module__": "numpy", "__loader__": "NdArrayNode", "type": "numpy", "file": name}
    content = [array | {"__id__": i} for i in range(times)]
    schema = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": content, "__id__": -1}
    schema |= {"protocol": 2, "_skops_version": skops.__version__}
    with zipfile.ZipFile(tmp_path / "m.skops", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in ({"schema.json": json.dumps(schema)} | members).items():
            archive.writestr(name, value)
    code, output, errors = command("predict", tmp_path / "m.skops", animals)
    assert (code, output) == (1, "") and "m.skops' is not a skops file, or it is damaged" in errors and reason in errors


@pytest.mark.parametrize("where", ["decoding", "reading", "computing"])
def test_lack_of_memory_is_one_line_that_names_a_known_photo(where, command, animals, weights, monkeypatch):
    places = {
        "decoding": "skdecaf._inputs.sources.decode_reduced",
        "reading": "skdecaf._inputs.sources.to_rgb",
        "computing": "skdecaf._forward.plan.ForwardPass.run",
    }

    def lack(*args, **options):
        np.empty((10**7, 10**7))

    monkeypatch.setattr(places[where], lack)
    photo = photos_of(animals)[0]
    code, output, errors = command("classify", photo, "--weights", weights, "-q")
    assert (code, output) == (1, "") and errors.count("\n") == 1
    assert errors.startswith("skdecaf: there is not enough memory (") and "Unable to allocate" in errors
    assert (photo in errors) == (where != "computing") and "--batch-size" in errors


def test_a_photo_that_takes_too_much_memory_can_be_left_out(command, animals, weights, monkeypatch):
    def lack(image):
        raise MemoryError

    monkeypatch.setattr("skdecaf.images._decoding._image_pixels", lack)
    photo = photos_of(animals)[0]
    code, _, errors = command("classify", photo, "--weights", weights, "-q")
    assert code == 1 and f"{photo!r} cannot be read, because there is not enough memory" in errors
    code, _, errors = command("classify", photo, "--weights", weights, "-q", "--on-error", "skip")
    assert code == 1 and "left out" in errors and "Traceback" not in errors


def test_a_pipeline_without_steps_is_damaged(command, animals, tmp_path):
    model = make_pipeline(DeCAFTransformer(), LogisticRegression())
    del model.steps
    skops.io.dump(model, tmp_path / "m.skops")
    code, _, errors = command("predict", tmp_path / "m.skops", animals)
    assert code == 1 and "m.skops' is not a skops file, or it is damaged" in errors and "steps" in errors


def test_a_model_file_with_parameters_of_another_fit_is_named(command, weights, animals, tmp_path):
    labels = [os.path.basename(os.path.dirname(photo)) for photo in photos_of(animals)]
    model = make_pipeline(DeCAFTransformer(weights=weights), LogisticRegression()).fit(photos_of(animals), labels)
    skops.io.dump(model.set_params(decaftransformer__layer=7), tmp_path / "m.skops")
    code, _, errors = command("predict", tmp_path / "m.skops", animals)
    assert code == 1 and "m.skops': layer was changed to 7 after fit" in errors


def test_whatever_the_damage_a_model_file_is_named(command, weights, animals, tmp_path):
    path = tmp_path / "m.skops"
    assert command("train", animals, "--weights", weights, "-o", path, "--folds", "0", "-q")[0] == 0
    draw, photo, refused = random.Random(0), photos_of(animals)[0], 0
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for i in range(60):
        name = draw.choice(list(members)) if i % 3 else "schema.json"
        content = bytearray(members[name])
        if i % 2:
            content[draw.randrange(len(content))] = draw.randrange(256)
        else:
            word = draw.choice([b"n_features_in_", b"_seed", b"coef_", b"blobs_", b"shape", b"type", b"file", b"true"])
            content = content.replace(word, word[::-1])
        with zipfile.ZipFile(path, "w") as archive:
            for other, value in members.items():
                archive.writestr(other, bytes(content) if other == name else value)
        if i % 5 == 0:
            path.write_bytes(path.read_bytes()[: draw.randrange(path.stat().st_size)])
        code, _, errors = command("predict", path, photo, "-q")
        assert code in (0, 1) and errors.count("\n") == code
        refused += code and f"{str(path)!r} " in errors
        assert not code or str(path) in errors
    assert refused > 20


def test_a_model_finds_its_network_changed(command, weights, animals, tmp_path):
    assert command("train", animals, "--weights", weights, "-o", tmp_path / "m.skops", "--folds", "0")[0] == 0
    tiny_network(1).save(weights)
    code, output, errors = command("predict", tmp_path / "m.skops", animals)
    assert (code, output) == (1, "")
    assert "is another network than the one that fit saw" in errors
    os.unlink(weights)
    code, output, errors = command("predict", tmp_path / "m.skops", animals)
    assert (code, output) == (1, "")
    assert f"m.skops' was trained with the weights '{weights}', which no longer exist; put them back" in errors


# info and completion


@pytest.mark.slow
def test_info_tells_what_runs(command):
    import sklearn

    from skdecaf import _kernels

    code, output, _ = command("info", "--json")
    assert code == 0
    info = json.loads(output)
    assert info["versions"]["scikit-learn"] == sklearn.__version__
    assert info["versions"]["skdecaf"] == skdecaf.__version__
    assert info["kernels"] == {"in_use": _kernels.instruction_set, "supported": _kernels.supported()}
    assert info["weights"]["fingerprint"] == DeCAFTransformer(dropout=False).fit([np.eye(9)]).network_fingerprint_
    # Fully connected layers are packed into panels of 16 outputs, and fc8 has 1000 of them.
    filled_up = 8 * 1024
    assert info["memory"]["weights_bytes"] == 4 * (info["weights"]["parameters"] + filled_up)
    assert info["weights"]["blobs"]["fc6"] == 2048
    code, output, _ = command("info", "--json", "--precision", "compact", "--layer", "7")
    assert code == 0
    dense, rows = 2304 * 2048 + 2048 * 1024 + 1024 * 1000, 2048 + 1024 + 1000
    factors = 2304 // 36 * 2048 + 2048 // 8 * 1024 + 1024 // 8 * 1000
    expected = 4 * info["weights"]["parameters"] - 2 * dense + factors + 4 * rows + 2 * filled_up + filled_up // 8
    assert json.loads(output)["memory"]["weights_bytes"] == expected
    code, output, _ = command("info")
    assert code == 0
    assert f"  in use: {_kernels.instruction_set}\n" in output
    assert f"  parameters: {info['weights']['parameters']:,}\n" in output


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_knows_the_commands(shell, command):
    pytest.importorskip("shtab")
    code, output, _ = command("completion", shell)
    assert code == 0
    assert all(name in output for name in COMMANDS)


def test_bash_takes_the_script(command):
    pytest.importorskip("shtab")
    _, script, _ = command("completion", "bash")
    words = "COMP_WORDS=(skdecaf extract --on-error r); COMP_CWORD=3; _shtab_skdecaf; echo ${COMPREPLY[@]}"
    result = subprocess.run(["bash", "-c", f"{script}\n{words}"], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["raise"]


def test_completion_without_shtab_names_the_extra(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    code, _, errors = command("completion", "bash")
    assert code == 1 and 'pip install "skdecaf[completion]"' in errors
