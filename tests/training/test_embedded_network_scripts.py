"""The scripts that train the embedded network: each step keeps what it says it keeps."""

# SPDX-License-Identifier: BSD-3-Clause
import json
import subprocess

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images

from skdecaf import DeCAFTransformer
from skdecaf.training import to_torch
from skdecaf.weights import Network

torch = pytest.importorskip("torch")

import find_duplicates  # noqa: E402
import prepare_photos  # noqa: E402
from distill import Distillation, Schedule, SpaceToDepthConvolution, calibrate  # noqa: E402
from double_resolution import double_resolution  # noqa: E402
from export_network import FEATURE_NORM, scale_features  # noqa: E402
from measure_network import few_shot_accuracies  # noqa: E402
from photo_sources import PhotoSource, Share, draw_batch  # noqa: E402


def photo_patches(n, side):
    """Square pieces of real photos, at several scales."""
    generator, photos = np.random.default_rng(0), [Image.fromarray(photo) for photo in load_sample_images().images]
    patches = []
    for i in range(n):
        extent = int(generator.integers(100, 400))
        left, top = generator.integers(0, 640 - extent), generator.integers(0, 427 - extent)
        box = (left, top, left + extent, top + extent)
        patches.append(np.asarray(photos[i % 2].resize((side, side), Image.Resampling.BICUBIC, box=box)))
    return np.stack(patches)


def write_source(folder, n, side, teacher):
    folder.mkdir(parents=True)
    generator = np.random.default_rng(1)
    np.save(folder / "pixels.npy", photo_patches(n, side))
    np.save(folder / "labels.npy", generator.integers(-1, 1000, n).astype(np.int16))
    if teacher:
        np.save(folder / "scores.npy", generator.normal(0, 3, (n, 1000)).astype(np.float16))
        np.save(folder / "features.npy", generator.normal(0, 1, (n, 1280)).astype(np.float16))
    (folder / "state.json").write_text(json.dumps({"n_seen": n, "n_photos": n}))
    return PhotoSource(folder)


@pytest.fixture
def shares(tmp_path):
    photos = write_source(tmp_path / "photos", 12, 72, teacher=True)
    others = write_source(tmp_path / "tiny-imagenet", 6, 64, teacher=False)
    return [Share(photos, 5, 0.4, 0.6), Share(others, 3, 0.5, 0.3)]


@pytest.mark.parametrize("kernel, stride, pad, side", [(11, 4, 2, 128), (7, 2, 2, 64), (11, 4, 0, 227)])
def test_space_to_depth_is_the_same_convolution(kernel, stride, pad, side):
    plain = torch.nn.Conv2d(3, 8, kernel, stride, pad).double()
    blocked = SpaceToDepthConvolution(3, 8, kernel, stride, pad).double()
    blocked.load_state_dict(plain.state_dict())
    pixels = torch.randn(2, 3, side, side, dtype=torch.float64)
    assert torch.allclose(blocked(pixels), plain(pixels), atol=1e-12)


def test_calibration_keeps_the_outputs_also_in_training_mode():
    network = Network.random("mini", random_state=0)
    pixels = torch.from_numpy(photo_patches(40, 64)).permute(0, 3, 1, 2).float()
    wanted = to_torch(network, until="fc8")(pixels)
    module = calibrate(to_torch(network, until="fc8", batch_norm=True), pixels)
    limit = 1e-3 * wanted.abs().max()
    assert (module(pixels) - wanted).abs().max() < limit
    assert (module.train()(pixels) - wanted).abs().max() < limit


def test_the_doubled_network_sees_on_photos_what_the_first_saw_on_halved_ones():
    network, photos = Network.random("mini", random_state=0), photo_patches(60, 144)
    doubled = double_resolution(network, photos)
    assert doubled.input_shape == (3, 128, 128)
    assert doubled.layers[0].kernel == 11 and doubled.blob_shapes["fc6"] == network.blob_shapes["fc6"]
    assert doubled.blob_shapes["conv1"] == network.blob_shapes["conv1"]
    halved = photos.reshape(len(photos), 72, 2, 72, 2, 3).mean(axis=(2, 4))
    first = DeCAFTransformer(weights=network, layer="pool1", dropout=False, value_range=(0, 255))
    wanted = first.fit_transform(list(halved.astype(np.float32)))
    found = DeCAFTransformer(weights=doubled, layer="pool1", dropout=False).fit_transform(list(photos))
    assert np.corrcoef(wanted.ravel(), found.ravel())[0, 1] > 0.9


def test_batches_depend_on_seed_and_step_alone(shares):
    first, again, other = (draw_batch(shares, (64, 64), 0, step) for step in (3, 3, 4))
    assert torch.equal(first.pixels, again.pixels) and torch.equal(first.labels, again.labels)
    assert not torch.equal(first.pixels, other.pixels)
    assert first.pixels.shape == (8, 3, 64, 64) and first.scores.shape == (8, 1000)
    labelled = first.labels >= 0
    assert torch.equal(first.has_features, torch.arange(8) < 5)
    assert (first.teacher_weights[5:] == 0).all() and (first.label_weights[~labelled] == 0).all()
    assert torch.allclose((first.teacher_weights + first.label_weights)[:5], torch.tensor(1.0))


def test_rows_that_are_left_out_are_not_drawn(tmp_path):
    write_source(tmp_path / "photos", 6, 72, teacher=False)
    np.save(tmp_path / "photos" / "left_out.npy", [1, 3])
    assert PhotoSource(tmp_path / "photos").rows.tolist() == [0, 2, 4, 5]


@pytest.mark.slow
def test_an_interrupted_run_ends_with_the_same_weights(shares, tmp_path):
    network, schedule = Network.random("mini", random_state=0), Schedule(0.01, 4, n_head_steps=1, n_warm_up=2)
    Distillation(network, shares, schedule, tmp_path / "whole.pt").run(verbose=False)
    Distillation(network, shares, Schedule(0.01, 2, 1, 2, 0), tmp_path / "parts.pt").run(verbose=False)
    second = Distillation(network, shares, schedule, tmp_path / "parts.pt")
    assert second.step == 2
    second.run(verbose=False)
    whole, parts = (Network.load(tmp_path / f"{name}.safetensors") for name in ("whole", "parts"))
    assert whole.fingerprint == parts.fingerprint


@pytest.mark.slow
def test_the_first_steps_train_the_heads_alone(shares, tmp_path):
    network = Network.random("mini", random_state=0)
    distillation = Distillation(network, shares, Schedule(0.01, 3, n_head_steps=2), tmp_path / "run.pt")
    states = [{name: tensor.clone() for name, tensor in distillation.student.state_dict().items()}]
    for _ in range(3):
        distillation._train_batch()
        states.append({name: tensor.clone() for name, tensor in distillation.student.state_dict().items()})
    for name in states[0]:
        if name.startswith("heads"):
            assert not torch.equal(states[0][name], states[2][name])
        else:
            assert torch.equal(states[0][name], states[2][name])
    assert not torch.equal(states[2]["module.conv1.weight"], states[3]["module.conv1.weight"])


def test_scaling_the_features_keeps_the_scores(tmp_path):
    network, photos = Network.random("mini", random_state=0), photo_patches(20, 72)
    scaled = scale_features(network, photos)

    def transform(network, layer):
        return DeCAFTransformer(weights=network, layer=layer, dropout=False).fit_transform(list(photos))

    assert np.allclose(transform(scaled, "fc8"), transform(network, "fc8"), rtol=1e-3, atol=1e-3)
    for layer in ("pool5", "fc6", "fc7"):
        norms = (transform(scaled, layer).astype(float) ** 2).sum(axis=1)
        assert np.sqrt(norms.mean()) == pytest.approx(FEATURE_NORM, rel=1e-4)
    scaled.save(tmp_path / "small.safetensors", dtype="int8")
    assert (tmp_path / "small.safetensors").stat().st_size < 12e6


def test_photos_of_a_repository_are_prepared_once_and_resumed(tmp_path, monkeypatch):
    repository = tmp_path / "snapshots" / "someone+photos"
    for name, color in {"data/n01440764/a.png": 10, "data/other/b.png": 200, "elsewhere/c.png": 90}.items():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (80, 100), (color, color, color)).save(repository / name)
    (repository / "data" / "damaged.jpg").write_bytes(b"no photo at all")
    Image.new("RGB", (80, 100)).save(repository / "data" / "ILSVRC2012_val_00000001.png")
    for command in (["init"], ["add", "."], ["commit", "-m", "photos"]):
        identity = ["-c", "user.name=someone", "-c", "user.email=someone@example.org"]
        subprocess.run(["git", "-C", repository, *identity, *command], check=True, capture_output=True)
    table = tmp_path / "collections.csv"
    table.write_text("repository,source,pattern,min_bytes,limit\nsomeone/photos,photos,^data/,0,\n")
    monkeypatch.setattr(prepare_photos, "COLLECTIONS", table)
    for _ in range(2):
        prepare_photos.main([str(tmp_path / "snapshots"), "photos", str(tmp_path / "out")])
        source = PhotoSource(tmp_path / "out")
        assert sorted(zip(source.labels.tolist(), source.pixels[:, 0, 0, 0].tolist(), strict=True)) == [
            (-1, 200),
            (0, 10),
        ]
    assert source.pixels.shape == (2, 144, 144, 3)


def test_resized_copies_are_duplicates_and_other_photos_are_not(tmp_path):
    photos = photo_patches(6, 144)
    Image.fromarray(photos[4]).resize((301, 280)).save(tmp_path / "copy.jpg", quality=60)
    evaluation = find_duplicates.evaluation_thumbnails([tmp_path])
    assert find_duplicates.find_duplicates(photos, evaluation).tolist() == [4]


def test_accuracy_is_the_mean_over_classes():
    X, y = load_digits(return_X_y=True)
    accuracies = dict(few_shot_accuracies(X.astype(np.float32), y))
    assert set(accuracies) == {1, 5, 30}
    assert accuracies[1].mean() < accuracies[5].mean() < accuracies[30].mean() and accuracies[30].mean() > 85
