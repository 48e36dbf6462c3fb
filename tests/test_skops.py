"""The types that skops must be told to trust are those of the guide, and a loaded estimator gives the same results."""

# SPDX-License-Identifier: BSD-3-Clause
import re
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from small_photos import photo_arrays
from tiny_networks import tiny_network

from skdecaf import (
    DeCAFClassifier,
    DeCAFTransformer,
    DropoutClassifier,
    DropoutFeatures,
    ImageNetClassifier,
    domain_adaptation,
)
from skdecaf.baselines import GIST, HOGDescriptor

GUIDE = Path(__file__).parents[1] / "docs" / "guide" / "scale.rst"
PIECES = [image[i : i + 40, :50] for image in photo_arrays()[:2] for i in range(4)]
y = np.repeat(["cat", "dog"], 4)
VALUES = np.random.default_rng(0).random((8, 5))
DOMAINS = np.array([1, 1, -1, -1] * 2)


def name_of(one):
    return f"{one.__module__}.{one.__qualname__}"


def assert_trusted(fitted, others=()):
    """Store and load an estimator; only its class and others may need trust."""
    data = skops.io.dumps(fitted)
    trusted = sorted({name_of(type(fitted)), *others} - {"sklearn.pipeline.Pipeline"})
    assert sorted(skops.io.get_untrusted_types(data=data)) == trusted
    return skops.io.loads(data, trusted=trusted)


@pytest.fixture
def weights(tmp_path):
    tiny_network().save(tmp_path / "tiny.safetensors")
    return str(tmp_path / "tiny.safetensors")


def types_in_guide():
    """The names that the guide lists, under the heading about skops."""
    section = GUIDE.read_text(encoding="utf-8").partition("\nskops\n~~~~~\n")[2].partition("\n~~~")[0]
    return re.findall(r"``(skdecaf(?:\.\w+)+)``", section)


def test_a_pipeline(weights):
    pipeline = make_pipeline(DeCAFTransformer(weights=weights, random_state=0), DropoutFeatures(), LogisticRegression())
    loaded = assert_trusted(pipeline.fit(PIECES, y), types_in_guide()[:2])
    np.testing.assert_array_equal(loaded.predict_proba(PIECES), pipeline.predict_proba(PIECES))


def test_a_classifier_of_photos(weights):
    classifier = DeCAFClassifier(weights=weights, cv=2).fit(PIECES, y)
    loaded = assert_trusted(classifier, types_in_guide())
    np.testing.assert_array_equal(loaded.predict_proba(PIECES), classifier.predict_proba(PIECES))


@pytest.mark.parametrize(
    "estimator",
    [ImageNetClassifier(), GIST(), HOGDescriptor(), DropoutFeatures(), DropoutClassifier(LogisticRegression())],
)
def test_the_others_need_trust_in_their_class_only(estimator):
    assert_trusted(estimator.fit(VALUES if "Dropout" in type(estimator).__name__ else PIECES, y))


@pytest.mark.parametrize("name", domain_adaptation.__all__)
def test_domain_adaptation_needs_trust_in_its_class_only(name):
    target = np.where(DOMAINS > 0, y == "cat", -1).astype(int)
    assert_trusted(getattr(domain_adaptation, name)().fit(VALUES, target, sample_domain=DOMAINS))
