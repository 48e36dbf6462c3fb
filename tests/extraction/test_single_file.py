"""Features into files: formats, and interruptions at any moment."""

# SPDX-License-Identifier: BSD-3-Clause
import csv
import errno
import json
import os
import shutil
import signal
import sys
import time
import tracemalloc

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
import zarr
from photo_folders import run_skdecaf, skdecaf_process, write_photo
from tiny_networks import tiny_network

from skdecaf import DeCAFTransformer
from skdecaf._extraction import extract as extract_to_file
from skdecaf._extraction import feature_files, partial_features
from skdecaf._extraction import single_file as extraction
from skdecaf._extraction.feature_files import FORMATS, StoredRows, write_features
from skdecaf._utils.progress import progress_bar
from skdecaf.images import ImageError

N_PHOTOS, BATCH = 23, 3


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "tiny.safetensors"
    tiny_network().save(path)
    return str(path)


@pytest.fixture
def photos(tmp_path):
    """Photos of which the last, and one in the middle, break only when they are decoded."""
    paths = [write_photo(tmp_path / "photos" / f"{i:02d}.png", i) for i in range(N_PHOTOS)]
    for path in (paths[10], paths[-1]):
        with open(path, "r+b") as file:
            file.truncate(60)
    return paths


def transformer(weights, **parameters):
    options = {"dropout": False, "on_error": "nan", "batch_size": BATCH, "n_jobs": 1, "weights": weights}
    return DeCAFTransformer(**(options | parameters))


def expected_features(photos, weights, **parameters):
    """Row by row, from photos that can be read, through the estimator."""
    good = [photo for photo in photos if os.path.getsize(photo) > 60]
    parameters = {"on_error": "raise", **parameters}
    return good, transformer(weights, **parameters).fit_transform(good)


def read_features(path):
    """(features, file names) by other readers than our own."""
    ending = path.suffix
    if ending == ".npy":
        return np.load(path), json.loads(path.with_suffix(".npy.json").read_text())["filenames"]
    if ending == ".npz":
        archive = np.load(path)
        return archive["features"], archive["filenames"].tolist()
    if ending == ".zarr":
        group = zarr.open_group(path, mode="r")
        return group["features"][:], group.attrs["filenames"]
    if ending == ".parquet":
        frame = pd.read_parquet(path)
        return np.stack(frame["features"]), frame["filename"].tolist()
    frame = pd.read_csv(path)
    return frame.iloc[:, 1:].to_numpy(np.float32), frame["filename"].tolist()


class Stop(BaseException):
    """Stands for an end that no code expects."""


def stop_at(monkeypatch, module, name, call, before=lambda *arguments: None):
    """Let the call with this number raise `Stop` instead of doing its work."""
    original, calls = getattr(module, name), []

    def counted(*arguments):
        calls.append(arguments)
        if len(calls) == call:
            before(*arguments)
            raise Stop
        return original(*arguments)

    monkeypatch.setattr(module, name, counted)
    return calls


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_holds_the_features_and_the_names(ending, photos, weights, tmp_path):
    output = tmp_path / f"features{ending}"
    done = extract_to_file(photos, str(output), transformer(weights, layer=[6, 7]))
    names, features = expected_features(photos, weights, layer=[6, 7])
    read, filenames = read_features(output)
    np.testing.assert_array_equal(read, features)
    assert read.dtype == np.float32
    assert filenames == names
    assert (done.n_rows, done.n_features, done.n_resumed) == (N_PHOTOS - 2, 30, 0)
    assert list(done.left_out) == [10, N_PHOTOS - 1]
    assert all(reason.startswith(f"'{photos[i]}'") for i, reason in done.left_out.items())


def test_columns_have_the_names_of_the_estimator(photos, weights, tmp_path):
    for ending in FORMATS:
        extract_to_file(photos, str(tmp_path / f"x{ending}"), transformer(weights))
    names = list(transformer(weights).fit(photos).get_feature_names_out())
    assert list(pd.read_csv(tmp_path / "x.csv").columns) == ["filename", *names]
    assert json.loads(pyarrow.parquet.read_schema(tmp_path / "x.parquet").metadata[b"feature_names"]) == names
    assert zarr.open_group(tmp_path / "x.zarr", mode="r").attrs["feature_names"] == names
    assert np.load(tmp_path / "x.npz")["feature_names"].tolist() == names
    assert json.loads((tmp_path / "x.npy.json").read_text())["feature_names"] == names


def test_names_that_are_no_text_round_trip(weights, tmp_path):
    folder = tmp_path / "odd"
    photo = write_photo(folder / "a,b\n\"c'.png", 1)
    latin = os.fsdecode(os.fsencode(folder) + b"/\xe9.png")
    shutil.copy(photo, latin)
    for ending in FORMATS:
        extract_to_file([photo, latin], str(tmp_path / f"x{ending}"), transformer(weights))
        if ending == ".csv":  # pandas has no such text
            with open(tmp_path / "x.csv", encoding="utf-8", errors="surrogateescape", newline="") as file:
                names = [row[0] for row in csv.reader(file)][1:]
        else:
            names = read_features(tmp_path / f"x{ending}")[1]
        assert [name if isinstance(name, str) else os.fsdecode(name) for name in names] == [photo, latin]


@pytest.mark.parametrize(
    "ending",
    [pytest.param(ending, marks=[pytest.mark.slow] if ending in (".csv", ".parquet") else []) for ending in FORMATS],
)
def test_writing_takes_little_memory(ending, tmp_path, monkeypatch):
    monkeypatch.setattr(feature_files, "_ROWS_AT_ONCE", 64)
    n_rows, n_columns = 4_000, 100
    values = np.random.default_rng(0).random((n_rows, n_columns), np.float32)
    values.tofile(tmp_path / "rows")
    rows = StoredRows(str(tmp_path / "rows"), n_rows, n_columns)
    names, columns = ["x"] * n_rows, [f"c{i}" for i in range(n_columns)]
    tracemalloc.start()
    write_features(str(tmp_path / f"x{ending}"), rows, names, columns, {})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < values.nbytes / 2
    np.testing.assert_array_equal(read_features(tmp_path / f"x{ending}")[0], values)


@pytest.mark.parametrize(("verbose", "shown"), [(True, "2000/2000"), (False, "")])
def test_writing_that_takes_long_shows_its_progress(verbose, shown, tmp_path, capsys, monkeypatch):
    values = np.zeros((2000, 2), "<f4")
    (tmp_path / "rows").write_bytes(values.tobytes())
    monkeypatch.setattr(
        feature_files, "progress_bar", lambda *arguments, delay, **more: progress_bar(*arguments, **more)
    )
    rows = StoredRows(str(tmp_path / "rows"), *values.shape, verbose)
    write_features(str(tmp_path / "x.csv"), rows, ["name"] * 2000, ["a", "b"], {})
    errors = capsys.readouterr().err
    assert shown in errors and ("writing" in errors) == verbose


# The first call writes the journal's header, then each batch of three photos takes two: its rows, its line.
@pytest.mark.parametrize(
    ("ending", "call"), [(".npy", call) for call in (1, 2, 3, 9, 16, 17)] + [(ending, 8) for ending in FORMATS]
)
def test_a_stop_while_storing_costs_what_is_not_stored(ending, call, photos, weights, tmp_path, monkeypatch):
    output, whole = extract_whole(photos, weights, tmp_path, ending)

    def write_half(file, data):
        file.write(memoryview(data).cast("B")[: memoryview(data).nbytes // 2])
        file.flush()

    with monkeypatch.context() as patch, pytest.raises(Stop):
        stop_at(patch, partial_features, "_append", call, write_half)
        extract_to_file(photos, str(output), transformer(weights))
    assert not output.exists()
    done = extract_to_file(photos, str(output), transformer(weights))
    assert done.n_resumed == max(0, (call - 2) // 2) * BATCH
    assert len(done.left_out) == 2
    assert_finished(output, whole)


@pytest.mark.parametrize("shard_size", [None, 6])
def test_the_bar_of_a_resumed_extraction_starts_at_what_is_done(shard_size, photos, weights, tmp_path, monkeypatch):
    class Bar:
        skipped = updated = 0

        def __init__(self, total, verbose):
            assert (total, verbose) == (N_PHOTOS, True)

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            pass

        def skip(self, n):
            Bar.skipped += n

        def update(self, n):
            Bar.updated += n

    options = {"shard_size": shard_size, "verbose": True}
    with monkeypatch.context() as patch, pytest.raises(Stop):
        stop_at(patch, partial_features, "_append", 14)
        extract_to_file(photos, str(tmp_path / "x.npy"), transformer(weights), **options)
    monkeypatch.setitem(extract_to_file.__globals__, "progress_bar", Bar)
    done = extract_to_file(photos, str(tmp_path / "x.npy"), transformer(weights), **options)
    assert done.n_resumed == Bar.skipped > 0
    assert Bar.skipped + Bar.updated == N_PHOTOS


def extract_whole(photos, weights, tmp_path, ending=".npy"):
    """Extract without interruption; the path of an output to come, and what it must hold."""
    whole = tmp_path / f"whole{ending}"
    extract_to_file(photos, str(whole), transformer(weights))
    return tmp_path / f"x{ending}", whole


def assert_finished(output, whole):
    assert contents(output) == contents(whole)
    if output.suffix == ".npy":
        assert output.with_suffix(".npy.json").read_bytes() == whole.with_suffix(".npy.json").read_bytes()
    assert not output.with_name(f"{output.name}.part").exists()


def contents(output):
    """The bytes of an output, which may be a folder."""
    if output.is_dir():
        return {path.relative_to(output): path.read_bytes() for path in output.rglob("*") if path.is_file()}
    return output.read_bytes()


def leave_all_stored(photos, output, weights, monkeypatch, **parameters):
    """Stop after the last row is stored, before the output is written; the folder of what is stored."""
    with monkeypatch.context() as patch, pytest.raises(Stop):
        stop_at(patch, extraction, "write_features", 1)
        extract_to_file(photos, str(output), transformer(weights, **parameters))
    return output.with_name(f"{output.name}.part")


@pytest.mark.slow
def test_whatever_a_power_loss_leaves_of_the_stored_rows_the_result_is_the_same(photos, weights, tmp_path, monkeypatch):
    output, whole = extract_whole(photos, weights, tmp_path)
    stored = leave_all_stored(photos, output, weights, monkeypatch)
    shutil.move(stored, tmp_path / "copy")
    journal, rows = ((tmp_path / "copy" / name).stat().st_size for name in ("journal", "rows"))
    generator = np.random.default_rng(0)
    cuts = [
        (journal, 0),
        (journal, 100),
        (0, rows),
        (journal - 1, rows),
        *generator.integers(0, (journal, rows), (20, 2)),
    ]
    for journal_size, rows_size in cuts:
        shutil.copytree(tmp_path / "copy", stored)
        os.truncate(stored / "journal", journal_size)
        os.truncate(stored / "rows", rows_size)
        with open(stored / "journal", "ab") as file:  # a file system may have grown a file, and lost what was in it
            file.write(bytes(generator.integers(0, 2) * 50))
        extract_to_file(photos, str(output), transformer(weights))
        assert_finished(output, whole)
        output.unlink()
        output.with_suffix(".npy.json").unlink()


def test_other_options_start_anew_and_say_so(photos, weights, tmp_path, monkeypatch):
    output, whole = extract_whole(photos, weights, tmp_path)
    other = tmp_path / "other.safetensors"
    tiny_network(1).save(other)
    runs = [(weights, {"layer": 7}), (weights, {"crops": "ten"}), (weights, {"resize": "crop"}), (str(other), {})]
    for stored_weights, parameters in runs:
        leave_all_stored(photos, output, stored_weights, monkeypatch, **parameters)
        messages = []
        done = extract_to_file(photos, str(output), transformer(weights), report=messages.append)
        assert done.n_resumed == 0
        assert len(messages) == 1 and messages[0].startswith("starting again")
        assert_finished(output, whole)
        output.unlink()
        output.with_suffix(".npy.json").unlink()


def test_what_changes_no_feature_does_not_start_anew(photos, weights, tmp_path, monkeypatch):
    output, whole = extract_whole(photos, weights, tmp_path)
    leave_all_stored(photos, output, weights, monkeypatch, n_jobs=2, batch_size=5)
    assert extract_to_file(photos, str(output), transformer(weights)).n_resumed == N_PHOTOS
    assert_finished(output, whole)


def test_a_changed_photo_is_computed_anew_and_those_before_it_are_kept(photos, weights, tmp_path, monkeypatch):
    output = tmp_path / "x.npy"
    leave_all_stored(photos, output, weights, monkeypatch)
    write_photo(tmp_path / "photos" / "10.png", 99)  # was broken
    messages = []
    done = extract_to_file(photos, str(output), transformer(weights), report=messages.append)
    assert done.n_resumed == 9
    assert len(messages) == 2 and "after 9 photos" in messages[0] and "changed" in messages[1]
    _, whole = extract_whole(photos, weights, tmp_path)
    assert_finished(output, whole)


@pytest.mark.parametrize("change", ["append", "remove first", "remove last", "swap"])
def test_another_list_of_photos_never_mixes(change, photos, weights, tmp_path, monkeypatch):
    output = tmp_path / "x.npy"
    leave_all_stored(photos, output, weights, monkeypatch)
    others = {
        "append": [*photos, write_photo(tmp_path / "photos" / "99.png", 99)],
        "remove first": photos[1:],
        "remove last": photos[:-3],
        "swap": [*photos[:5], photos[6], photos[5], *photos[7:]],
    }[change]
    extract_to_file(others, str(output), transformer(weights))
    _, whole = extract_whole(others, weights, tmp_path)
    assert_finished(output, whole)


def test_a_broken_photo_keeps_the_rows_before_it_for_a_run_that_skips_it(photos, weights, tmp_path):
    output, whole = extract_whole(photos, weights, tmp_path)
    with pytest.raises(ImageError, match=r"10\.png' cannot be read"):
        extract_to_file(photos, str(output), transformer(weights, on_error="raise"))
    assert not output.exists()
    assert extract_to_file(photos, str(output), transformer(weights)).n_resumed == 9
    assert_finished(output, whole)


def test_a_broken_photo_that_an_earlier_run_skipped_is_an_error_again(photos, weights, tmp_path, monkeypatch):
    output = tmp_path / "x.npy"
    leave_all_stored(photos, output, weights, monkeypatch)
    with pytest.raises(ImageError, match=r"10\.png' cannot be read"):
        extract_to_file(photos, str(output), transformer(weights, on_error="raise"))


def test_a_missing_photo_stops_before_any_work(photos, weights, tmp_path):
    with pytest.raises(ImageError, match="^'nowhere.jpg' does not exist$"):
        extract_to_file([*photos, "nowhere.jpg"], str(tmp_path / "x.npy"), transformer(weights, on_error="raise"))
    assert not (tmp_path / "x.npy.part").exists()


def test_a_photo_that_is_missing_later_keeps_the_rows_before_it(photos, weights, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[extract_to_file.__module__], "_CHECKED_FIRST", 1)
    missing = [*photos[:5], "nowhere.jpg", *photos[5:]]
    with pytest.raises(ImageError, match="^'nowhere.jpg' does not exist$"):
        extract_to_file(missing, str(tmp_path / "x.npy"), transformer(weights, on_error="raise"))
    assert extract_to_file(photos, str(tmp_path / "x.npy"), transformer(weights)).n_resumed == 5
    assert_finished(tmp_path / "x.npy", extract_whole(photos, weights, tmp_path)[1])


def test_no_readable_photo_is_an_error(photos, weights, tmp_path):
    with pytest.raises(ValueError, match=r"none of the 2 photos can be read; the first: .*10\.png"):
        extract_to_file([photos[10], photos[-1]], str(tmp_path / "x.npy"), transformer(weights))


@pytest.mark.parametrize("ending", FORMATS)
def test_a_full_disk_leaves_the_old_output_whole(ending, photos, weights, tmp_path, monkeypatch):
    output, whole = extract_whole(photos, weights, tmp_path, ending)
    extract_to_file(photos[:2], str(output), transformer(weights))
    old = contents(output)

    def write_half(path, *rest):
        write_features(path, *rest)
        if os.path.isfile(path):
            os.truncate(path, 100)
        raise OSError(errno.ENOSPC, "No space left on device", path)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(extraction, "write_features", write_half)
        extract_to_file(photos, str(output), transformer(weights), overwrite=True)
    assert contents(output) == old
    assert extract_to_file(photos, str(output), transformer(weights), overwrite=True).n_resumed == N_PHOTOS
    assert_finished(output, whole)


def test_an_output_that_is_there_stays(photos, weights, tmp_path):
    for name in ("x.npy", "x.npy.json"):
        (tmp_path / name).write_text("mine")
        with pytest.raises(FileExistsError, match=f"{name}' exists.*--overwrite"):
            extract_to_file(photos, str(tmp_path / "x.npy"), transformer(weights))
        assert (tmp_path / name).read_text() == "mine"
        (tmp_path / name).unlink()
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        extract_to_file(photos, str(tmp_path / "nowhere" / "x.npy"), transformer(weights))


def test_an_output_of_the_features_leaves_other_json_files_alone(photos, weights, tmp_path):
    (tmp_path / "x.json").write_text("mine")
    extract_to_file(photos, str(tmp_path / "x.npy"), transformer(weights), overwrite=True)
    assert (tmp_path / "x.json").read_text() == "mine"


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_stop_between_the_two_files_is_continued(call, overwrite, photos, weights, tmp_path, monkeypatch):
    output, whole = extract_whole(photos, weights, tmp_path)
    if overwrite:
        extract_to_file(photos[:2], str(output), transformer(weights))
    with monkeypatch.context() as patch, pytest.raises(Stop):
        stop_at(patch, extraction, "publish", call)
        extract_to_file(photos, str(output), transformer(weights), overwrite=overwrite)
    done = extract_to_file(photos, str(output), transformer(weights), overwrite=overwrite)
    assert done.n_resumed == N_PHOTOS
    assert_finished(output, whole)


def test_damaged_rows_and_lines_are_computed_again(photos, weights, tmp_path, monkeypatch):
    output, whole = extract_whole(photos, weights, tmp_path)
    stored = leave_all_stored(photos, output, weights, monkeypatch)
    shutil.move(stored, tmp_path / "copy")
    generator = np.random.default_rng(0)
    for name in ("rows", "journal") * 6:
        shutil.copytree(tmp_path / "copy", stored)
        content = bytearray((stored / name).read_bytes())
        first = 0 if name == "rows" else content.index(b"\n") + 1  # the header is the options
        content[generator.integers(first, len(content) - 1)] ^= 1 << int(generator.integers(8))
        (stored / name).write_bytes(content)
        messages = []
        done = extract_to_file(photos, str(output), transformer(weights), report=messages.append)
        assert done.n_resumed < N_PHOTOS and sum("damaged" in message for message in messages) == 1
        assert_finished(output, whole)
        output.unlink()
        output.with_suffix(".npy.json").unlink()


@pytest.mark.parametrize(
    "entry",
    [
        {},
        [],
        None,
        {"stop": "3"},
        {"stop": 3},
        {"stop": 3, "photos": [], "rows": 1, "left_out": [[0, 1, 2]]},
        {"stop": -1},
    ],
)
def test_wrong_lines_are_damage(entry, photos, weights, tmp_path, monkeypatch):
    output, whole = extract_whole(photos, weights, tmp_path)
    stored = leave_all_stored(photos, output, weights, monkeypatch)
    header, *lines = (stored / "journal").read_bytes().splitlines(keepends=True)
    (stored / "journal").write_bytes(b"".join([header, lines[0], partial_features._line(entry), *lines[1:]]))
    assert extract_to_file(photos, str(output), transformer(weights)).n_resumed == BATCH
    assert_finished(output, whole)


@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_full_disk_is_named(call, photos, weights, tmp_path, monkeypatch):
    original, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == call:
            raise OSError(errno.ENOSPC, "No space left on device")
        original(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*x\.npy\.part/(rows|journal)'"):
        extract_to_file(photos, str(tmp_path / "x.npy"), transformer(weights))


def test_two_at_a_time_do_not_write_the_same_file(photos, weights, tmp_path, monkeypatch):
    original = extraction.write_features

    def write_while_another_tries(*arguments):
        with pytest.raises(OSError, match="another process is writing"):
            extract_to_file(photos, str(tmp_path / "x.npy"), transformer(weights))
        original(*arguments)

    monkeypatch.setattr(extraction, "write_features", write_while_another_tries)
    extract_to_file(photos, str(tmp_path / "x.npy"), transformer(weights))
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), expected_features(photos, weights)[1])


def test_parquet_without_pyarrow_names_the_extra(photos, weights, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"skdecaf\[parquet\]"):
        extract_to_file(photos, str(tmp_path / "x.parquet"), transformer(weights))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "n_batches"), [*((signal.SIGKILL, n_batches) for n_batches in (0, 1, 20, 60)), (signal.SIGINT, 20)]
)
def test_a_killed_process_is_continued(number, n_batches, weights, tmp_path):
    for i in range(200):
        write_photo(tmp_path / "photos" / f"{i:03d}.png", i)
    command = ["extract", tmp_path / "photos", "--weights", weights, "--batch-size", "3", "-q", "-o"]
    output, whole = tmp_path / "x.csv", tmp_path / "whole.csv"
    run_skdecaf(*command, whole)
    process = skdecaf_process(*command, output)
    wait_for_batches(tmp_path / "x.csv.part" / "journal", n_batches, process)
    process.send_signal(number)
    errors = process.communicate()[1]
    assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130), errors
    assert not output.exists()
    if number == signal.SIGINT:
        assert errors == "skdecaf: interrupted; the same command continues where it stopped\n"
    _, errors = run_skdecaf(*command, output)
    assert ("continuing after" in errors) == (n_batches > 0)
    assert_finished(output, whole)


def wait_for_batches(journal, n_batches, process):
    """Wait until the journal has that many lines after the header."""
    for _ in range(60_000):
        if journal.exists() and journal.read_bytes().count(b"\n") > n_batches:
            return
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.001)
    raise AssertionError("nothing was stored in a minute")
