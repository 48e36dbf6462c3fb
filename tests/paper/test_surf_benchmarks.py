"""Published figures on Office-Caltech10 by SURF: all of them are printed, and ours are those of a plain loop."""

# SPDX-License-Identifier: BSD-3-Clause
import csv
from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils import Bunch

from skdecaf._paper import surf_benchmarks
from skdecaf.domain_adaptation import GeodesicFlowKernel
from skdecaf.model_selection import DomainAdaptationSplit

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "reproduce.rst"
DOMAINS = {"amazon": 1, "caltech10": 2, "dslr": 3, "webcam": 4}


@pytest.fixture(scope="module")
def surf():
    rng = np.random.default_rng(0)
    y, domains = np.tile(np.repeat(np.arange(3), 24), 4), np.repeat(list(DOMAINS.values()), 72)
    means = rng.uniform(0.5, 3, (3, 40))[y] + rng.uniform(0, 2, (5, 40))[domains]
    counts = rng.poisson(means).astype(np.uint8)
    return Bunch(data=counts, target=y, sample_domain=domains, domain_names=DOMAINS)


@pytest.fixture(scope="module")
def tables(surf):
    return list(surf_benchmarks(surf, n_draws=2, random_state=3))


def standardise(X):
    spread = X.std(axis=0)
    return (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1)


def nearest(source, y_source, target, y_target):
    return 100 * KNeighborsClassifier(1).fit(source, y_source).score(target, y_target)


@pytest.mark.parametrize(
    ("which", "methods", "some"),
    [
        (0, {"1-NN", "SA", "TCA", "OT"}, {("webcam → dslr", "SA"): 82.7, ("mean", "OT"): 41.0}),
        (
            1,
            {"1-NN", "SVM", "GFK", "TCA", "JDA", "CORAL"},
            {("caltech10 → amazon", "SVM"): 53.1, ("dslr → webcam", "JDA"): 89.2, ("mean", "CORAL"): 48.8},
        ),
    ],
)
def test_every_published_figure_is_printed(tables, which, methods, some):
    table = tables[which]
    assert len(table.rows) == 13 and table.rows[-1] == "mean"
    assert {method for _, method in table.published} == methods
    assert set(table.published) == {(row, method) for row in table.rows for method in methods}
    for cell, value in some.items():
        assert table.published[cell] == (value, None)
    means = np.array([[table.published[row, method][0] for method in sorted(methods)] for row in table.rows])
    np.testing.assert_allclose(means[:-1].mean(axis=0), means[-1], atol=0.06)  # no figure is mistyped
    header, _, *lines = table.to_markdown().split("\n\n")[1].splitlines()
    assert header.count("| published") == len(methods)
    assert all(f"| {value} |" in line for line, row in zip(lines, table.rows, strict=True)
               for method in methods for value in [table.published[row, method][0]])  # fmt: skip


def test_the_guide_shows_every_published_figure(tables):
    text = PAGE.read_text(encoding="utf-8")
    for table, title in zip(tables, ("Accuracy in per cent on draws", "Accuracy in per cent on all"), strict=True):
        block = text.split(f".. csv-table:: {title}")[1].split("\n\n")[1]
        header, *lines = csv.reader(block.splitlines(), skipinitialspace=True)
        assert [name for name in header[1:] if name != "published"] == list(table.columns)
        shown = {(j, header[j - 1]) for j, name in enumerate(header) if name == "published"}
        assert {method for _, method in shown} == {method for _, method in table.published}
        for line, row in zip(lines, table.rows, strict=True):
            for j, method in shown:
                assert float(line[j]) == table.published[row, method][0], (row, method)


def test_methods_without_an_estimator_are_published_only(tables):
    for table, method in zip(tables, ("OT", "JDA"), strict=True):
        missing = np.isnan(table.scores).all(axis=(0, 2))
        assert [name for name, none in zip(table.columns, missing, strict=True) if none] == [method]
        assert np.isfinite(table.scores[:, ~missing]).all()
        np.testing.assert_allclose(table.scores[-1], table.scores[:-1].mean(axis=0))


def test_notes_name_the_source_the_protocol_and_the_standardisation(tables):
    drawn, complete = (" ".join(table.notes) for table in tables)
    assert "README of redhat12345/OfficeCaltechDomainAdaptation" in drawn
    assert "20 photos of the source are drawn, or 8 of dslr" in drawn
    assert "over all of its photos, or over the drawn ones in the columns named so" in drawn
    assert "benchmark of jindongwang/transferlearning" in complete
    assert "variance 1 in each domain, over all of its photos." in complete


def test_all_of_the_source_is_what_a_plain_loop_gives(surf, tables):
    table, X = tables[1], surf.data / surf.data.sum(axis=1, keepdims=True)
    for row in table.rows[:-1]:
        masks = [surf.sample_domain == DOMAINS[name] for name in row.split(" → ")]
        source, target = (standardise(X[mask]) for mask in masks)
        y_source, y_target = (surf.target[mask] for mask in masks)
        scores = dict(zip(table.columns, table.scores[table.rows.index(row), :, 0], strict=True))
        assert scores["1-NN"] == nearest(source, y_source, target, y_target)
        both, domains = np.concatenate([source, target]), np.repeat([1, -2], [len(source), len(target)])
        mapped = GeodesicFlowKernel(10).fit_transform(both, sample_domain=domains)
        expected = nearest(mapped[domains > 0], y_source, mapped[domains < 0], y_target)
        assert scores["GFK, d = 10"] == pytest.approx(expected)


def test_columns_differ_by_what_features_are_standardised_over(surf, tables):
    """The rows of the draw give the "drawn" column when they are standardised by themselves."""
    table, X = tables[0], surf.data / surf.data.sum(axis=1, keepdims=True)
    rows = np.flatnonzero(np.isin(surf.sample_domain, (4, 3)))  # webcam and dslr
    y, domains = surf.target[rows], np.where(surf.sample_domain[rows] == 3, -1, 1)
    splits = DomainAdaptationSplit(20, 0, n_splits=2, random_state=3).split(rows, y, domains)
    found = {"1-NN": [], "1-NN, drawn": []}
    for train, test in splits:
        target = standardise(X[rows[test]])
        whole = standardise(X[surf.sample_domain == 4])[rows[train] - np.flatnonzero(surf.sample_domain == 4)[0]]
        found["1-NN"].append(nearest(whole, y[train], target, y[test]))
        found["1-NN, drawn"].append(nearest(standardise(X[rows[train]]), y[train], target, y[test]))
    for name, scores in found.items():
        np.testing.assert_allclose(table.scores[table.rows.index("webcam → dslr"), table.columns.index(name)], scores)
