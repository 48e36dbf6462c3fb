"""Streams of photos, shards, and several processes that compute them."""

# SPDX-License-Identifier: BSD-3-Clause
import io
import json
import os
import resource
import signal
import subprocess
import sys
import tarfile
import time
import warnings
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from photo_folders import run_skdecaf, write_photo
from PIL import Image
from tiny_networks import tiny_network

from skdecaf import DeCAFTransformer, DropoutFeatures, ImageNetClassifier, extract
from skdecaf._extraction import partial_features, single_file
from skdecaf._extraction.photos import TarMember, photos_at
from skdecaf._utils import files
from skdecaf.images import ImageError

N_PHOTOS = 23


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "tiny.safetensors"
    tiny_network().save(path)
    return str(path)


@pytest.fixture
def transformer(weights):
    return DeCAFTransformer(dropout=False, on_error="nan", batch_size=3, n_jobs=2, weights=weights)


@pytest.fixture
def photos(tmp_path):
    return [write_photo(tmp_path / "photos" / f"{i:02d}.png", i) for i in range(N_PHOTOS)]


@pytest.fixture
def features(photos, transformer):
    return transformer.fit_transform(photos)


def pack(photos, path):
    """A tar archive in webdataset's layout: a label beside each photo."""
    with tarfile.open(path, "w") as archive:
        for photo in photos:
            archive.add(photo, Path(photo).name)
            label = tarfile.TarInfo(f"{Path(photo).stem}.cls")
            label.size = 1
            archive.addfile(label, io.BytesIO(b"3"))
    return str(path)


INPUTS = {
    "list": lambda photos: photos,
    "generator": lambda photos: (photo for photo in photos),
    "map of contents": lambda photos: map(Path.read_bytes, map(Path, photos)),
    "frame": lambda photos: pd.DataFrame({"path": photos}),
    "array": lambda photos: np.stack([np.asarray(Image.open(photo)) for photo in photos]),
    "folder": lambda photos: os.path.dirname(photos[0]),
    "tar": lambda photos: pack(photos, Path(photos[0]).parent / "photos.tar"),
    "dicts": lambda photos: ({"bytes": Path(photo).read_bytes(), "path": "x.png"} for photo in photos),
}


@pytest.mark.parametrize("kind", INPUTS)
def test_every_input_gives_the_features_of_the_estimator(kind, photos, features, transformer, tmp_path):
    says_ignored = pytest.warns(UserWarning, match="ignores files in .*photos.tar' .*: 23 .cls$")
    with says_ignored if kind == "tar" else nullcontext():
        done = extract(INPUTS[kind](photos), tmp_path / "x.npy", transformer)
    np.testing.assert_array_equal(np.load(done.files[0], mmap_mode="r"), features)
    assert done.n_rows == N_PHOTOS and done.left_out == {} and done.n_busy == 0


def one_warning(record):
    (warning,) = record
    assert warning.filename == __file__
    return str(warning.message)


@pytest.mark.parametrize("value_range", [None, (0, 255)])
@pytest.mark.parametrize("shard_size", [None, 10])
def test_files_that_a_folder_has_beside_photos_are_said_once(shard_size, value_range, photos, transformer, tmp_path):
    folder = tmp_path / "photos"
    for name in ("a.NEF", "b.NEF", "below/notes.txt", "Thumbs.db", ".hidden"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"")
    transformer.set_params(value_range=value_range)
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        done = extract(folder, tmp_path / "x.npy", transformer, shard_size=shard_size)
    assert done.n_rows == N_PHOTOS
    assert one_warning(record) == f"skdecaf ignores files in '{folder}' that it cannot read: 2 .NEF, 1 .txt"


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_a_place_of_other_files_only_says_which(kind, transformer, tmp_path):
    place = tmp_path / "raw"
    place.mkdir()
    for name in ("a.NEF", "b.NEF", "notes.txt"):
        (place / name).write_bytes(b"")
    if kind == "tar":
        with tarfile.open(tmp_path / "raw.tar", "w") as archive:
            archive.add(place, "raw")
        place = tmp_path / "raw.tar"
    with pytest.raises(ValueError, match=r"^no photos to extract features from, only other files \(2 .NEF, 1 .txt\)$"):
        extract(place, tmp_path / "x.npy", transformer)


def test_the_default_transformer_is_the_embedded_network_without_dropout(photos, tmp_path):
    done = extract(photos[:2], tmp_path / "x.npy")
    np.testing.assert_array_equal(np.load(done.files[0]), DeCAFTransformer(dropout=False).fit_transform(photos[:2]))


def test_photos_without_a_name_are_named_by_number(photos, transformer, tmp_path):
    contents = [Path(photo).read_bytes() for photo in photos]
    contents[12] = b"no photo"
    done = extract(iter(contents), tmp_path / "x.npy", transformer, shard_size=5)
    assert list(done.left_out) == [12] and done.left_out[12].startswith("image 12: ")
    manifest = json.loads((tmp_path / "x.npy" / "_manifest" / "000002.json").read_text())
    assert (manifest["first"], manifest["n_photos"], manifest["n_rows"]) == (10, 5, 4)
    assert list(manifest["left_out"]) == ["12"]
    assert json.loads((tmp_path / "x.npy" / "000002.npy.json").read_text())["filenames"] == [None] * 4


def test_float_photos_of_a_stream_need_a_range(transformer, tmp_path):
    images = list(np.random.default_rng(0).random((5, 30, 40, 3)))
    with pytest.raises(ValueError, match="image 0.*value_range"):
        extract(iter(images), tmp_path / "x.npy", transformer)
    extract(iter(images), tmp_path / "x.npy", transformer.set_params(value_range=(0, 1)))
    extract(images, tmp_path / "y.npy", transformer.set_params(value_range=None))
    assert (tmp_path / "x.npy").read_bytes() == (tmp_path / "y.npy").read_bytes()


def test_tiffs_learn_the_range_of_all(transformer, tmp_path):
    rng = np.random.default_rng(0)
    for i in range(3):
        Image.fromarray((rng.random((9, 9)) + 1 + i).astype(np.float32)).save(tmp_path / f"{i}.tif")
    paths = sorted(str(path) for path in tmp_path.glob("*.tif"))
    extract(paths, tmp_path / "x.npy", transformer)
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), transformer.fit_transform(paths))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"out": "x.txt"}, r"must end in \.npy"),
        ({"shard_size": 0}, "shard_size must be"),
        ({"transformer": DeCAFTransformer()}, "dropout=False"),
        ({"images": []}, "no photos"),
        ({"images": np.zeros((2, 27))}, "not a table"),
        ({"images": "photo.jpg"}, "neither a folder nor a .tar file"),
    ],
)
def test_wrong_arguments(arguments, message, tmp_path):
    arguments = {"images": ["photo.jpg"], "out": tmp_path / "x.npy"} | arguments
    with pytest.raises(ValueError, match=message):
        extract(arguments.pop("images"), arguments.pop("out"), **arguments)


def test_another_estimator_is_refused(tmp_path):
    with pytest.raises(TypeError, match="must be a DeCAFTransformer, not ImageNetClassifier"):
        extract(["photo.jpg"], tmp_path / "x.npy", ImageNetClassifier())


def test_the_transformer_is_left_as_it_is(photos, transformer, tmp_path):
    extract(photos, tmp_path / "x.npy", transformer)
    assert not transformer.__sklearn_is_fitted__() and transformer.value_range is None


def test_members_of_an_archive_are_named_and_read_alone(photos, tmp_path):
    archive = pack(photos, tmp_path / "photos.tar")
    members = list(photos_at(archive))
    assert [str(member) for member in members] == [f"{archive}/{Path(photo).name}" for photo in photos]
    assert all(isinstance(member, TarMember) for member in members)
    assert [member.open().read() for member in members] == [Path(photo).read_bytes() for photo in photos]
    bad = DeCAFTransformer().fit(photos[:2])
    with pytest.raises(ImageError, match=r"photos\.tar/nothing\.jpg"):
        bad.transform([TarMember(archive, "nothing.jpg", 0, 0)])


def test_the_command_takes_archives_and_shards(photos, features, weights, tmp_path):
    archive = pack(photos, tmp_path / "photos.tar")
    command = ["extract", archive, "-o", tmp_path / "x.npy", "--shard-size", "10", "--weights", weights, "-q"]
    for resumed in (0, N_PHOTOS):
        output, errors = run_skdecaf(*command, "--json")
        assert json.loads(output)["resumed"] == resumed
        assert errors.count("23 .cls") == errors.count("\n") == 1
    np.testing.assert_array_equal(read_shards(tmp_path / "x.npy"), features)


# Shards


def read_shards(folder):
    return np.concatenate([np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))])


def test_shards_are_the_file_in_pieces(photos, features, transformer, tmp_path):
    done = extract(photos, tmp_path / "x.npy", transformer, shard_size=10)
    assert [Path(file).name for file in done.files] == ["000000.npy", "000001.npy", "000002.npy"]
    assert [len(np.load(file)) for file in done.files] == [10, 10, 3]
    np.testing.assert_array_equal(read_shards(tmp_path / "x.npy"), features)
    again = extract(iter(photos), tmp_path / "x.npy", transformer, shard_size=10)
    assert again == done._replace(n_resumed=N_PHOTOS)


def test_a_folder_of_parquet_shards_is_one_data_set(photos, features, transformer, tmp_path):
    extract(photos, tmp_path / "x.parquet", transformer, shard_size=10)
    frame = pd.read_parquet(tmp_path / "x.parquet")
    np.testing.assert_array_equal(np.stack(frame["features"]), features)
    assert frame["filename"].tolist() == photos


def test_a_shard_of_bad_photos_has_no_file(photos, transformer, tmp_path):
    for photo in photos[10:20]:
        os.truncate(photo, 60)
    done = extract(photos, tmp_path / "x.npy", transformer, shard_size=10)
    assert [Path(file).name for file in done.files] == ["000000.npy", "000002.npy"]
    assert (done.n_rows, list(done.left_out)) == (13, list(range(10, 20)))
    assert extract(photos, tmp_path / "x.npy", transformer, shard_size=10) == done._replace(n_resumed=N_PHOTOS)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff", b'{"n_rows": "7", "left_out": {}}', None])
def test_a_shard_whose_record_is_damaged_or_whose_file_is_gone_is_computed_again(
    content, photos, features, transformer, tmp_path
):
    out = tmp_path / "shards.npy"
    extract(photos, out, transformer, shard_size=10)
    (out / "000001.npy").unlink()
    if content is not None:
        (out / "_manifest" / "000001.json").write_bytes(content)
    extract(photos, out, transformer, shard_size=10)
    np.testing.assert_array_equal(np.load(out / "000001.npy"), features[10:20])


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff"])
def test_a_damaged_description_of_shards_is_named(content, photos, transformer, tmp_path):
    out = tmp_path / "shards.npy"
    extract(photos, out, transformer, shard_size=10)
    (out / "_manifest" / "extraction.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"extraction.json' is damaged \(.*\); delete '.*shards.npy' to start anew"):
        extract(photos, out, transformer, shard_size=10)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:300], lambda data: bytes(700) + data, lambda data: b"text" * 999]
)
def test_a_damaged_archive_is_named(damage, photos, transformer, tmp_path):
    archive = Path(pack(photos, tmp_path / "photos.tar"))
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(
        ValueError, match=r"photos.tar' is not a tar archive, or it is damaged \(.*\); make it again|no p"
    ):
        extract(str(archive), tmp_path / "x.npy", transformer)


def test_files_of_others_in_the_partial_folder_stay(photos, transformer, tmp_path):
    (tmp_path / "x.npy.part").mkdir()
    (tmp_path / "x.npy.part" / "mine.txt").touch()
    extract(photos[:3], tmp_path / "x.npy", transformer)
    assert os.listdir(tmp_path / "x.npy.part") == ["mine.txt"]


def test_another_extraction_never_mixes_with_shards(photos, transformer, tmp_path):
    extract(photos, tmp_path / "x.npy", transformer, shard_size=10)
    with pytest.raises(ValueError, match="with another shard_size; choose another folder"):
        extract(photos, tmp_path / "x.npy", transformer, shard_size=9)
    with pytest.raises(ValueError, match="with another blobs, crops"):
        extract(photos, tmp_path / "x.npy", transformer.set_params(layer=7, crops="ten"), shard_size=10)
    transformer.set_params(layer=6, crops="center")
    with pytest.raises(ValueError, match=r"000000\.json' describes other photos"):
        extract(photos[1:], tmp_path / "x.npy", transformer, shard_size=10)


class Stop(BaseException):
    """Stands for an end that no code expects."""


@pytest.mark.parametrize("call", [1, 2, 5, 8, 9, 10, 17])
def test_a_stop_repeats_at_most_a_batch(call, photos, features, transformer, tmp_path, monkeypatch):
    original, calls = partial_features._append, []

    def counted(*arguments):
        calls.append(arguments)
        if len(calls) == call:
            raise Stop
        original(*arguments)

    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(partial_features, "_append", counted)
        extract(photos, tmp_path / "x.npy", transformer, shard_size=9)
    # A shard of three batches makes seven calls: a header, and rows and a line for each batch.
    finished, within = divmod(call - 1, 7)
    done = extract(photos, tmp_path / "x.npy", transformer, shard_size=9)
    assert done.n_resumed == 9 * finished + 3 * max(0, (within - 1) // 2)
    np.testing.assert_array_equal(read_shards(tmp_path / "x.npy"), features)


def test_a_stop_before_the_record_keeps_the_rows(photos, features, transformer, tmp_path, monkeypatch):
    def publish_and_stop(temporary, path):
        files.publish(temporary, path)
        if path.endswith(".npy"):
            raise Stop

    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(single_file, "publish", publish_and_stop)
        extract(photos, tmp_path / "x.npy", transformer, shard_size=10)
    assert extract(photos, tmp_path / "x.npy", transformer, shard_size=10).n_resumed == 10
    np.testing.assert_array_equal(read_shards(tmp_path / "x.npy"), features)


WORKER = """
import sys
from skdecaf import DeCAFTransformer, extract
folder, out, weights = sys.argv[1:]
transformer = DeCAFTransformer(dropout=False, batch_size=2, n_jobs=1, weights=weights)
done = extract(folder, out, transformer, shard_size=4)
print(done.n_rows, done.n_resumed, done.n_busy)
"""


def start_worker(*arguments):
    command = [sys.executable, "-c", WORKER, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_processes_share_the_shards_and_one_may_be_killed(weights, tmp_path):
    photos = [write_photo(tmp_path / "photos" / f"{i:03d}.png", i) for i in range(400)]
    workers = [start_worker(tmp_path / "photos", tmp_path / "x.npy", weights) for _ in range(3)]
    manifest = tmp_path / "x.npy" / "_manifest"
    while len(list(manifest.glob("0*.json"))) < 5:
        assert workers[0].poll() is None, workers[0].stderr.read()
        time.sleep(0.01)
    workers[0].send_signal(signal.SIGKILL)
    outputs = [worker.communicate() for worker in workers]
    assert all(not errors for _, errors in outputs), outputs
    computed = [int(n_rows) - int(n_resumed) for n_rows, n_resumed, _ in (output.split() for output, _ in outputs[1:])]
    assert min(computed) > 40  # both worked
    last = extract(photos, tmp_path / "x.npy", DeCAFTransformer(dropout=False, weights=weights), shard_size=4)
    assert (last.n_rows, last.n_busy) == (400, 0) and last.n_resumed >= 396 - 4
    expected = DeCAFTransformer(dropout=False, weights=weights).fit_transform(photos)
    np.testing.assert_array_equal(read_shards(tmp_path / "x.npy"), expected)
    assert not list((tmp_path / "x.npy").glob("*.part"))


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


@pytest.mark.slow
def test_any_number_of_photos_in_flat_memory_at_steady_speed(weights, tmp_path):
    n_photos = int(os.environ.get("SKDECAF_TEST_ROWS", 200_000))  # a million has been tested, and takes minutes
    step, marks = n_photos // 10, []
    stored = np.random.default_rng(0).integers(0, 256, (1000, 18, 20, 3), np.uint8)  # not resized

    def stream():
        for i in range(n_photos):
            if i % step == 0:
                marks.append((time.process_time(), resident()))
            yield stored[i % len(stored)]

    transformer = DeCAFTransformer(dropout=False, batch_size=1024, weights=weights)
    done = extract(stream(), tmp_path / "x.npy", transformer, shard_size=step)
    assert done.n_rows == n_photos
    times, memory = np.array([*marks, (time.process_time(), resident())]).T
    assert memory.max() - memory[1] < 50e6
    durations = np.diff(times)
    assert durations[-3:].mean() < 1.3 * durations[:3].mean()
    features = np.load(done.files[-1], mmap_mode="r")
    np.testing.assert_array_equal(features[-1000:], transformer.fit_transform(list(stored)))


def test_models_learn_from_shards_that_memory_never_holds_at_once(photos, transformer, tmp_path):
    done = extract(photos, tmp_path / "x.npy", transformer, shard_size=10)
    scale = DropoutFeatures()
    for file in done.files:
        scale.partial_fit(np.load(file, mmap_mode="r"))
    whole = DropoutFeatures().fit(read_shards(tmp_path / "x.npy"))
    np.testing.assert_allclose(scale.scale_, whole.scale_, rtol=1e-12)
