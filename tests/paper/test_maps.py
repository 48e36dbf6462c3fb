"""Figures 1, 2 and 5: their scores against plain loops, their groups, and what their pictures show."""

# SPDX-License-Identifier: BSD-3-Clause
import re

import numpy as np
import pytest
from paper_photos import write_classes
from PIL import Image
from sklearn.utils import Bunch
from tiny_networks import tiny_network

from skdecaf import DeCAFTransformer
from skdecaf._paper.groupings import kind_of_class, place_of_scene
from skdecaf._paper.maps import figure_1, figure_2, figure_5, leave_one_out_accuracy
from skdecaf._paper.plots import save_picture
from skdecaf.weights import resolve_network

CLASSES = {"n02085620": "dog", "n02123045": "other mammal", "n01530575": "bird", "n02814533": "vehicle"}


def test_kinds_of_classes():
    """Some classes of each kind, by the names that the embedded network gives them."""
    labels = resolve_network("mini").labels
    kinds = {name.split(",")[0]: kind_of_class(synset) for synset, name in labels}
    assert kind_of_class("999") == kind_of_class(labels[999][0]) and kind_of_class("n00000001") == "other thing"
    expected = {
        "dog": ["Chihuahua", "toy poodle", "Samoyed"],
        "other mammal": ["tabby", "African elephant", "grey whale", "timber wolf"],
        "bird": ["brambling", "king penguin", "cock"],
        "reptile or amphibian": ["tailed frog", "green mamba", "African crocodile"],
        "fish": ["goldfish", "lionfish"],
        "invertebrate": ["monarch", "starfish", "tarantula"],
        "food, plant or fungus": ["banana", "pizza", "agaric", "daisy"],
        "clothing": ["sock", "sombrero"],
        "musical instrument": ["violin", "steel drum"],
        "vehicle": ["sports car", "yawl", "warplane"],
        "building or structure": ["castle", "viaduct"],
        "furniture": ["rocking chair", "wardrobe"],
        "container": ["wine bottle", "vase"],
        "tool, device or equipment": ["hammer", "vacuum", "volleyball"],
        "landscape": ["volcano", "seashore"],
    }
    for kind, names in expected.items():
        assert {kinds[name] for name in names} == {kind}
    assert set(kinds.values()) == {*expected, "other thing"}


def test_places_of_scenes():
    for place, names in {"indoor": ("kitchen", "church/indoor"), "outdoor": ("church/outdoor", "wave")}.items():
        assert {place_of_scene(name) for name in names} == {place}


def test_leave_one_out_accuracy_is_that_of_a_plain_loop():
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=60)
    X = rng.normal(size=(60, 4)) + np.eye(3, 4)[y]
    right = 0
    for i in range(60):
        distances = np.linalg.norm(X - X[i], axis=1)
        distances[i] = np.inf
        votes = np.bincount(y[np.argsort(distances)[:5]], minlength=3)
        right += votes.argmax() == y[i]
    assert leave_one_out_accuracy(X, y) == right / 60


def scores_by_hand(X, y):
    """Leave-one-out accuracy and silhouette, photo by photo."""
    distances = np.linalg.norm(X[:, np.newaxis].astype(float) - X, axis=2)
    names, silhouettes = np.unique(y), []
    for i in range(len(y)):
        other = np.arange(len(y)) != i
        mean = {name: distances[i][(y == name) & other].mean() for name in names}
        own, nearest = mean.pop(y[i]), min(mean[name] for name in mean if name != y[i])
        silhouettes.append((nearest - own) / max(own, nearest))
    return leave_one_out_accuracy(X, y), np.mean(silhouettes)


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory):
    return write_classes(tmp_path_factory.mktemp("imagenet"), sorted(CLASSES), 12)


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_figure_1_scores_and_draws_each_kind_of_features(imagenet, tmp_path):
    pytest.importorskip("cv2")
    table = figure_1(imagenet, weights=tiny_network(), folder=tmp_path)
    assert table.rows == ("LLC", "GIST", "DeCAF1", "DeCAF6") and table.scores.shape == (4, 4, 1)
    kinds = np.array([CLASSES[name] for name in imagenet.target_names])[imagenet.target]
    assert all(np.array_equal(groups, kinds) for groups in table.groups)
    X = DeCAFTransformer("pool1", dropout=False, weights=tiny_network()).fit_transform(imagenet.data)
    for rows, columns in ((X, [0, 2]), (table.maps[2], [1, 3])):
        np.testing.assert_allclose(table.scores[2, columns, 0] / 100, scores_by_hand(rows, kinds), atol=1e-4)
    again = figure_1(imagenet, weights=tiny_network(), folder=tmp_path)
    np.testing.assert_array_equal(again.maps, table.maps)
    png, svg = save_picture(table, tmp_path)
    written = re.findall("<!-- (.*?) -->", svg.read_text(encoding="utf-8"), flags=re.DOTALL)
    for text in ("LLC (5-NN in the map", "GIST", "DeCAF1", "DeCAF6", *CLASSES.values(), "48 photos of 4 classes"):
        assert any(text in one for one in written), text
    with Image.open(png) as image:
        assert image.width > image.height > 1000


def test_figure_1_without_opencv(imagenet, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.warns(UserWarning, match=r"Figure 1 has no map of LLC: .*skdecaf\[baselines\]"):
        table = figure_1(imagenet, weights=tiny_network(), n_photos=20)
    assert table.rows == ("GIST", "DeCAF1", "DeCAF6") and len(table.maps[0]) == 20


def test_figure_2_knows_indoors(tmp_path):
    scenes = write_classes(tmp_path, ["abbey", "bar", "church/indoor"], 8)
    table = figure_2(scenes, weights=tiny_network())
    assert table.groups[0].tolist() == ["outdoor"] * 8 + ["indoor"] * 16
    assert table.rows == ("DeCAF6",) and np.isfinite(table.scores).all()
    assert "paper" not in table.to_markdown()


def domains_of(bunch):
    numbers = np.resize([1, -2, 3], len(bunch.target))
    return Bunch(**bunch, sample_domain=numbers, domain_names={"dslr": 1, "webcam": -2, "amazon": 3})


@pytest.mark.parametrize("names", [["scissors", "mug"], ["mug", "pen"]])
def test_figure_5_has_two_domains_and_may_highlight_a_class(names, tmp_path):
    photos = domains_of(write_classes(tmp_path, names, 12))
    counts = np.random.default_rng(0).integers(0, 9, (36, 20))
    surf = domains_of(Bunch(data=counts, target=np.repeat([0, 1, 2], 12), target_names=[*names, "ring"]))
    table = figure_5(photos, surf, weights=tiny_network())
    assert table.rows == ("SURF", "DeCAF6")
    for domains, groups in zip(table.domains, table.groups, strict=True):
        assert set(domains) == {"dslr", "webcam"} and set(groups) == set(names) and len(groups) == 16
    assert table.highlight == ("scissors" if "scissors" in names else None)
    assert len(save_picture(table, tmp_path)) == 2
    alone = figure_5(photos, weights=tiny_network())
    assert alone.rows == ("DeCAF6",) and any("Without SURF" in note for note in alone.notes)
    np.testing.assert_array_equal(alone.maps[0], table.maps[1])
