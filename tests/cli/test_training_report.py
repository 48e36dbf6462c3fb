"""``skdecaf train --report``: a web page about a training."""

# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import re
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from photo_folders import broken_photo, photos_of, write_class_folders
from PIL import Image
from sklearn.metrics import confusion_matrix

from skdecaf.cli import _training


class Page(HTMLParser):
    """Tables, figures and text of a page."""

    def __init__(self, path):
        super().__init__(convert_charrefs=True)
        self.tables, self.figures, self.tags, self.addresses, self.open = [], [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        self.addresses += [attributes[name] for name in ("src", "href", "srcset", "action") if name in attributes]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("th", "td"):
            self.tables[-1][-1].append("")
        elif tag == "figure":
            self.figures.append([])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("th", "td"):
            self.tables[-1][-1][-1] += data
        elif "figcaption" in self.open:
            self.figures[-1].append(data)


@pytest.fixture
def report(command, weights, tmp_path):
    """Train on a folder with a report: the page, and the summary."""

    def run(folder, *options):
        page = tmp_path / "report.html"
        arguments = ("train", folder, "--weights", weights, "-o", tmp_path / "m.skops", "--report", page, "--json")
        code, output, errors = command(*arguments, *options)
        assert code == 0, errors
        return Page(page), json.loads(output), page.read_text(encoding="utf-8")

    return run


def mixed_up(folder):
    """Class folders in which two photos lie in the wrong folder."""
    folder = write_class_folders(folder, cat=6, tiger=7, elephant=8)
    os.rename(folder / "cat" / "005.png", folder / "elephant" / "a<b>&.png")
    os.rename(folder / "elephant" / "007.png", folder / "cat" / "\u202egnp.\x1b\n.png")
    return folder


def test_the_page_has_the_figures_of_the_cross_validation(report, tmp_path):
    page, summary, text = report(mixed_up(tmp_path / "animals"), "-q")
    candidates, classes, matrix = page.tables
    assert f"Accuracy: {np.mean(summary['accuracies']):.1%}" in text
    assert candidates[0] == ["candidate", "accuracy", "deviation", ""] and len(candidates) == 10
    chosen = f"layer {summary['layer']}, C={summary['C']:g}"
    assert [row[0] for row in candidates if row[3]] == [chosen] == [candidates[1][0]]
    assert {row[0]: int(row[1]) for row in classes[1:]} == {"cat": 6, "tiger": 7, "elephant": 8}
    accuracies = {row[0]: row[2] for row in classes[1:]}
    assert accuracies == {one["class"]: f"{one['accuracy']:.0%}" for one in summary["classes"]}
    assert matrix[0] == ["class", "cat", "elephant", "tiger"]
    counts = np.array([[int(cell or 0) for cell in row[1:]] for row in matrix[1:]])
    assert counts.sum(axis=1).tolist() == [6, 8, 7]
    wrong = {(one["class"], one["predicted"]): one["photos"] for one in summary["confusions"]}
    assert counts.sum() - counts.trace() == sum(wrong.values()) == len(page.figures) >= 2
    for i, right in enumerate(matrix[0][1:]):
        for j, predicted in enumerate(matrix[0][1:]):
            assert i == j or counts[i, j] == wrong.get((right, predicted), 0)


def test_mistakes_are_shown_with_the_most_confident_first(report, tmp_path):
    page, _, text = report(mixed_up(tmp_path / "animals"), "-q")
    words = [" ".join(caption) for caption in page.figures]
    probabilities = [int(re.search(r"\((\d+)%\)$", each)[1]) for each in words]
    assert probabilities == sorted(probabilities, reverse=True)
    assert any(each.startswith("elephant/a<b>&.png elephant, taken for ") for each in words), words
    images = re.findall(r'<img src="data:image/jpeg;base64,([^"]+)" alt="">', text)
    assert len(images) == len(page.figures)
    assert {Image.open(BytesIO(b64decode(image))).size for image in images} == {(40, 32)}


def test_the_page_needs_no_other_file_and_shows_names_as_text(report, tmp_path):
    folder = mixed_up(tmp_path / "a<script>alert(1)</script>")
    os.rename(folder / "tiger", folder / '<td class="x">&lt;')
    page, _, text = report(folder, "-q")
    assert all(address.startswith("data:image/jpeg") for address in page.addresses)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags} and "url(" not in text
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert page.tables[2][0] == ["class", '<td class="x">&lt;', "cat", "elephant"]
    assert "\u202e" not in text and "\x1b" not in text and r"\u202egnp.\x1b\n.png" in text


def test_the_page_suits_phones_and_screen_readers(report, animals):
    page, _, _ = report(animals, "-q")
    assert ("html", {"lang": "en"}) in page.tags
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in page.tags
    assert sum(tag == "caption" for tag, _ in page.tags) == len(page.tables) == 3
    assert all(attributes["scope"] in ("row", "col") for tag, attributes in page.tags if tag == "th")
    regions = [attributes for tag, attributes in page.tags if attributes.get("role") == "region"]
    assert len(regions) == 3 and all(one["aria-label"] and one["tabindex"] == "0" for one in regions)


def test_photos_that_are_left_out_or_vanish_are_named(report, tmp_path, monkeypatch):
    folder = mixed_up(tmp_path / "animals")
    broken = broken_photo(folder / "cat" / "broken<.png")
    mistakes = _training.Training.mistakes
    lost = []

    def lose(trained):
        found = mistakes(trained)
        if not lost:
            lost.append(found[0].photo)
            broken_photo(folder / os.path.relpath(found[0].photo, folder))
        return found

    monkeypatch.setattr(_training.Training, "mistakes", lose)
    page, summary, text = report(folder, "-q", "--on-error", "skip")
    assert [one["file"] for one in summary["left_out"]] == [broken]
    assert "Photos left out" in text and "broken&lt;.png" in text
    assert "cannot be read" in page.figures[0][0]
    assert text.count("<img") == len(page.figures) - 1


@pytest.mark.parametrize("counts", [{"cat": 3, "elephant": 3}, {"cat": 1, "elephant": 3}])
def test_without_cross_validation_the_accuracy_is_unknown(counts, report, tmp_path):
    options = ["--folds", "0"] if min(counts.values()) > 1 else []
    page, _, text = report(write_class_folders(tmp_path / "animals", **counts), "-q", *options)
    assert "The accuracy is unknown: " in text and "%</" not in text
    assert page.tables == [[["class", "photos"], *([name, str(n)] for name, n in counts.items())]]


def test_a_page_that_exists_stays(command, weights, animals, tmp_path):
    (tmp_path / "r.html").write_text("mine")
    arguments = ("train", animals, "--weights", weights, "-q", "-o", tmp_path / "m.skops", "--report")
    code, output, errors = command(*arguments, tmp_path / "r.html")
    assert (code, output) == (1, "") and "--overwrite" in errors and not (tmp_path / "m.skops").exists()
    assert (tmp_path / "r.html").read_text() == "mine"
    assert command(*arguments, tmp_path / "nowhere" / "r.html")[0] == 1
    assert command(*arguments, tmp_path / "m.skops")[0] == 2
    assert command(*arguments, tmp_path / "r.html", "--overwrite")[0] == 0


def test_figures_of_classes_are_those_of_scikit_learn(report, tmp_path, monkeypatch):
    seen = []
    figures = _training.Training.class_figures
    monkeypatch.setattr(_training.Training, "class_figures", lambda trained: seen.append(trained) or figures(trained))
    folder = mixed_up(tmp_path / "animals")
    report(folder, "-q")
    trained = seen[0]
    assert trained.photos == photos_of(folder)
    counts = confusion_matrix(trained.labels, trained.classifier.cv_predictions_)
    assert np.array_equal(trained.confusion_matrix(), counts)
    for one, row, column in zip(figures(trained), counts, counts.T, strict=True):
        i = row.tolist().index(row.max())
        assert one.accuracy == row[i] / row.sum() or one.accuracy < 0.5
        assert np.isnan(one.precision) if not column.sum() else one.precision <= 1
