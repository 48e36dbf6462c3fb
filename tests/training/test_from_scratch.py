import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from sklearn.datasets import load_digits

from skdecaf import DeCAFTransformer, ImageNetClassifier
from skdecaf.weights import Architecture, Convolution, Dropout, FullyConnected, MaxPool, Preprocessing, ReLU, Softmax

torch = pytest.importorskip("torch")

from skdecaf.training import train_network  # noqa: E402
from skdecaf.training._optimization import SCHEDULES  # noqa: E402

DIGITS = Architecture(
    (
        Convolution("conv1", 32, 3, pad=1), ReLU("relu1"), MaxPool("pool1", 2, 2),
        Convolution("conv2", 64, 3, pad=1), ReLU("relu2"), MaxPool("pool2", 2, 2),
        FullyConnected("fc3", 128), ReLU("relu3"), Dropout("drop3"), FullyConnected("fc4", 10), Softmax("prob"),
    ),
    Preprocessing((18, 18), (16, 16), mean=(128.0,) * 3, scale=(64.0,) * 3),
)  # fmt: skip
SMALL = Architecture(
    (Convolution("conv1", 8, 5), ReLU("relu1"), MaxPool("pool1", 3, 2), FullyConnected("fc2", 2)),
    Preprocessing((18, 18), (16, 16), mean=(128.0,) * 3),
)


def stripes(n=20, seed=0):
    """Photos of stripes along rows or columns, with noise."""
    pattern = np.tile(np.uint8([[40], [210]]), (9, 18))
    generator = np.random.default_rng(seed)
    noise = generator.integers(0, 40, (n, 18, 18), dtype=np.uint8)
    labels = np.arange(n) % 2
    return [(pattern.T if label else pattern) + each for label, each in zip(labels, noise, strict=True)], labels


QUICK = {"epochs": 6, "learning_rate": 0.01, "batch_size": 5, "augmentation": (), "random_state": 0, "n_jobs": 1}


@pytest.mark.slow
def test_digits_above_99_percent():
    digits = load_digits()
    images, order = (digits.images * 15.9).astype(np.uint8), np.random.RandomState(0).permutation(len(digits.images))
    train, test = order[:1400], order[1400:]
    network, history = train_network(
        DIGITS, images[train], digits.target[train], epochs=15, batch_size=32, augmentation=("crop",),
        smallest_area=0.7, average=0.99, random_state=0, n_jobs=1,
    )  # fmt: skip
    assert history[-1]["loss"] < history[0]["loss"] / 3
    predicted = ImageNetClassifier(network).predict(images[test]).astype(int)
    assert (predicted == digits.target[test]).mean() > 0.99


def test_network_is_usable_and_labelled(tmp_path):
    X, y = stripes()
    network, history = train_network(SMALL, X, np.array(["rows", "columns"])[y], **QUICK)
    assert network.labels == (("columns", "columns"), ("rows", "rows")) and len(history) == 6
    test, right = stripes(seed=1)
    assert ImageNetClassifier(network).score(test, np.array(["rows", "columns"])[right]) == 1
    network.save(tmp_path / "stripes.safetensors")
    assert DeCAFTransformer("pool1", weights=tmp_path / "stripes.safetensors").fit_transform(test).shape == (20, 288)


def test_one_seed_gives_one_network():
    X, y = stripes()
    first, second = (train_network(SMALL, X, y, **QUICK)[0] for _ in range(2))
    other, _ = train_network(SMALL, X, y, **{**QUICK, "random_state": 1})
    assert first.fingerprint == second.fingerprint != other.fingerprint


def test_soft_targets_of_certain_labels_are_the_labels():
    X, y = stripes()
    hard, _ = train_network(SMALL, X, y, **QUICK)
    soft, _ = train_network(SMALL, X, np.eye(2)[y], **QUICK)
    assert hard.fingerprint == soft.fingerprint


def test_a_network_teaches_another():
    X, y = stripes()
    teacher, _ = train_network(SMALL, X, y, **QUICK)
    probabilities = ImageNetClassifier(teacher).predict_proba(X)
    student, _ = train_network(SMALL, X, probabilities, **{**QUICK, "random_state": 1})
    test, right = stripes(seed=1)
    assert (ImageNetClassifier(student).predict(test).astype(int) == right).all()


def test_training_goes_on_from_a_network():
    X, y = stripes()
    network, history = train_network(SMALL, X, y, **QUICK)
    _, more = train_network(network, X, y, **{**QUICK, "learning_rate": 0.001}, batch_norm=False)
    assert more[0]["loss"] < history[0]["loss"]
    with pytest.raises(ValueError, match="does not end with 3 scores"):
        train_network(network, X, np.arange(20) % 3, **QUICK)


def test_no_weight_is_no_influence():
    X, y = stripes()
    wrong = y.copy()
    wrong[:8] = 1 - wrong[:8]
    network, _ = train_network(SMALL, X, wrong, sample_weight=np.r_[np.zeros(8), np.ones(12)], **QUICK)
    assert (ImageNetClassifier(network).predict(X).astype(int) == y).all()


def test_best_epoch_is_kept_and_training_stops():
    X, y = stripes()
    network, history = train_network(
        SMALL, X, y, **{**QUICK, "epochs": 50}, validation=stripes(seed=1), n_iter_no_change=2
    )
    accuracies = [each["accuracy"] for each in history]
    best = accuracies.index(max(accuracies))
    assert len(history) == best + 3 < 50
    predicted = ImageNetClassifier(network).predict(stripes(seed=1)[0]).astype(int)
    assert (predicted == stripes(seed=1)[1]).mean() == pytest.approx(max(accuracies))


def test_schedules():
    assert [SCHEDULES["cosine"](p) for p in (0, 0.5, 1)] == pytest.approx([1, 0.5, 0])
    assert [SCHEDULES["step"](p) for p in (0, 0.3, 0.34, 0.7)] == pytest.approx([1, 1, 0.1, 0.01])
    assert SCHEDULES["constant"](0.9) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": "linear"}, "schedule must be one of 'constant', 'cosine', 'step', not 'linear'"),
        ({"augmentation": ("flip",)}, "augmentation must hold some of 'crop', 'mirror', 'color', not 'flip'"),
        ({"epochs": 0}, "epochs must be at least 1, not 0"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        train_network(SMALL, *stripes(), **{**QUICK, **options})


def test_wrong_targets():
    X, y = stripes()
    with pytest.raises(ValueError, match="must hold probabilities"):
        train_network(SMALL, X, np.ones((20, 2)), **QUICK)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        train_network(SMALL, X, y[:-1], **QUICK)
    with pytest.raises(ValueError, match="class 5, which does not occur in the training images"):
        train_network(SMALL, X, y, validation=(X, np.full(20, 5)), **QUICK)


INTERRUPTED = """
import sys
import numpy as np
import skdecaf.training._optimization as optimization
from test_from_scratch import QUICK, SMALL, stripes
from skdecaf.training import train_network

optimization._CHECKPOINT_SECONDS = 0
step = optimization.Training._step
def slow_step(self, rows):
    print(flush=True)
    import time; time.sleep(0.02)
    return step(self, rows)
optimization.Training._step = slow_step
network, history = train_network(
    SMALL, *stripes(), **{**QUICK, "epochs": 8}, average=0.9, augmentation=("crop", "color"), checkpoint=sys.argv[1]
)
print(network.fingerprint, [each["loss"] for each in history])
""".replace('average=0.9, augmentation=("crop", "color"), ', "average=0.9, ")


@pytest.mark.slow
def test_training_that_was_killed_ends_with_the_same_bits(tmp_path):
    folders = os.pathsep.join([os.path.dirname(__file__)])

    def start(checkpoint):
        command = [sys.executable, "-c", INTERRUPTED, str(checkpoint)]
        return subprocess.Popen(
            command, env=os.environ | {"PYTHONPATH": folders}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    expected, errors = start(tmp_path / "whole").communicate()
    assert expected.strip(), errors
    checkpoint = tmp_path / "killed"
    for _ in range(3):
        process = start(checkpoint)
        for _ in range(7):
            process.stdout.readline()
        time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert checkpoint.exists()
    process = start(checkpoint)
    found, _ = process.communicate()
    assert found.splitlines()[-1] == expected.splitlines()[-1]
    assert len(found.splitlines()) < len(expected.splitlines()), "it went on, and did not begin again"
    assert os.listdir(tmp_path) == [], "checkpoints go when training is complete"


def test_checkpoint_of_another_training_is_refused(tmp_path, monkeypatch):
    from skdecaf.training import _optimization as optimization

    X, y = stripes()
    path = tmp_path / "checkpoint"
    monkeypatch.setattr(optimization.os, "unlink", lambda path: None)
    train_network(SMALL, X, y, checkpoint=path, **QUICK)
    with pytest.raises(ValueError, match="belongs to a training with other photos, labels or parameters"):
        train_network(SMALL, X, 1 - y, checkpoint=path, **QUICK)
