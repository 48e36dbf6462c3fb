"""Tables as Markdown and JSON."""

# SPDX-License-Identifier: BSD-3-Clause
import json

import numpy as np
import pytest

from skdecaf._paper import PaperTable


@pytest.fixture
def table():
    scores = np.array([[[50.0, 54.0], [np.nan, np.nan]], [[70.0, 70.0], [80.5, 81.5]]])
    published = {("SVM", "DeCAF7"): (85.51, 0.9), ("LogReg", "DeCAF6"): (40.0, None)}
    details = {"versions": {"numpy": "2"}}
    return PaperTable("t", "A title", ("LogReg", "SVM"), ("DeCAF6", "DeCAF7"), scores, published, ("A note.",), details)


def test_markdown_has_means_spreads_and_the_figures_of_the_paper(table):
    assert table.to_markdown().splitlines() == [
        "### A title",
        "",
        "|  | DeCAF6 | paper | DeCAF7 | paper |",
        "| --- | --- | --- | --- | --- |",
        "| LogReg | 52.0 ± 2.0 | 40.0 | – | – |",
        "| SVM | 70.0 ± 0.0 | – | 81.0 ± 0.5 | 85.51 ± 0.9 |",
        "",
        "A note.",
    ]


def test_json_is_strict_and_has_it_all(table):
    content = json.loads(table.to_json(), parse_constant=pytest.fail)  # NaN is no JSON
    cells = {(cell.pop("row"), cell.pop("column")): cell for cell in content["cells"]}
    assert cells["LogReg", "DeCAF7"] == dict.fromkeys(("mean", "std", "splits", "paper_mean", "paper_std"))
    assert cells["SVM", "DeCAF7"] == {
        "mean": 81.0,
        "std": 0.5,
        "splits": [80.5, 81.5],
        "paper_mean": 85.51,
        "paper_std": 0.9,
    }
    assert (content["name"], content["notes"], content["details"]) == ("t", ["A note."], {"versions": {"numpy": "2"}})


def test_a_single_run_has_no_spread():
    table = PaperTable("t", "T", ("LogReg",), ("DeCAF6",), np.array([[[58.751]]]))
    assert "| LogReg | 58.8 | – |" in table.to_markdown()


def test_files_are_what_is_printed_and_leave_nothing_beside(table, tmp_path):
    paths = table.save(tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["t.json", "t.md"]
    assert paths[0].read_text(encoding="utf-8") == table.to_markdown() + "\n"
    assert json.loads(paths[1].read_text(encoding="utf-8")) == json.loads(table.to_json())


def test_a_table_that_cannot_be_written_leaves_nothing(tmp_path):
    table = PaperTable("t", "lone surrogate \udcff", ("LogReg",), ("DeCAF6",), np.array([[[58.751]]]))
    with pytest.raises(UnicodeEncodeError):
        table.save(tmp_path)
    assert list(tmp_path.iterdir()) == []
