"""Links from estimators to their pages."""

# SPDX-License-Identifier: BSD-3-Clause
import inspect
from email.message import Message

import pytest
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

import skdecaf
import skdecaf.baselines
import skdecaf.domain_adaptation
import skdecaf.model_selection
import skdecaf.parts
import skdecaf.training
from skdecaf import DeCAFTransformer
from skdecaf._utils import documented

MODULES = (
    skdecaf,
    skdecaf.baselines,
    skdecaf.domain_adaptation,
    skdecaf.model_selection,
    skdecaf.parts,
    skdecaf.training,
)
ESTIMATORS = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in MODULES
    for name in module.__all__
    if inspect.isclass(getattr(module, name)) and issubclass(getattr(module, name), BaseEstimator)
}


@pytest.fixture
def address(monkeypatch):
    monkeypatch.setattr(documented, "documentation_address", lambda: "https://docs.example")


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_links_to_the_page_of_its_public_name(name, address):
    estimator = ESTIMATORS[name].__new__(ESTIMATORS[name])
    assert estimator._get_doc_link() == f"https://docs.example/api/{name}.html"


def test_the_html_of_a_pipeline_has_the_links(address):
    html = make_pipeline(DeCAFTransformer(), LinearSVC())._repr_html_()
    assert 'href="https://docs.example/api/skdecaf.DeCAFTransformer.html"' in html


def test_there_is_no_link_without_an_address(monkeypatch):
    monkeypatch.setattr(documented, "documentation_address", lambda: None)
    assert DeCAFTransformer()._get_doc_link() == ""
    assert "docs.example" not in DeCAFTransformer()._repr_html_()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], None),
        (["Source, https://source.example"], None),
        (["Source, https://source.example", "Documentation, https://docs.example/"], "https://docs.example"),
    ],
)
def test_the_address_is_in_the_metadata_of_the_package(lines, expected, monkeypatch):
    message = Message()
    for line in lines:
        message["Project-URL"] = line
    monkeypatch.setattr(documented, "metadata", lambda name: message)
    assert documented.documentation_address.__wrapped__() == expected
