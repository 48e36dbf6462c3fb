"""Tables 1 to 3 and the network's own errors against the same protocols in plain loops."""

# SPDX-License-Identifier: BSD-3-Clause
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from paper_photos import write_classes
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from sklearn.utils import Bunch
from tiny_networks import TINY

from skdecaf import DeCAFTransformer, ImageNetClassifier, Network
from skdecaf._paper import imagenet_errors, select_classes, table_1, table_2, table_3
from skdecaf._paper.run import Run
from skdecaf.domain_adaptation import DomainScaler, FeatureAugmentation, GeodesicFlowKernel, MaxMarginDomainTransform
from skdecaf.images import Crop
from skdecaf.model_selection import DomainAdaptationSplit
from skdecaf.parts import PartDetector

table_2_module = sys.modules[table_2.__module__]  # the package has the function by this name
NAMES = ("ant", "bass", "crab")


@pytest.fixture(scope="module")
def network():
    random = Network.random(TINY, 0)
    labels = [(f"n{i:08}", f"thing {i}") for i in range(5)]
    return Network(random.layers, random.arrays, random.preprocessing, labels=labels, name="tiny")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_classes(tmp_path_factory.mktemp("photos"), NAMES, 12)


@pytest.fixture(scope="module")
def office(photos):
    """The first five photos of each class are amazon's, the next two dslr's, the last five webcam's."""
    domains = np.tile([1] * 5 + [2] * 2 + [-3] * 5, len(NAMES))
    return Bunch(**photos, sample_domain=domains, domain_names={"amazon": 1, "dslr": 2, "webcam": -3})


def features(photos, layer, network):
    return DeCAFTransformer(layer, dropout=False, weights=network).fit_transform(photos)


def scaled(X, train):
    return (X / np.sqrt(np.square(X[train], dtype=np.float64).sum(axis=1).mean())).astype(np.float32)


# Table 1


@pytest.mark.slow
def test_table_1_is_what_a_plain_loop_gives(office, network):
    counts = np.random.default_rng(0).poisson(1 + np.arange(30) % 4, (len(office.target), 30)).astype(np.uint8)
    with pytest.warns(UserWarning, match="have fewer samples than asked for"):
        table = table_1(office, Bunch(**office | {"data": counts}), weights=network, n_splits=1, random_state=4)
    assert table.columns[:3] == ("amazon → webcam, SURF", "amazon → webcam, DeCAF6", "amazon → webcam, DeCAF7")
    normalised = counts / np.linalg.norm(counts, axis=1, keepdims=True)
    for i, X in enumerate((normalised, features(office.data, 6, network), features(office.data, 7, network))):
        for j, source in enumerate((1, 2)):
            assert np.array_equal(table.scores[:2, i + 3 * j], source_only(X, office, source)), (i, j)


def source_only(X, office, source):
    """Rows S of logistic regression and the SVM: their accuracy on webcam, for each split."""
    rows = np.isin(office.sample_domain, (source, -3))
    X, y, domains = X[rows], office.target[rows], office.sample_domain[rows]
    with pytest.warns(UserWarning, match="fewer"):
        splits = list(DomainAdaptationSplit(20, 3, n_splits=1, random_state=4).split(X, y, domains))
    accuracies = np.empty((2, 1))
    for k, (train, test) in enumerate(splits):
        train = train[domains[train] > 0]
        for i, model in enumerate((LogisticRegression(C=100, max_iter=1000), LinearSVC(C=1, random_state=4))):
            model.fit(scaled(X, train)[train], y[train])
            accuracies[i, k] = 100 * np.mean(model.predict(scaled(X, train)[test]) == y[test])
    return accuracies


@pytest.mark.filterwarnings("ignore:classes have fewer samples")
def test_rows_without_a_source_are_the_same_for_both_sources(office, network):
    table = table_1(office, weights=network, n_splits=1)
    assert len(table.columns) == 4
    amazon, dslr = table.scores[:, :2], table.scores[:, 2:]
    for i, row in enumerate(table.rows):
        if row.endswith("(T)"):
            assert np.array_equal(amazon[i], dslr[i])
    assert np.isfinite(table.scores).all()
    assert table.published["Daumé III 2007", "amazon → webcam, DeCAF6"] == (82.14, 1.9)
    assert "Transductive, with the test photos among the unlabelled ones: Gong et al. 2012." in table.notes
    assert "Only for Gong et al. 2012, each feature is first standardised in each domain" in " ".join(table.notes)


@pytest.mark.filterwarnings("ignore:classes have fewer samples")
def test_adaptive_rows_are_what_their_estimators_give_by_hand(office, network):
    table = table_1(office, weights=network, n_splits=2, random_state=4)
    X, y, domains = features(office.data, 6, network), office.target, office.sample_domain
    rows = np.flatnonzero(np.isin(domains, (1, -3)))
    for k, (train, test) in enumerate(
        DomainAdaptationSplit(20, 3, n_splits=2, random_state=4).split(rows, y[rows], domains[rows])
    ):
        train, test = rows[train], rows[test]
        Z = scaled(X, train)
        augmentation = FeatureAugmentation().fit(Z[train], sample_domain=domains[train])
        augmented = augmentation.transform(Z, sample_domain=domains)
        svm = LinearSVC(C=1, random_state=4).fit(scaled(augmented, train)[train], y[train])
        mmdt = MaxMarginDomainTransform(1, 20, gamma=1e-4, max_iter=2)
        mmdt.fit(Z[train], y[train], sample_domain=domains[train])
        seen = np.concatenate([train, test])
        standardised = DomainScaler().fit(X[seen], sample_domain=domains[seen]).transform(X, sample_domain=domains)
        flow = GeodesicFlowKernel().fit(standardised[seen], sample_domain=domains[seen]).transform(standardised)
        svm_on_flow = LinearSVC(C=1, random_state=4).fit(scaled(flow, train)[train], y[train])
        predicted = {
            "Daumé III 2007": svm.predict(scaled(augmented, train)[test]),
            "Hoffman et al. 2013": mmdt.predict(Z[test]),
            "Gong et al. 2012": svm_on_flow.predict(scaled(flow, train)[test]),
        }
        for name, classes in predicted.items():
            assert table.scores[table.rows.index(name), 0, k] == 100 * np.mean(classes == y[test]), name


def test_pairs_with_different_targets_are_refused(office):
    with pytest.raises(ValueError, match="all pairs must have one target"):
        table_1(office, pairs=(("amazon", "webcam"), ("amazon", "dslr")))


# Table 2


def test_table_2_crops_around_boxes(photos, network, tmp_path):
    boxes = np.tile([10.0, 10.0, 16.0, 12.0], (len(photos.data), 1))
    split = np.arange(0, 36, 2), np.arange(1, 36, 2)
    table = table_2(Bunch(**photos, boxes=boxes, splits=[split]), weights=network)
    crops = []
    for i, path in enumerate(photos.data):  # centre (18, 16), 24 by 18 pixels
        crops.append(str(tmp_path / f"{i}.png"))
        Image.open(path).crop((6, 7, 30, 25)).save(crops[-1])
    X, y = features(crops, 6, network), photos.target
    model = LogisticRegression(C=100, max_iter=1000).fit(scaled(X, split[0])[split[0]], y[split[0]])
    assert table.scores[0, 0, 0] == 100 * np.mean(model.predict(scaled(X, split[0])[split[1]]) == y[split[1]])
    assert table.published["box, LogReg", "DeCAF6"] == (58.75, None)
    frame = pd.DataFrame({"filename": photos.data, "x": 10.0, "y": 10.0, "width": 16.0, "height": 12.0})
    in_frame = Bunch(**photos | {"data": frame}, boxes=boxes, splits=[split])
    np.testing.assert_array_equal(table_2(in_frame, weights=network).scores, table.scores)


def test_table_2_with_parts(photos, network):
    """A head and a body at places that change from photo to photo, of birds of 36 by 36 pixels."""
    generator, n = np.random.default_rng(0), len(photos.data)
    boxes = np.tile([2.0, 2.0, 36.0, 36.0], (n, 1))
    key_points = np.zeros((n, 15, 3))
    key_points[:, (1, 0), :2], key_points[:, (1, 0), 2] = generator.uniform(6, 34, (n, 2, 2)), 1
    key_points[3, 0] = 0  # whose body is missing
    train, test = np.arange(0, n, 2), np.arange(1, n, 2)
    birds = Bunch(**photos, boxes=boxes, parts=key_points, splits=[(train, test)])
    table = table_2(birds, weights=network)
    centres = key_points[:, (1, 0), :2]
    head_and_body = np.concatenate([centres - 3.6, np.full((n, 2, 2), 7.2)], axis=2)
    low, high = head_and_body[..., :2].clip(2), (head_and_body[..., :2] + 7.2).clip(None, 38)
    edges = np.concatenate([low, high], axis=2)
    whole = np.tile([-7.0, -7.0, 47.0, 47.0], (n, 1))
    blocks = [features([Crop(photo, tuple(box)) for photo, box in zip(photos.data, crop, strict=True)], 6, network)
              for crop in (whole, edges[:, 0], edges[:, 1])]  # fmt: skip
    blocks[2][3] = 0
    X, y = np.sqrt(np.concatenate(blocks, axis=1)), photos.target
    model = LogisticRegression(C=100, max_iter=1000).fit(scaled(X, train)[train], y[train])
    scores = dict(zip(table.rows, table.scores[:, :, 0], strict=True))
    np.testing.assert_array_equal(
        scores["annotated parts"], [100 * np.mean(model.predict(scaled(X, train)[test]) == y[test]), 100]
    )
    means = [edges[train, i][:, :].mean(axis=0) for i in range(2)]
    shares = []
    for i, mean in enumerate(means):
        there = [j for j in test if i == 0 or j != 3]
        shared = [np.prod(np.maximum(0, np.minimum(mean[2:], edges[j, i, 2:]) - np.maximum(mean[:2], edges[j, i, :2])))
                  for j in there]  # fmt: skip
        areas = [np.prod(edges[j, i, 2:] - edges[j, i, :2]) + np.prod(mean[2:] - mean[:2]) for j in there]
        shares.append(np.mean(np.array(shared) >= 0.5 * (np.array(areas) - shared)))
    assert scores["parts at mean places"][1] == pytest.approx(100 * np.mean(shares))
    assert "| PCP@0.5 |\n" in table.to_markdown()


def test_stored_parts_are_those_of_the_detector_s_parameters(photos, network, tmp_path, monkeypatch):
    n, fitted = len(photos.data), []

    def detect(images, boxes, annotated, *, train, detector):
        fitted.append(detector.get_params())
        return annotated.tolist()

    monkeypatch.setattr(table_2_module, "_detect", detect)
    monkeypatch.setattr(table_2_module, "require", lambda *_: None)
    key_points = np.tile([20.0, 20.0, 1.0], (n, 15, 1))
    birds = Bunch(**photos, parts=key_points)
    call = (np.asarray(photos.data), np.tile([2.0, 2.0, 36.0, 36.0], (n, 1)), np.arange(0, n, 2), 0)
    for defaults in ({}, {}, {"n_components": 3}, {"n_rounds": 1}, {"n_components": 3}):
        monkeypatch.setattr(table_2_module, "PartDetector", partial(PartDetector, **defaults))
        table_2_module._find_parts(Run(network, tmp_path, None, False), birds, *call)
    assert [(params["n_components"], params["n_rounds"]) for params in fitted] == [(8, 2), (3, 2), (8, 1)]


# Table 3


@pytest.mark.slow
def test_table_3_learns_and_chooses_its_row_without_the_test(photos, network):
    splits = [(np.arange(36) % 12 < 8).nonzero()[0], (np.arange(36) % 12 >= 8).nonzero()[0]]
    frame = pd.DataFrame({"filename": photos.data, "x": 1.0})
    scenes = Bunch(**photos | {"data": frame}, splits=[splits, splits[::-1]])
    table = table_3(scenes, weights=network, n_validation=2, n_splits=1)
    assert table.scores.shape == (2, 2, 1)
    assert table.scores.mean() > 60  # by chance 33
    assert "Best in validation: " in table.to_markdown()
    assert "40.94 ± 0.3" in table.to_markdown()
    assert table.details["protocol"]["n_splits"] == 1


# The network's own errors


def test_errors_are_those_of_the_classifier(photos, network):
    dataset = Bunch(**photos | {"target_names": ["n00000002", "n00000000", "n00000004"]})
    probabilities = ImageNetClassifier(network).predict_proba(photos.data)
    right = np.array([2, 0, 4])[photos.target]
    order = np.argsort(-probabilities, axis=1)
    table = imagenet_errors(dataset, weights=network)
    assert table.scores[0, 0, 0] == pytest.approx(100 * np.mean(order[:, 0] != right))
    assert table.scores[1, 0, 0] == 0  # five classes in all
    frame = pd.DataFrame({"filename": photos.data, "x": 1.0})
    numbered = Bunch(**photos | {"target_names": ["2", "0", "4"], "data": frame})
    assert np.array_equal(imagenet_errors(numbered, weights=network).scores, table.scores)
    with pytest.raises(ValueError, match="has no class 'n00000009'"):
        imagenet_errors(Bunch(**photos | {"target_names": ["n00000009"] * 3}), weights=network)


# Some classes only


def test_errors_of_a_network_whose_last_layer_has_another_name(photos, network):
    layers = [replace(layer, name="softmax") if layer.name == "prob" else layer for layer in network.layers]
    renamed = Network(layers, network.arrays, network.preprocessing, labels=network.labels)
    numbered = Bunch(**photos | {"target_names": ["2", "0", "4"]})
    scores = [imagenet_errors(numbered, weights=weights).scores for weights in (network, renamed)]
    assert np.array_equal(*scores)


def test_select_classes_keeps_frames_and_parts(photos):
    parts, target = np.arange(36 * 6).reshape(36, 2, 3), pd.Series(photos.target, name="target")
    data = pd.DataFrame({"filename": photos.data})
    frame = data.assign(target=target)
    part = select_classes(Bunch(data=data, target=target, frame=frame, parts=parts, target_names=list(NAMES)), ["bass"])
    pd.testing.assert_frame_equal(part.frame, frame[frame.target == 1])
    pd.testing.assert_frame_equal(part.data, data[target == 1])
    pd.testing.assert_series_equal(part.target, target[target == 1])
    assert np.array_equal(part.parts, parts[12:24])


def test_select_classes_keeps_rows_boxes_and_splits_together(photos):
    boxes = np.arange(36 * 4).reshape(36, 4)
    whole = Bunch(**photos, boxes=boxes, splits=[(np.arange(0, 36, 2), np.arange(1, 36, 2))])
    part = select_classes(whole, ["crab", "ant"])
    assert set(part.target) == {0, 2}
    assert all(NAMES[k] in path for k, path in zip(part.target, part.data, strict=True))
    train, test = part.splits[0]
    assert part.data[train].tolist() == [path for path in whole.data[::2] if "bass" not in path]
    assert np.array_equal(part.boxes[test], boxes[[i for i in range(1, 36, 2) if "bass" not in whole.data[i]]])
    assert select_classes(whole, None) is whole
    with pytest.raises(ValueError, match="no class 'dog'; the classes are ant, bass, crab"):
        select_classes(whole, ["dog"])
