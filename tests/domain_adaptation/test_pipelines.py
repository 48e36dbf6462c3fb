"""The estimators behind DeCAFTransformer with a cache, in a grid search with metadata routing."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from sklearn import config_context
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC
from tiny_networks import tiny_network

from skdecaf import DeCAFTransformer, DropoutFeatures
from skdecaf.domain_adaptation import (
    CORAL,
    DomainScaler,
    FeatureAugmentation,
    GeodesicFlowKernel,
    MaxMarginDomainTransform,
)
from skdecaf.model_selection import DomainAdaptationSplit, DomainSelector


@pytest.fixture
def photos():
    """Two classes of small arrays; the target is darker."""
    rng = np.random.default_rng(0)
    y, domains = np.tile([0, 1], 12), np.repeat([1, -1], 12)
    X = rng.integers(0, 120, size=(24, 20, 20, 3)) + 100 * (y[:, np.newaxis, np.newaxis, np.newaxis] == [0, 1, 1])
    X[domains < 0] //= 2
    return X.astype(np.uint8), y, domains


def pipeline(folder, *steps):
    features = DeCAFTransformer(dropout=False, weights=tiny_network(), memory=folder)
    return Pipeline([("features", features), ("scale", DropoutFeatures(rate=0)), *steps])


def test_grid_search_over_adaptation_and_its_parameters(photos, tmp_path):
    X, y, domains = photos
    svm = ("svm", DomainSelector(LinearSVC(), "both"))
    model = pipeline(tmp_path, ("adapt", FeatureAugmentation()), svm)
    grid = [
        {"adapt": ["passthrough", DomainScaler(), FeatureAugmentation(), CORAL()]},
        {"adapt": [GeodesicFlowKernel()], "adapt__n_components": [1, 2]},
    ]
    splits = DomainAdaptationSplit(None, 3, n_splits=2, random_state=0)
    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(model, grid, cv=splits, scoring="accuracy", error_score="raise")
        search.fit(X, y, sample_domain=domains)
        predicted = search.predict(X[domains < 0])
    assert len(search.cv_results_["params"]) == 6
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert any(tmp_path.iterdir())  # the activations, computed once per photo
    by_hand = search.best_estimator_.named_steps
    features = by_hand["scale"].transform(by_hand["features"].transform(X[domains < 0]))
    if by_hand["adapt"] != "passthrough":
        features = by_hand["adapt"].transform(features, sample_domain=domains[domains < 0])
    assert np.array_equal(by_hand["svm"].predict(features), predicted)


@pytest.mark.parametrize("scoring", [None, "accuracy"])
def test_classifier_in_cross_validation_gets_the_domains(photos, tmp_path, scoring):
    X, y, domains = photos
    model = pipeline(tmp_path, ("mmdt", MaxMarginDomainTransform()))
    splits = DomainAdaptationSplit(None, 2, n_splits=2, random_state=0)
    domain_of = {"sample_domain": domains}
    with config_context(enable_metadata_routing=True):
        scores = cross_val_score(model, X, y, cv=splits, params=domain_of, scoring=scoring)
        for (train, test), score in zip(splits.split(X, y, **domain_of), scores, strict=True):
            model.fit(X[train], y[train], sample_domain=domains[train])
            assert model[-1].has_target_ and score == np.mean(model.predict(X[test]) == y[test])
